"""The catalogue: what each experiment reproduces, its settings, its method and the paper's figures.

It imports no TensorFlow, so that `--mode=list` is quick.
"""

from __future__ import annotations

from collections.abc import Mapping

from aae_tf.errors import SettingsError, any_of
from aae_tf.experiments import aae, categorical, wae
from aae_tf.experiments.experiment import RECIPES, Experiment, ReportedResult
from aae_tf.settings import Settings, override

__all__ = [
    "CATALOGUE",
    "RECIPES",
    "Experiment",
    "ReportedResult",
    "find",
    "settings_for",
    "settings_of",
]

CATALOGUE: Mapping[str, Experiment] = {
    experiment.name: experiment
    for group in (
        aae.UNSUPERVISED,
        aae.LIKELIHOOD,
        aae.LABEL_INFORMED,
        categorical.CATEGORICAL,
        wae.VARIATIONAL,
        wae.WASSERSTEIN,
        wae.REGULARISED,
    )
    for experiment in group
}


def find(name: str) -> Experiment:
    """The experiment of that name."""
    if name not in CATALOGUE:
        raise SettingsError("experiment", name, any_of(name, CATALOGUE))
    return CATALOGUE[name]


def settings_for(name: str, recipe: str | None, *, features: bool) -> Settings:
    """The settings of a recipe for images or for features, whose values are of any range.

    For features the decoder's output is linear, and a VAE's likelihood Gaussian.

    Args:
      name: of the experiment.
      recipe: None for its better one.
      features: whether the data are no images.
    """
    settings = settings_of(name, recipe)
    if not features:
        return settings
    changes = {"output_activation": "linear"}
    if settings.variational is not None:
        changes["likelihood"] = "gaussian"
    return override(settings, changes)


def settings_of(name: str, recipe: str | None = None) -> Settings:
    """The settings of an experiment's recipe, by default its better one."""
    experiment = find(name)
    recipe = recipe or experiment.default_recipe
    if recipe not in experiment.recipes:
        raise SettingsError("recipe", recipe, any_of(recipe, experiment.recipes))
    return experiment.recipes[recipe]
