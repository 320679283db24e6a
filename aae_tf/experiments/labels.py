"""Labels for the discriminator or for the decoder (AAE, sections 2.3 and 4)."""

from __future__ import annotations

from aae_tf.experiments.experiment import (
    Experiment,
    paper_phases,
    practical_phases,
    recipes_of,
)
from aae_tf.settings import (
    LabelSettings,
    NetworkSettings,
    PriorSettings,
    Settings,
    StyleSettings,
    TrainingSettings,
)


def _label_informed(name: str, reproduces: str, prior: PriorSettings) -> Experiment:
    return Experiment(
        name=name,
        reproduces=reproduces,
        data="MNIST",
        expected_time="2 to 8 min",
        method="label_informed",
        recipes=recipes_of(
            name,
            _paper(prior, labels=LabelSettings(num_labels="10000")),
            training=TrainingSettings(epochs=12, discriminator_noise=0.3),
            networks=NetworkSettings(),
            phases=practical_phases(),
        ),
        pictures=("codes", "components"),
    )


def _style() -> Experiment:
    name = "style"
    return Experiment(
        name=name,
        reproduces="AAE, figure 7: the decoder knows the class, the code keeps the style",
        data="MNIST",
        expected_time="6 min",
        method="supervised",
        recipes=recipes_of(
            name,
            _paper(PriorSettings(prior="gaussian", latent_dim=15), style=StyleSettings()),
            training=TrainingSettings(epochs=12),
            style=StyleSettings(conditional_discriminator=True),
            networks=NetworkSettings(encoder_batch_norm=True),
            phases=practical_phases(discriminator_rate=1e-3),
        ),
        pictures=("style_grid",),
    )


def _paper(prior: PriorSettings, **groups) -> Settings:
    return Settings(
        experiment="",
        recipe="",
        prior=prior,
        networks=NetworkSettings(initializer="normal:0.01"),
        phases=paper_phases(),
        **groups,
    )


LABEL_INFORMED = (
    _label_informed(
        "label_mixture",
        "AAE, figure 4a and 4b: labels place the classes on ten Gaussians",
        PriorSettings(prior="mixture"),
    ),
    _label_informed(
        "label_swiss_roll",
        "AAE, figure 4c and 4d: labels place the classes along a swiss roll",
        PriorSettings(prior="swiss_roll"),
    ),
    _style(),
)
