"""A table of many runs: mean and standard error over seeds.

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.experiments import CATALOGUE, settings_of
from aae_tf.settings import flatten

FORMATS = ("markdown", "json", "text")
CAPTION = "On test images; over seeds mean ± standard error (number of runs)."


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that share all settings but the seed.

    Args:
      experiment: name.
      recipe: name.
      settings: what differs from the recipe, by flag name, seed and epochs aside.
      epochs: of each run.
      results: what the runs' result.json files hold, in the order of their seeds.
    """

    experiment: str
    recipe: str
    settings: Mapping[str, Any]
    epochs: float
    results: Sequence[Mapping[str, Any]]

    @property
    def told(self) -> str:
        return ", ".join(f"{flag}={value}" for flag, value in self.settings.items())

    @property
    def seeds(self) -> list[int]:
        return [result["seed"] for result in self.results]

    @property
    def minutes(self) -> list[float]:
        return [result["wall_seconds"] / 60 for result in self.results]

    @property
    def paper(self) -> str:
        """The paper's numbers for these runs."""
        return paper_text(self.results[0]["paper"])

    def values(self, name: str) -> list[float]:
        """A measure on test images, of the runs that have it."""
        found = [result["metrics"].get(f"test/{name}") for result in self.results]
        return [value for value in found if value is not None]


def collate(folder: pathlib.Path, form: str = "markdown", measures: Sequence[str] = ()) -> str:
    """A table of every result.json below a folder, on test images, in the paper's order.

    Runs that share all settings but the seed stand in one row as mean ± standard error.

    Args:
      folder: where to look.
      form: 'markdown'; 'text', the same with aligned columns; or 'json', a list of rows with each
        measure's n, mean, standard_deviation and standard_error (null for a single run).
      measures: those to show, in this order; all without any. A JSON list has all.

    Raises:
      SettingsError: if no run has one of these measures.
      RunFolderError: if there is none, or one can't be read.
    """
    groups = groups_below(folder)
    if not groups:
        raise RunFolderError(f"--run_dir={folder}: holds no result.json, in no folder below either")
    if form == "json":
        return json.dumps([_row(group) for group in groups], indent=2)
    known = measures_of(result for group in groups for result in group.results)
    for name in measures:
        if name not in known:
            raise SettingsError("report_measures", name, "of " + ", ".join(known))
    names = list(measures) or known
    papers = any(group.paper for group in groups)
    head = ["experiment", "recipe", "settings", "epochs", "seeds", *names,
            *(["paper"] if papers else []), "minutes"]  # fmt: skip
    rows = [
        [group.experiment, group.recipe, group.told, f"{group.epochs:g}",
         ", ".join(map(str, group.seeds)), *(mean_and_error(group.values(name)) for name in names),
         *([group.paper] if papers else []), mean_and_error(group.minutes, 2)]
        for group in groups
    ]  # fmt: skip
    table = markdown(head, rows) if form == "markdown" else _aligned(head, rows)
    return f"{CAPTION}\n\n{table}"


def groups_below(folder: pathlib.Path) -> list[Group]:
    """The runs of every result.json below a folder, in the order of the catalogue.

    Raises:
      RunFolderError: if one can't be read.
    """
    found = defaultdict(list)
    for file in sorted(folder.rglob("result.json")):
        try:
            result = json.loads(file.read_text())
            told = _told(file.with_name("settings.json"), result)
            key = result["experiment"], result["recipe"], tuple(told.items()), result["epochs"]
            for needed in ("seed", "metrics", "paper", "wall_seconds"):
                result[needed]
            found[key].append(result)
        except (OSError, ValueError, KeyError, TypeError, UserError) as error:
            raise RunFolderError(f"{file} can't be used ({error!r})") from None
    groups = [
        Group(experiment, recipe, dict(told), epochs, sorted(results, key=lambda r: r["seed"]))
        for (experiment, recipe, told, epochs), results in found.items()
    ]
    return sorted(groups, key=_place)


def measures_of(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the measures on test images that any of the results has."""
    keys = dict.fromkeys(key for result in results for key in result["metrics"])
    return [key.removeprefix("test/") for key in keys if key.startswith("test/")]


def mean_and_error(values: Sequence[float], digits: int = 4) -> str:
    """'mean ± standard error (n)', a single value alone, '' for none.

    The error has two digits, and the mean as many decimals; without an error it has `digits`.
    """
    if not values:
        return ""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.{digits}g}"
    error = standard_error(values)
    if not (math.isfinite(error) and error > 0):
        return f"{mean:.{digits}g} ± {error:g} ({len(values)})"
    decimals = 1 - math.floor(math.log10(error))
    if decimals <= 6:
        decimals = max(decimals, 0)
        return f"{mean:.{decimals}f} ± {error:.{decimals}f} ({len(values)})"
    return f"{mean:.{digits}g} ± {error:.2g} ({len(values)})"


def standard_error(values: Sequence[float]) -> float:
    """The sample's standard deviation (n - 1) over the root of n, for two values or more."""
    return statistics.stdev(values) / math.sqrt(len(values))


def paper_text(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The numbers that the paper gives, with their source."""
    return "; ".join(
        f"{metric.removeprefix('test/')} {figure['value']:g}"
        + (f" ± {figure['deviation']:g}" if "deviation" in figure else "")
        + f" ({figure['source']})"
        for metric, figure in figures.items()
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _aligned(head, rows) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _row(group: Group) -> dict[str, Any]:
    return {
        "experiment": group.experiment,
        "recipe": group.recipe,
        "settings": dict(group.settings),
        "epochs": group.epochs,
        "seeds": group.seeds,
        "metrics": {name: _summary(group.values(name)) for name in measures_of(group.results)},
        "paper": group.results[0]["paper"],
        "minutes": _summary(group.minutes),
    }


def _summary(values: Sequence[float]) -> dict[str, float | int | None]:
    several = len(values) > 1
    return {
        "n": len(values),
        "mean": statistics.fmean(values),
        "standard_deviation": statistics.stdev(values) if several else None,
        "standard_error": standard_error(values) if several else None,
    }


def _place(group: Group) -> tuple:
    """Where a row stands: in the papers' order, then numbers in settings by their size."""
    rows = CATALOGUE[group.experiment].paper
    given = {(metric, f["value"], f["source"]) for metric, f in group.results[0]["paper"].items()}
    printed = [n for n, row in enumerate(rows) if (row.metric, row.value, row.source) in given]
    parts = re.split(r"(\d+(?:\.\d+)?)", group.told)
    numbered = [(float(part), "") if part[:1].isdigit() else (math.inf, part) for part in parts]
    place = printed[0] if printed else len(rows)
    return list(CATALOGUE).index(group.experiment), group.recipe, place, numbered, group.epochs


def _told(file: pathlib.Path, result: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in which a run differs from its recipe, seed and epochs aside."""
    recipe = flatten(settings_of(result["experiment"], result["recipe"]), only_changing_run=True)
    own = json.loads(file.read_text()) if file.exists() else {}
    return {
        flag: own[flag]
        for flag, value in recipe.items()
        if flag not in ("seed", "epochs") and own.get(flag, value) != value
    }
