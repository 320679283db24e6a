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

from aae_tf.errors import RunFolderError, UserError
from aae_tf.experiments import CATALOGUE, command, settings_of
from aae_tf.results.tables import paper_text
from aae_tf.settings import PLACES, complete, flatten

# What a command says of its own: the seeds; and what a machine has, not a run.
NOT_TOLD = ("seed", *PLACES)
JUDGING = {"quality_samples", "inception_weights"}  # on which numbers on samples hang


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
      folder: where it lies.
      result: what its result.json holds.
      settings: its settings.json; empty without one.
      commits: of the programs that trained it, in their order; 'unknown' if its provenance.json
        doesn't say.
      begun: the beginnings of which it had the best, where it was chosen so.
    """

    folder: pathlib.Path
    result: Mapping[str, Any]
    settings: Mapping[str, Any]
    commits: Sequence[str]
    begun: Restarts | None = None


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that share all settings but the seed.

    Args:
      experiment: name.
      recipe: name of the one that the settings differ least from; of equals the one asked for.
      settings: what differs from the recipe, by flag name, seed and epochs aside; where samples
        were judged also how many, and the file of the weights that judged them, if otherwise;
        `Beginnings.told` where each run was the best of so many.
      epochs: of each run.
      runs: one for each seed, in their order.
      repeated: runs of a seed that another run has, which count in no number.
    """

    experiment: str
    recipe: str
    settings: Mapping[str, Any]
    epochs: float
    runs: Sequence[Run]
    repeated: Sequence[Run] = ()

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
    def figures(self) -> dict[str, Mapping[str, Any]]:
        """The paper's numbers by metric, of all runs: some may be judged by more measures."""
        return {key: own for result in self.results for key, own in result["paper"].items()}

    @property
    def paper(self) -> str:
        """The paper's numbers for these runs."""
        return paper_text(self.figures)

    @property
    def commits(self) -> list[str]:
        """Of the program, each once, in the order of the runs."""
        return list(dict.fromkeys(commit for run in self.runs for commit in run.commits))

    @property
    def commands(self) -> list[list[str]]:
        """What makes these runs again: one command, or one for each choice among beginnings."""
        first = dict(self.runs[0].settings) or {
            "experiment": self.experiment,
            "recipe": self.recipe,
            "epochs": math.ceil(self.epochs),
        }
        for flag in JUDGING:
            # The whole path of the weights, where the run's own settings have it.
            if flag in self.settings and _shown(first.get(flag, "")) != self.settings[flag]:
                first[flag] = self.settings[flag]
        if JUDGING & self.settings.keys():
            first["sample_quality"] = True
        # --mode=evaluate may have drawn more samples than the run's own settings say.
        if drawn := _likelihood_samples(self.results):
            first["likelihood_samples"] = ",".join(map(str, drawn))
        first["recipe"] = self.recipe
        listed = ",".join(map(str, self.seeds))
        common = ["aae-tf", *command.flags_of(first, leave_out=NOT_TOLD)]
        if chosen := dict.fromkeys(run.begun for run in self.runs if run.begun):
            return [common + begun.flags for begun in chosen]
        return [[*common, f"--seeds={listed}" if len(self.runs) > 1 else f"--seed={listed}"]]

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
            _check(result)
            if own:
                own = complete(own, settings_of(result["experiment"], result["recipe"]))
            recipe, told = _recipe(own, result)
            begun = _begun(file, result)
            told |= _judged(own, result) | (begun.told if begun else {})
            key = result["experiment"], recipe, tuple(told.items()), result["epochs"]
            found[key].append(Run(file.parent, result, own, _commits(file), begun))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError) as error:
            raise RunFolderError(f"{file} can't be used ({error!r})") from None
    groups = [
        Group(experiment, recipe, dict(told), epochs, *_one_a_seed(runs))
        for (experiment, recipe, told, epochs), runs in found.items()
    ]
    return sorted(groups, key=_place)


