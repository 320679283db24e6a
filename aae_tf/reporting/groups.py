"""Finished runs, taken together where they share all settings but the seed.

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aae_tf import commands
from aae_tf.errors import RunFolderError, UserError
from aae_tf.experiments import CATALOGUE, settings_of
from aae_tf.reporting.over_seeds import paper_text
from aae_tf.settings import PLACES, flatten

# What a command says of its own: the seeds; and what a machine has, not a run.
NOT_TOLD = ("seed", *PLACES)


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
      folder: where it lies.
      result: what its result.json holds.
      settings: its settings.json; empty without one.
      commit: of the program; 'unknown' if its provenance.json doesn't say.
    """

    folder: pathlib.Path
    result: Mapping[str, Any]
    settings: Mapping[str, Any]
    commit: str


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that share all settings but the seed.

    Args:
      experiment: name.
      recipe: name.
      settings: what differs from the recipe, by flag name, seed and epochs aside.
      epochs: of each run.
      runs: in the order of their seeds.
    """

    experiment: str
    recipe: str
    settings: Mapping[str, Any]
    epochs: float
    runs: Sequence[Run]

    @property
    def results(self) -> list[Mapping[str, Any]]:
        return [run.result for run in self.runs]

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

    @property
    def commits(self) -> list[str]:
        """Of the program, each once, in the order of the runs."""
        return list(dict.fromkeys(run.commit for run in self.runs))

    @property
    def command(self) -> list[str]:
        """The command that makes these runs again."""
        first = self.runs[0].settings or {
            "experiment": self.experiment, "recipe": self.recipe, "epochs": math.ceil(self.epochs),
        }  # fmt: skip
        seeds = list(dict.fromkeys(self.seeds))
        listed = ",".join(map(str, seeds))
        flags = commands.flags_of(first, leave_out=NOT_TOLD)
        return ["aae-tf", *flags, f"--seeds={listed}" if len(seeds) > 1 else f"--seed={listed}"]

    def values(self, name: str) -> list[float]:
        """A measure on test images, of the runs that have it."""
        found = [result["metrics"].get(f"test/{name}") for result in self.results]
        return [value for value in found if value is not None]


def groups_below(folder: pathlib.Path) -> list[Group]:
    """The runs of every result.json below a folder, in the order of the catalogue.

    Raises:
      RunFolderError: if one can't be read.
    """
    found = defaultdict(list)
    for file in sorted(folder.rglob("result.json")):
        try:
            result = json.loads(file.read_text())
            own = _json_beside(file, "settings.json")
            if own:  # --mode=evaluate leaves the settings as they were
                own = {**own, **result.get("evaluation", {})}
            told = _told(own, result)
            key = result["experiment"], result["recipe"], tuple(told.items()), result["epochs"]
            for needed in ("seed", "metrics", "paper", "wall_seconds"):
                result[needed]
            commit = _json_beside(file, "provenance.json").get("commit", "unknown")
            found[key].append(Run(file.parent, result, own, commit))
        except (OSError, ValueError, KeyError, TypeError, UserError) as error:
            raise RunFolderError(f"{file} can't be used ({error!r})") from None
    groups = [
        Group(experiment, recipe, dict(told), epochs, sorted(runs, key=lambda r: r.result["seed"]))
        for (experiment, recipe, told, epochs), runs in found.items()
    ]
    return sorted(groups, key=_place)


def measures_of(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the measures on test images that any of the results has."""
    keys = dict.fromkeys(key for result in results for key in result["metrics"])
    return [key.removeprefix("test/") for key in keys if key.startswith("test/")]


def _place(group: Group) -> tuple:
    """Where a row stands: in the papers' order, then numbers in settings by their size."""
    rows = CATALOGUE[group.experiment].paper
    given = {(metric, f["value"], f["source"]) for metric, f in group.results[0]["paper"].items()}
    printed = [n for n, row in enumerate(rows) if (row.metric, row.value, row.source) in given]
    parts = re.split(r"(\d+(?:\.\d+)?)", group.told)
    numbered = [(float(part), "") if part[:1].isdigit() else (math.inf, part) for part in parts]
    place = printed[0] if printed else len(rows)
    return list(CATALOGUE).index(group.experiment), group.recipe, place, numbered, group.epochs


def _json_beside(file: pathlib.Path, name: str) -> Mapping[str, Any]:
    """What a JSON file beside another one holds; empty if there is none."""
    beside = file.with_name(name)
    return json.loads(beside.read_text()) if beside.exists() else {}


def _told(own: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in which a run differs from its recipe, seed and epochs aside.

    With what its samples are judged by, since numbers of other judges don't compare.
    """
    settings = settings_of(result["experiment"], result["recipe"])
    recipe = flatten(settings, only_changing_run=True)
    if own.get("sample_quality"):
        usual = flatten(settings)
        recipe.update({flag: usual[flag] for flag in ("quality_samples", "inception_weights")})
    return {
        flag: own[flag]
        for flag, value in recipe.items()
        if flag not in ("seed", "epochs") and own.get(flag, value) != value
    }
