"""The settings of single methods and of their phases."""

from __future__ import annotations

import dataclasses

from aae_tf.settings.fields import (
    COSTS,
    DIVERGENCES,
    MOST_EPOCHS,
    MOST_IMAGES,
    MOST_STEPS,
    Checked,
    above,
    at_least,
    between,
    one_of,
    one_of_or_own,
    parse_count,
    parse_schedule,
    parse_shares,
    parses,
    setting,
)

PHASES = (
    "reconstruction",
    "discriminator",
    "generator",
    "classification",
    "elbo",
    "wasserstein",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelSettings(Checked):
    """Labels"""

    num_labels: str = setting(
        "all",
        "training labels used in all, as many of each class: a number, all, or 0",
        parses(parse_count, "a number of images, all, or 0"),
    )
    labelled_batch_size: int = setting(
        100, "labelled images in a minibatch of the classification phase", at_least(1, MOST_IMAGES)
    )

    @property
    def count(self) -> int | None:
        """How many labels; None for all."""
        return parse_count(self.num_labels)

    @property
    def minibatch(self) -> int:
        """Labelled images in a minibatch, where there are that many."""
        count = self.labelled_batch_size if self.count is None else self.count
        return min(self.labelled_batch_size, count)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleSettings(Checked):
    """Style"""

    conditional_discriminator: bool = setting(
        False,
        "show the discriminator the label, so that the codes of each class match the prior and "
        "not only those of all classes together",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CategorySettings(Checked):
    """Categorical code"""

    adversarial_label: bool = setting(
        True, "match the categorical code to one-hot vectors by a discriminator of its own"
    )
    category_from_reconstruction: bool = setting(
        True,
        "let the reconstruction's loss move q(y|x); without it the decoder takes the category as "
        "given and only the style learns what else there is to say (not in the paper)",
    )
    label_adversary_weight: float = setting(
        1.0,
        "weight of the generator's loss against that discriminator; the loss against the style's "
        "weighs 1",
        above(0),
    )
    label_adversary_warmup: float = setting(
        0.0,
        "epochs over which that weight grows evenly from 0; 0 for all of it from the start",
        at_least(0),
    )
    label_discriminator_noise: float = setting(
        0.0,
        "standard deviation of Gaussian noise on one-hot vectors and q(y|x) where that "
        "discriminator sees them; 0 for --discriminator_noise times their own deviation",
        at_least(0),
    )
    category_shares: str = setting(
        "equal",
        "how probable the categories are that the code is matched to: equal as in the paper, "
        "geometric:RATIO (of each to the one before) or a number for each, such as 3,2,1",
        parses(parse_shares, "equal, geometric:RATIO (below 1), or numbers above 0 with commas"),
    )
    category_balance_weight: float = setting(
        0.0,
        "weight of how far the categories' shares of a minibatch are from --category_shares: KL of "
        "the mean of q(y|x), beside the generator's loss (not in the paper); 0 leaves it out",
        at_least(0),
    )
    virtual_adversarial_weight: float = setting(
        0.0,
        "weight of how much q(y|x) changes under the small change of the image that changes it "
        "most (virtual adversarial training, not in the paper); 0 leaves it out",
        at_least(0),
    )
    virtual_adversarial_radius: float = setting(
        2.0, "Euclidean length of that change, in units of a pixel", above(0)
    )
    virtual_adversarial_neighbour_share: float = setting(
        0.0,
        "that length instead as a share of the distance from each image to the nearest other of "
        "its minibatch, so that alike images are changed less; 0 for one length for all",
        at_least(0),
    )
    virtual_adversarial_start: int = setting(
        0,
        "epochs before the term begins, so that categories form without it and it then moves "
        "their borders; it costs next to nothing before",
        at_least(0, MOST_EPOCHS),
    )
    virtual_adversarial_warmup: float = setting(
        0.0,
        "epochs over which the term's weight then grows evenly from 0; 0 for all of it at once",
        at_least(0),
    )
    virtual_adversarial_phase: str = setting(
        "generator",
        "phase to whose loss the term is added; classification is for runs with labels",
        one_of("generator", "classification"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClusterSettings(Checked):
    """Clusters"""

    num_clusters: int = setting(
        10, "size of the categorical code where no labels say what it means", at_least(2, 10**4)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadSettings(Checked):
    """Cluster heads"""

    head_spread: float = setting(
        1.0, "standard deviation of the normal distribution that the heads start from", above(0)
    )
    head_distance: float = setting(
        1.0, "heads closer to each other than this are pushed apart", at_least(0)
    )
    head_penalty: float = setting(
        1.0, "weight of that: the cost of a pair for each unit that it lacks", at_least(0)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class VariationalSettings(Checked):
    """Variational auto-encoder"""

    beta: float = setting(1.0, "weight of the divergence of q(z|x) from the prior", at_least(0))
    likelihood: str = setting(
        "bernoulli",
        "p(x|z): bernoulli (of pixels in 0..1) or gaussian",
        one_of("bernoulli", "gaussian"),
    )
    decoder_variance: float = setting(1.0, "of the pixels, with --likelihood=gaussian", above(0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class WassersteinSettings(Checked):
    """Wasserstein auto-encoder"""

    cost: str = setting(
        "l2_squared",
        ", ".join(COSTS) + ", or package.module:function of images and reconstructions (batch, "
        "height, width, channels), which returns (batch,)",
        one_of_or_own(COSTS),
    )
    cost_scale: float = setting(
        1.0,
        "factor of the cost; 0.05 in the authors' code, and 4 for pixels in 0..1 where a paper's "
        "lie in -1..1",
        above(0),
    )
    divergence: str = setting(
        "mmd_imq",
        ", ".join(DIVERGENCES) + ", or package.module:function of codes and the prior's samples "
        "(batch, latent_dim), which returns a number",
        one_of_or_own(DIVERGENCES),
    )
    penalty_weight: float = setting(
        10.0, "lambda, the weight of the divergence beside the cost", above(0)
    )
    log_prior_trick: bool = setting(
        False,
        "with --divergence=gan, add the log density of the prior to the discriminator's logit, so "
        "that it need only learn the codes'",
    )
    projections: int = setting(
        100,
        "directions of --divergence=sliced_wasserstein, drawn anew each step",
        at_least(1, 10**5),
    )
    entropy_share: float = setting(
        0.5,
        "entropic regularisation of --divergence=sinkhorn, as a share of the expected squared "
        "distance of two samples of the prior; less of it asks for larger minibatches",
        above(0),
    )
    pretraining_steps: int = setting(
        0,
        "steps, at most, that first bring mean and covariance of the codes to the prior's; 200 in "
        "the authors' code",
        at_least(0, MOST_STEPS),
    )
    pretraining_batch_size: int = setting(
        1000, "images in a minibatch of these steps", at_least(2, MOST_IMAGES)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegularisedSettings(Checked):
    """Regularised autoencoder"""

    latent_weight: float = setting(
        0.01, "beta, weight of half the code's squared length beside the squared error", at_least(0)
    )
    decoder_penalty: str = setting(
        "gradient",
        "what keeps the decoder smooth: gradient, the squared norm of its Jacobian by the code, or "
        "l2, that of all its weights",
        one_of("gradient", "l2"),
    )
    decoder_penalty_weight: float = setting(
        1e-3, "lambda, weight of that; 0 leaves it out", at_least(0)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhaseSettings(Checked):
    """How one phase moves its networks."""

    name: str
    optimizer: str = setting("adam", "sgd or adam", one_of("sgd", "adam"))
    learning_rate: float = setting(1e-3, "initial learning rate", above(0))
    momentum: float = setting(0.9, "momentum of sgd, beta_1 of adam", between(0, 1))
    epsilon: float = setting(
        1e-7, "what adam adds to the root of the squared gradients' mean; 1e-8 in TF 1", above(0)
    )
    schedule: str = setting(
        "constant",
        "constant, cosine (to 0 at the last epoch), or EPOCH:FACTOR,... of the initial rate",
        parses(parse_schedule, "constant, cosine, or EPOCH:FACTOR,... such as 50:0.1,1000:0.01"),
    )

    @property
    def flag_prefix(self) -> str:
        return f"{self.name}_"