def measures_of(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the measures on test images that any of the results has."""
    keys = dict.fromkeys(key for result in results for key in result["metrics"])
    return [key.removeprefix("test/") for key in keys if key.startswith("test/")]


def _one_a_seed(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """Runs of different seeds in their order, and the others: a seed run twice is one seed.

    Of several the one with most measures counts, of those the last by its folder's name.
    """
    by_seed: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: (len(run.result["metrics"]), str(run.folder))):
        by_seed[run.result["seed"]] = run
    counted = [by_seed[seed] for seed in sorted(by_seed)]
    return counted, [run for run in runs if run not in counted]


def _likelihood_samples(results: Iterable[Mapping[str, Any]]) -> list[int]:
    """The numbers of samples by which any of the results has a log-likelihood, ascending."""
    named = (re.fullmatch(r"log_likelihood_(\d+)", name) for name in measures_of(results))
    return sorted(int(found[1]) for found in named if found)


def _place(group: Group) -> tuple:
    """Where a row stands: in the papers' order, then numbers in settings by their size."""
    rows = CATALOGUE[group.experiment].paper
    given = {(metric, f["value"], f["source"]) for metric, f in group.figures.items()}
    printed = [n for n, row in enumerate(rows) if (row.metric, row.value, row.source) in given]
    parts = re.split(r"(\d+(?:\.\d+)?)", group.told)
    numbered = [(float(part), "") if part[:1].isdigit() else (math.inf, part) for part in parts]
    place = printed[0] if printed else len(rows)
    return list(CATALOGUE).index(group.experiment), place, group.recipe, numbered, group.epochs


def _json_beside(file: pathlib.Path, name: str) -> Mapping[str, Any]:
    """What a JSON file beside another one holds; empty if there is none."""
    beside = file.with_name(name)
    if not beside.exists():
        return {}
    found = json.loads(beside.read_text())
    if not isinstance(found, dict):
        raise TypeError(f"{name} holds no object")
    return found


def _commits(file: pathlib.Path) -> list[str]:
    """Of the programs that trained the run of a result."""
    origin = _json_beside(file, "provenance.json")
    sessions = [*origin.get("earlier", []), {"commit": "unknown", **origin}]
    commits = [session["commit"] for session in sessions]
    for commit in commits:
        if not isinstance(commit, str):
            raise TypeError(f"commit is {commit}")
    return list(dict.fromkeys(commits))


def _check(result: Mapping[str, Any]) -> None:
    """Raises one of Python's errors where a report would stumble later."""
    paper_text(result["paper"])
    pathlib.PurePath(result.get("evaluation", {}).get("inception_weights", ""))
    numbers = {"epochs": result["epochs"], "wall_seconds": result["wall_seconds"]}
    measured = {key: value for key, value in result["metrics"].items() if value is not None}
    for key, value in (numbers | measured).items():
        if not isinstance(value, (int, float)):
            raise TypeError(f"{key} is {value}")
    if not isinstance(result["seed"], int):
        raise TypeError(f"seed is {result['seed']}")


def _judged(own: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """How samples were judged, where they were and otherwise than the recipe says.

    The settings tell of the training; --mode=evaluate may have judged in another way.
    """
    usual = flatten(settings_of(result["experiment"], result["recipe"]))
    judged = {**usual, **own, **result.get("evaluation", {})}
    count = result["metrics"].get("test/quality_samples")
    if count is None and not judged["sample_quality"]:
        return {}
    found = {
        "quality_samples": int(judged["quality_samples"] if count is None else count),
        "inception_weights": _shown(judged["inception_weights"]),
    }
    return {flag: value for flag, value in found.items() if value != usual[flag]}


def _begun(file: pathlib.Path, result: Mapping[str, Any]) -> Restarts | None:
    """The beginnings of which a run had the best, where it was chosen so (--best_after)."""
    if not file.with_name("begun.json").exists():
        return None
    return read_restarts(_json_beside(file, "begun.json"), result["seed"])


def _shown(value: Any) -> Any:
    """A path without the folders of the machine."""
    return pathlib.PurePath(value).name if isinstance(value, str) else value


def _recipe(own: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The recipe that a run's settings differ least from, of equals its own, and in what.

    So settings that were found by flags, and became a recipe later, stand in that recipe's row.
    """
    experiment, named = result["experiment"], result["recipe"]
    others = [recipe for recipe in CATALOGUE[experiment].recipes if recipe != named]
    differing = {recipe: _told(own, experiment, recipe) for recipe in (named, *others)}
    return min(differing.items(), key=lambda pair: len(pair[1]))


def _told(own: Mapping[str, Any], experiment: str, recipe: str) -> dict[str, Any]:
    """The settings in which a run's training differs from a recipe, seed and epochs aside."""
    usual = flatten(settings_of(experiment, recipe), only_changing_run=True)
    return {
        flag: own[flag]
        for flag, value in usual.items()
        if flag not in ("seed", "epochs", "recipe") and own.get(flag, value) != value
    }


@dataclasses.dataclass(frozen=True)
class Restarts:
    """Runs of several seeds, of which the best goes on; what a begun.json holds.

    Args:
      seeds: of all that were begun.
      epochs: after which they were compared.
      score: the measure on validation images by which they were.
    """

    seeds: tuple[int, ...]
    epochs: int
    score: str

    @property
    def told(self) -> dict[str, Any]:
        """What tells a run that was chosen so from others, by name."""
        return {"best_of": len(self.seeds), "best_after": self.epochs, "score": self.score}

    @property
    def flags(self) -> list[str]:
        """What chooses the same run again."""
        listed = ",".join(map(str, self.seeds))
        return [f"--seeds={listed}", f"--best_after={self.epochs}", f"--score={self.score}"]


def read_restarts(begun: Mapping[str, Any], seed: int) -> Restarts:
    """Takes the content of a begun.json.

    Args:
      begun: what it holds.
      seed: of the run beside it.

    Raises:
      ValueError: if it isn't what a choice among beginnings leaves beside the best one.
    """
    epochs, score, scores = (begun.get(key) for key in ("epochs", "score", "scores"))
    if type(epochs) is not int or epochs < 1:
        raise ValueError(f"begun.json: epochs is {epochs}")
    if not isinstance(score, str):
        raise ValueError(f"begun.json: score is {score}")
    seeds = list(scores) if isinstance(scores, dict) else []
    if len(seeds) < 2 or str(seed) not in seeds or not all(map(str.isdecimal, seeds)):
        raise ValueError(f"begun.json: scores are {scores}")
    return Restarts(tuple(map(int, seeds)), epochs, score)
