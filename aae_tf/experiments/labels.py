"""Labels for the discriminator or for the decoder (AAE, sections 2.3 and 4)."""

from __future__ import annotations

from aae_tf.experiments.experiment import Experiment, paper_phases, practical_phases
from aae_tf.settings import (
    LabelSettings,
    NetworkSettings,
    PriorSettings,
    Settings,
    TrainingSettings,
)


def _with_labels(
    name: str,
    reproduces: str,
    method: str,
    prior: PriorSettings,
    labels: LabelSettings | None = None,
) -> Experiment:
    return Experiment(
        name=name,
        reproduces=reproduces,
        data="MNIST",
        expected_time="3 to 6 min",
        method=method,
        recipes={
            "paper": Settings(
                experiment=name,
                recipe="paper",
                prior=prior,
                labels=labels,
                networks=NetworkSettings(initializer="normal:0.01"),
                phases=paper_phases(),
            ),
            "practical": Settings(
                experiment=name,
                recipe="practical",
                training=TrainingSettings(epochs=12, discriminator_noise=0.3),
                prior=prior,
                labels=labels,
                phases=practical_phases(),
            ),
        },
    )


EXPERIMENTS = (
    _with_labels(
        "label_mixture",
        "AAE, figure 4a and 4b: labels place the classes on ten Gaussians",
        "label_informed",
        PriorSettings(prior="mixture"),
        LabelSettings(num_labels="10000"),
    ),
    _with_labels(
        "label_swiss_roll",
        "AAE, figure 4c and 4d: labels place the classes along a swiss roll",
        "label_informed",
        PriorSettings(prior="swiss_roll"),
        LabelSettings(num_labels="10000"),
    ),
    _with_labels(
        "style",
        "AAE, figure 7: the decoder knows the class, the code keeps the style",
        "supervised",
        PriorSettings(prior="gaussian", latent_dim=15),
    ),
)
