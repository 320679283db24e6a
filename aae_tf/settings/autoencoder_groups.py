"""The settings of variational and Wasserstein auto-encoders."""

from __future__ import annotations

import dataclasses

from aae_tf.settings.checks import COSTS, DIVERGENCES, above, at_least, one_of, one_of_or_own
from aae_tf.settings.group import Checked, setting


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
    cost_scale: float = setting(1.0, "factor of the cost; 0.05 in the authors' code", above(0))
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
        100, "directions of --divergence=sliced_wasserstein, drawn anew each step", at_least(1)
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
        at_least(0),
    )
    pretraining_batch_size: int = setting(1000, "images in a minibatch of these steps", at_least(2))
