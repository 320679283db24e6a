"""One table of all rows for which a paper gives a number, ours beside it.

It imports no TensorFlow.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from aae_tf.experiments import CATALOGUE, settings_of
from aae_tf.reporting.groups import Group
from aae_tf.reporting.over_seeds import summary
from aae_tf.settings import DataSettings, flatten, flatten_evaluation

USUAL_DATA = DataSettings().dataset  # goes without saying
PAPER_CAPTION = "Beside the paper's numbers, mean ± standard deviation (n - 1) over n seeds:"
PAPER_HEAD = ("experiment", "recipe", "epochs", "measure", "ours", "n", "paper", "minutes")
PAPER_RIGHT = [PAPER_HEAD.index(name) for name in ("epochs", "ours", "n", "paper", "minutes")]
FIRST_COLUMN = 36  # of the first column in a terminal


def paper_rows(groups: Sequence[Group], sources: bool = True) -> list[list[str]]:
    """A row for each group and each measure that the paper gives of its experiment, of `HEAD`.

    Ours is the mean ± standard deviation (n - 1) over seeds; minutes are a run's mean.

    A row that the paper hasn't, such as another data set, has an empty cell for its number.

    Args:
      groups: in the order of the table.
      sources: whether to say where in the paper its number stands.
    """
    found = []
    for group in groups:
        printed = CATALOGUE[group.experiment].paper
        for metric in dict.fromkeys(figure.metric for figure in printed):
            values = group.values(metric.removeprefix("test/"))
            if values:
                found.append(_paper_row(group, metric, values, sources))
    return found


def _paper_row(group: Group, metric: str, values: Sequence[float], sources: bool) -> list[str]:
    found, name = summary(values), metric.removeprefix("test/")
    mean = f"{found['mean']:.2f}"
    deviation = found["standard_deviation"]
    ours = mean if deviation is None else f"{mean} ± {deviation:.2f}"
    minutes = f"{statistics.fmean(group.minutes):.0f}"
    return [
        _which(group),
        group.recipe,
        f"{group.epochs:g}",
        name,
        ours,
        str(found["n"]),
        _paper(group, metric, sources),
        minutes,
    ]


def _which(group: Group) -> str:
    """What tells the row from the experiment's others, and what else differs from the recipe."""
    printed = CATALOGUE[group.experiment].paper
    usual = settings_of(group.experiment, group.recipe)
    own = {**flatten(usual), **dict(group.settings)}
    judging = flatten_evaluation(usual)  # the measure's own name tells of these
    values: dict[str, set] = {}
    for row in printed:
        for key, value in row.settings.items():
            values.setdefault(key, set()).add(value)
    keys = [key for key, some in values.items() if len(some) > 1 and key not in judging]
    shown = [key for key in keys if key != "dataset" or own[key] != USUAL_DATA]
    others = [key for key in group.settings if key not in keys]
    parts = [f"{key}={own[key]}" for key in [*shown, *others]]
    return ", ".join([group.experiment, *parts])


def _paper(group: Group, metric: str, sources: bool) -> str:
    figure = group.figures.get(metric)
    if figure is None:
        return ""
    deviation = f" ± {figure['deviation']:.2f}" if "deviation" in figure else ""
    source = f" ({figure['source']})" if sources else ""
    return f"{figure['value']:.2f}{deviation}{source}"
