"""Codes with a categorical part: classes, clusters, heads (AAE, sections 5 to 7)."""

from __future__ import annotations

import dataclasses

from aae_tf.experiments.experiment import (
    Experiment,
    ReportedResult,
    paper_phases,
    phase,
    practical_phases,
    recipes_of,
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


def _averaged(paper: Settings) -> Settings:
    """The paper's recipe for an hour: averages of the weights do what falling rates do later."""
    return dataclasses.replace(
        paper,
        recipe="averaged",
        training=dataclasses.replace(paper.training, epochs=100, average_decay=0.999),
        networks=dataclasses.replace(paper.networks, discriminator_units=(500, 500)),
        phases=tuple(dataclasses.replace(each, schedule="constant") for each in paper.phases),
    )


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
    return Experiment(
        name=name,
        reproduces="AAE, table 2: classification with few labels",
        data="MNIST",
        expected_time="14 to 25 min (1 core)",
        method=name,
        recipes={**recipes, "averaged": _averaged(recipes["paper"])},
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
    return Experiment(
        name=name,
        reproduces="AAE, table 3 and figure 9: unsupervised clustering",
        data="MNIST",
        expected_time="5 to 6 min (1 core)",
        method=name,
        recipes=recipes_of(
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
        ),
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
    training = _practical_training(epochs=30, discriminator_noise=0.3)
    recipes = recipes_of(
        name,
        _paper(
            2,
            labels=LabelSettings(num_labels="1000"),
            clusters=ClusterSettings(num_clusters=20),
            heads=HeadSettings(),
        ),
        training=training,
        heads=HeadSettings(head_distance=6.0),
        networks=_practical_networks(),
        phases=(*practical_phases(), CLASSIFICATION),
    )
    practical = recipes["practical"]
    averaged = dataclasses.replace(
        practical,
        recipe="averaged",
        training=dataclasses.replace(training, epochs=45, batch_size=250, average_decay=0.998),
        labels=dataclasses.replace(practical.labels, labelled_batch_size=250),
        phases=tuple(  # the rates grow with the root of the minibatch, as Adam's do
            dataclasses.replace(each, learning_rate=round(1.6 * each.learning_rate, 6))
            for each in practical.phases
        ),
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
        recipes={**recipes, "averaged": averaged},
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
