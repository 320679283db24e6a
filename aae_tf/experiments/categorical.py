"""Codes with a categorical part: classes, clusters, heads (AAE, sections 5 to 7)."""

from __future__ import annotations

from aae_tf.experiments.experiment import (
    Experiment,
    ReportedResult,
    paper_phases,
    phase,
    practical_phases,
    recipes_of,
    variants,
)
from aae_tf.settings import (
    CategorySettings,
    ClusterSettings,
    HeadSettings,
    LabelSettings,
    NetworkSettings,
    PriorSettings,
    Settings,
    TrainingSettings,
)

PAPER_DROPS = "50:0.1,1000:0.01"
PAPER_CLASSIFICATION = phase("classification", "sgd", 0.1, 0.9, PAPER_DROPS)
CLASSIFICATION = phase("classification", "adam", 1e-3, 0.9, "cosine")
ERROR = "test/error_percent"
# Besides a virtual adversarial term and one for the balance of clusters: categories that weigh more
# than the style, and small networks that learn to reconstruct late. The decoder has hardly begun
# when training ends (half squared error 24, where the practical recipe of figure 11c has 15).
BALANCED = {
    "epochs": 16,
    "batch_size": 250,
    "input_noise": 0.0,
    "input_dropout": 0.2,
    "encoder_units": "500,500",
    "decoder_units": "500,500",
    "discriminator_units": "500,500",
    "initializer": "normal:0.01",
    "generator_learning_rate": 2e-3,
    "discriminator_learning_rate": 5e-4,
    "reconstruction_learning_rate": 5e-5,
    "label_adversary_weight": 20.0,
    "label_discriminator_noise": 0.2,
    "category_balance_weight": 80.0,
    "virtual_adversarial_weight": 100.0,
    "virtual_adversarial_neighbour_share": 0.3,
}


def _paper(prior_dim: int, **groups) -> Settings:
    """What the paper says of section 5's network, and what a method has besides."""
    return Settings(
        **{
            "experiment": "",
            "recipe": "",
            "training": TrainingSettings(epochs=5000, input_noise=0.3),
            "prior": PriorSettings(prior="gaussian", latent_dim=prior_dim),
            "networks": NetworkSettings(initializer="normal:0.01"),
            "categories": CategorySettings(),
            "phases": (*paper_phases(), PAPER_CLASSIFICATION),
            **groups,
        }
    )


def _practical_training(**changes) -> TrainingSettings:
    return TrainingSettings(**{"epochs": 20, "input_noise": 0.3, **changes})


def _practical_networks() -> NetworkSettings:
    """Batch norm in the encoder; small discriminators, which make a step faster."""
    return NetworkSettings(encoder_batch_norm=True, discriminator_units=(256, 256))


def _semi_supervised() -> Experiment:
    name = "semi_supervised"
    recipes = recipes_of(
        name,
        _paper(10, labels=LabelSettings(num_labels="100")),
        # Validation images, seed 0: 3.3 % after 30 epochs and 2.7 % where there are 100.
        training=_practical_training(epochs=30, discriminator_noise=0.3),
        networks=_practical_networks(),
        phases=(*practical_phases(), CLASSIFICATION),
    )
    names = [phase.name for phase in recipes["paper"].phases]
    recipes |= variants(
        recipes["paper"],
        # Averages of the weights do in an hour what falling rates do later.
        averaged={
            "epochs": 100,
            "average_decay": 0.999,
            "discriminator_units": "500,500",
            **{f"{each}_schedule": "constant" for each in names},
        },
        # Appendix A.2.2.
        paper_svhn={
            "epochs": 1000,
            "reconstruction_learning_rate": 1e-4,
            "discriminator_learning_rate": 0.01,
            "generator_learning_rate": 0.01,
            **{f"{each}_schedule": "250:0.1" for each in names},
        },
    )
    # What the rows have in common; how heavy the terms may be depends on the number of labels.
    regularised = {
        "epochs": 20,
        "input_noise": 0.0,
        "virtual_adversarial_weight": 1.0,
        "virtual_adversarial_phase": "classification",
        "classification_learning_rate": 0.003,
    }
    return Experiment(
        name=name,
        reproduces="AAE, table 2: classification with few labels",
        data="MNIST",
        expected_time="14 to 25 min (1 core)",
        method=name,
        recipes={**recipes, **variants(recipes["practical"], regularised=regularised)},
        paper=tuple(
            ReportedResult(
                ERROR,
                value,
                "AAE, table 2",
                deviation,
                {"num_labels": labels, "dataset": dataset, "adversarial_label": True},
            )
            for dataset, labels, value, deviation in (
                ("mnist", "100", 1.90, 0.10),
                ("mnist", "1000", 1.60, 0.08),
                ("mnist", "all", 0.85, 0.02),
                ("svhn_cropped", "1000", 17.70, 0.30),
            )
        ),
        pictures=("style_grid",),
    )


