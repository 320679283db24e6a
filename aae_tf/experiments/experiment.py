"""What an entry of the catalogue says."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from aae_tf.settings import PhaseSettings, Settings, flatten, override

RECIPES: Mapping[str, str] = {
    "paper": "as the paper trains",
    "practical": "what works better in few epochs",
    "averaged": "longer, evaluated by averages of the weights",
    "official": "weighs its terms as the authors' code does",
    "paper_svhn": "as the paper trains on SVHN",
    "regularised": "with a virtual adversarial term, which the papers don't have",
    "balanced": "with that term and one that balances the categories",
    "long": "practical for longer, with more input dropout",
    "refined": "with the virtual adversarial term for the last epochs alone",
    "spread": "cluster heads that start far apart",
    "stochastic": "without labels, noise on the style code and a heavier head penalty",
}


# As a figure names them, where several stand side by side.
TITLES: Mapping[str, str] = {
    "gaussian": "AAE, Gaussian",
    "mixture": "AAE, ring of Gaussians",
    "swiss_roll": "AAE, swiss roll",
    "uniform": "AAE, uniform",
    "sphere": "AAE, sphere",
    "likelihood": "AAE, likelihood",
    "label_mixture": "AAE with labels, ring of Gaussians",
    "label_swiss_roll": "AAE with labels, swiss roll",
    "style": "supervised AAE",
    "discrete": "AAE, categorical code",
    "semi_supervised": "semi-supervised AAE",
    "clustering": "clustering AAE",
    "dim_reduction": "AAE, cluster heads in a plane",
    "vae_gaussian": "VAE, Gaussian",
    "vae_mixture": "VAE, ring of Gaussians",
    "wae_mmd": "WAE-MMD",
    "wae_gan": "WAE-GAN",
    "rae": "RAE",
}


@dataclasses.dataclass(frozen=True)
class ReportedResult:
    """A number that the paper reports.

    Args:
      metric: ours that it stands beside, such as 'test/error_percent'.
      value: the paper's.
      source: where it stands, such as 'AAE, table 2'.
      deviation: as the paper prints it after ±, if it does.
      settings: the row: what the settings have to be, by flag name; a tuple has several that do.
    """

    metric: str
    value: float
    source: str
    deviation: float | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


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
      paper: the numbers that the paper gives.
      pictures: the figures that show what it is about.
    """

    name: str
    reproduces: str
    data: str
    expected_time: str
    method: str
    recipes: Mapping[str, Settings]
    default_recipe: str = "practical"
    paper: tuple[ReportedResult, ...] = ()
    pictures: tuple[str, ...] = ("codes",)

    @property
    def title(self) -> str:
        """What it is called in figures."""
        return TITLES.get(self.name, self.name)

    def paper_figures(self, settings: Settings) -> dict[str, dict[str, Any]]:
        """The paper's numbers for a run of these settings, by metric."""
        flat = flatten(settings)
        figures = {}
        for row in self.paper:
            if all(_is(flag, flat[flag], value) for flag, value in row.settings.items()):
                figures[row.metric] = {"value": row.value, "source": row.source}
                if row.deviation is not None:
                    figures[row.metric]["deviation"] = row.deviation
        return figures


def _is(flag: str, value: Any, of_row: Any) -> bool:
    """Whether a setting is a row's; a file is known by its name, wherever it lies."""
    if flag == "dataset" and "." in of_row:
        return pathlib.PurePath(value).stem == pathlib.PurePath(of_row).stem
    return value in of_row if isinstance(of_row, tuple) else value == of_row


def phase(name, optimizer, rate, momentum, schedule) -> PhaseSettings:
    """The settings of one phase, in a line."""
    return PhaseSettings(
        name=name, optimizer=optimizer, learning_rate=rate, momentum=momentum, schedule=schedule
    )


def paper_phases(drops: str = "50:0.1,1000:0.01") -> tuple[PhaseSettings, ...]:
    """SGD with the paper's rates and momenta (AAE, appendix A.2.1)."""
    return (
        phase("reconstruction", "sgd", 0.01, 0.9, drops),
        phase("discriminator", "sgd", 0.1, 0.1, drops),
        phase("generator", "sgd", 0.1, 0.1, drops),
    )


def practical_phases(discriminator_rate: float = 2e-4) -> tuple[PhaseSettings, ...]:
    """Adam, by default a discriminator slower than its adversary, and rates that fall to 0."""
    return (
        phase("reconstruction", "adam", 1e-3, 0.9, "cosine"),
        phase("discriminator", "adam", discriminator_rate, 0.5, "cosine"),
        phase("generator", "adam", 1e-3, 0.5, "cosine"),
    )


def recipes_of(name: str, paper: Settings, **practical) -> dict[str, Settings]:
    """The paper's settings, and those that differ from them in the given groups."""
    named = dataclasses.replace(paper, experiment=name, recipe="paper")
    return {
        "paper": named,
        "practical": dataclasses.replace(named, recipe="practical", **practical),
    }


def variants(base: Settings, **flags: Mapping[str, Any]) -> dict[str, Settings]:
    """Recipes that differ from another one in a few settings.

    Args:
      base: the other one.
      **flags: for each recipe's name the settings that differ, by flag name.
    """
    return {
        name: dataclasses.replace(override(base, differing), recipe=name)
        for name, differing in flags.items()
    }
