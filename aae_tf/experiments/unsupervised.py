"""The AAE on a continuous prior, without labels (AAE, sections 1 and 2)."""

from __future__ import annotations

from aae_tf.experiments.experiment import Experiment, paper_phases, practical_phases
from aae_tf.settings import NetworkSettings, PriorSettings, Settings, TrainingSettings


def _unsupervised(name: str, reproduces: str, prior: PriorSettings) -> Experiment:
    return Experiment(
        name=name,
        reproduces=reproduces,
        data="MNIST",
        expected_time="4 to 9 min",
        method="aae",
        recipes={
            "paper": Settings(
                experiment=name,
                recipe="paper",
                prior=prior,
                networks=NetworkSettings(initializer="normal:0.01"),
                phases=paper_phases(),
            ),
            "practical": Settings(
                experiment=name,
                recipe="practical",
                training=TrainingSettings(discriminator_noise=0.3),
                prior=prior,
                phases=practical_phases(),
            ),
        },
    )


UNSUPERVISED = (
    _unsupervised(
        "gaussian",
        "AAE, figure 2a and 2e: 2-D codes on a Gaussian prior",
        PriorSettings(prior="gaussian"),
    ),
    _unsupervised(
        "mixture",
        "AAE, figure 2b: 2-D codes on a ring of ten Gaussians",
        PriorSettings(prior="mixture"),
    ),
    _unsupervised(
        "swiss_roll",
        "AAE, section 2.3's swiss roll prior, without labels",
        PriorSettings(prior="swiss_roll"),
    ),
    _unsupervised(
        "uniform",
        "AAE on a uniform 2-D prior (not in the paper)",
        PriorSettings(prior="uniform"),
    ),
    _unsupervised(
        "sphere",
        "AAE on a sphere in 3-D (not in the paper)",
        PriorSettings(prior="sphere", latent_dim=3),
    ),
)