def _clustering() -> Experiment:
    name = "clustering"
    recipes = recipes_of(
        name,
        _paper(
            5,
            training=TrainingSettings(epochs=1500, input_dropout=0.2),
            clusters=ClusterSettings(num_clusters=30),
            networks=NetworkSettings(
                initializer="normal:0.01",
                encoder_units=(3000, 3000),
                decoder_units=(3000, 3000),
                discriminator_units=(3000, 3000),
                encoder_batch_norm=True,
            ),
            phases=paper_phases("50:0.1"),
        ),
        # Longer runs make purer clusters, but the one image that names each is worse chosen.
        training=_practical_training(
            epochs=8, input_noise=0.0, input_dropout=0.2, discriminator_noise=0.3
        ),
        networks=NetworkSettings(encoder_batch_norm=True),
        phases=practical_phases(),
    )
    long = {"epochs": 120, "input_dropout": 0.5, "discriminator_units": "500,500"}
    # Once clusters have formed, the term moves their borders.
    refined = {
        **long,
        "epochs": 80,
        "virtual_adversarial_weight": 10.0,
        "virtual_adversarial_neighbour_share": 0.3,
        "virtual_adversarial_start": 64,
    }
    return Experiment(
        name=name,
        reproduces="AAE, table 3 and figure 9: unsupervised clustering",
        data="MNIST",
        expected_time="5 to 6 min (1 core)",
        method=name,
        recipes={
            **recipes,
            **variants(recipes["practical"], long=long, refined=refined, balanced=BALANCED),
        },
        paper=tuple(
            ReportedResult(
                ERROR,
                value,
                "AAE, table 3",
                deviation,
                {"num_clusters": clusters, "dataset": "mnist", "adversarial_label": True},
            )
            for clusters, value, deviation in ((16, 9.55, 2.05), (30, 4.10, 1.13))
        ),
        pictures=("clusters",),
    )


def _discrete() -> Experiment:
    name = "discrete"
    return Experiment(
        name=name,
        reproduces="AAE's categorical code with and without its adversary (not in the paper)",
        data="MNIST",
        expected_time="3 to 5 min",
        method=name,
        recipes=recipes_of(
            name,
            _paper(10, clusters=ClusterSettings(num_clusters=10), phases=paper_phases()),
            training=_practical_training(epochs=10, discriminator_noise=0.3),
            networks=NetworkSettings(encoder_batch_norm=True),
            phases=practical_phases(),
        ),
        pictures=("categories",),
    )


def _dim_reduction() -> Experiment:
    name = "dim_reduction"
    recipes = recipes_of(
        name,
        _paper(
            2,
            labels=LabelSettings(num_labels="1000"),
            clusters=ClusterSettings(num_clusters=20),
            heads=HeadSettings(),
        ),
        training=_practical_training(epochs=30, discriminator_noise=0.3),
        heads=HeadSettings(head_distance=6.0),
        networks=_practical_networks(),
        phases=(*practical_phases(), CLASSIFICATION),
    )
    averaged = {
        "epochs": 45,
        "batch_size": 250,
        "average_decay": 0.998,
        "labelled_batch_size": 250,
        # The rates grow with the root of the minibatch, as Adam's do.
        "reconstruction_learning_rate": 1.6e-3,
        "discriminator_learning_rate": 3.2e-4,
        "generator_learning_rate": 1.6e-3,
        "classification_learning_rate": 1.6e-3,
    }
    # Heads that start from N(0, 1) lie upon each other.
    heads_apart = {"head_spread": 10.0, "reconstruction_learning_rate": 3e-4}
    repulsion = {"num_labels": "0", "head_distance": 3.0, "head_penalty": 10.0}
    recipes |= variants(
        recipes["practical"],
        averaged=averaged,
        spread={
            **averaged,
            **heads_apart,
            "epochs": 8,
            "average_decay": 0.0,
            "labelled_batch_size": 100,
        },
        regularised={
            **heads_apart,
            "epochs": 15,
            "input_noise": 0.0,
            "virtual_adversarial_weight": 1.0,
            "virtual_adversarial_radius": 1.0,
        },
        balanced={**BALANCED, **repulsion, "head_spread": 10.0},
        stochastic={
            **repulsion,
            "head_spread": 3.0,
            "average_decay": 0.999,
            "encoder": "isotropic",
            "encoder_noise_sd": 0.3,
            "input_noise": 0.0,
            "input_dropout": 0.2,
            "discriminator_noise": 0.0,
            "discriminator_units": "500,500",
            "reconstruction_learning_rate": 3e-4,
            "generator_learning_rate": 3e-4,
            "reconstruction_schedule": "constant",
            "discriminator_schedule": "constant",
            "generator_schedule": "constant",
        },
    )
    rows = (
        (2, "1000", 4.20, "AAE, figure 11a"),
        (2, "100", 6.08, "AAE, figure 11b"),
        (2, "0", 13.95, "AAE, figure 11c"),
        (10, "100", 3.90, "AAE, figure 11d"),
    )
    return Experiment(
        name=name,
        reproduces="AAE, figure 11: cluster heads in a plane, and the codes around them",
        data="MNIST",
        expected_time="14 to 25 min (1 core)",
        method=name,
        recipes=recipes,
        paper=tuple(
            ReportedResult(
                ERROR,
                value,
                source,
                None,
                {
                    "latent_dim": dim,
                    "num_labels": labels,
                    "dataset": "mnist",
                    "num_clusters": 20,
                    "adversarial_label": True,
                },
            )
            for dim, labels, value, source in rows
        ),
        pictures=("embedding",),
    )


CATEGORICAL: tuple[Experiment, ...] = (
    _discrete(),
    _semi_supervised(),
    _clustering(),
    _dim_reduction(),
)
