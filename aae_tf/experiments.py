"""The catalogue: what each experiment reproduces, its settings, its method and its figures.

It imports no TensorFlow, so that `--mode=list` is quick.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from aae_tf.errors import SettingsError
from aae_tf.settings import (
    NetworkSettings,
    PhaseSettings,
    PriorSettings,
    Settings,
    TrainingSettings,
)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An entry of the catalogue.

    Args:
      name: for --experiment.
      reproduces: what of which paper.
      data: which data it is about.
      expected_time: of a run with its default settings.
      method: name of its method.
      recipes: settings by recipe.
      default_recipe: the better one.
      paper: the paper's figures by metric, where it gives any, and where they stand.
    """

    name: str
    reproduces: str
    data: str
    expected_time: str
    method: str
    recipes: Mapping[str, Settings]
    default_recipe: str
    paper: Mapping[str, object]


def _paper_phases() -> tuple[PhaseSettings, ...]:
    """SGD with the paper's rates and momenta (AAE, appendix A.2.1)."""
    drops = "50:0.1,1000:0.01"
    return (
        PhaseSettings(name="reconstruction", optimizer="sgd", learning_rate=0.01, momentum=0.9,
                      schedule=drops),
        PhaseSettings(name="discriminator", optimizer="sgd", learning_rate=0.1, momentum=0.1,
                      schedule=drops),
        PhaseSettings(name="generator", optimizer="sgd", learning_rate=0.1, momentum=0.1,
                      schedule=drops),
    )  # fmt: skip


def _practical_phases() -> tuple[PhaseSettings, ...]:
    """Adam, a discriminator slower than its adversary, and rates that fall to 0."""
    return (
        PhaseSettings(name="reconstruction", learning_rate=1e-3, momentum=0.9, schedule="cosine"),
        PhaseSettings(name="discriminator", learning_rate=2e-4, momentum=0.5, schedule="cosine"),
        PhaseSettings(name="generator", learning_rate=1e-3, momentum=0.5, schedule="cosine"),
    )


def _unsupervised(name: str, reproduces: str, prior: PriorSettings, paper=None) -> Experiment:
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
                phases=_paper_phases(),
            ),
            "practical": Settings(
                experiment=name,
                recipe="practical",
                training=TrainingSettings(discriminator_noise=0.3),
                prior=prior,
                phases=_practical_phases(),
            ),
        },
        default_recipe="practical",
        paper=paper or {},
    )


CATALOGUE: Mapping[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
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
}


def find(name: str) -> Experiment:
    """The experiment of that name."""
    if name not in CATALOGUE:
        raise SettingsError("experiment", name, "one of " + ", ".join(CATALOGUE))
    return CATALOGUE[name]


def settings_of(name: str, recipe: str | None = None) -> Settings:
    """The settings of an experiment's recipe, by default its better one."""
    experiment = find(name)
    recipe = recipe or experiment.default_recipe
    if recipe not in experiment.recipes:
        raise SettingsError("recipe", recipe, "one of " + ", ".join(experiment.recipes))
    return experiment.recipes[recipe]
