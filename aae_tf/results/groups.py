"""Finished runs, taken together where they share all settings but the seed.

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aae_tf.experiments import CATALOGUE, command, settings_of
from aae_tf.results.record import Run, runs_below
from aae_tf.results.tables import paper_text
from aae_tf.settings import PLACES, flatten
from aae_tf.settings.own import readable_name

# What a command has otherwise: the seeds; and what a machine has, not a run.
LEFT_OUT = ("seed", *PLACES)
# On which numbers on samples hang.
EVALUATION_FLAGS = {"quality_samples", "inception_weights", "sampler", "sampler_components"}


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that share all settings but the seed.

    Args:
      experiment: name.
      recipe: name of the one that the settings differ least from; of equals the one asked for.
      settings: what differs from the recipe, by flag name, seed and epochs aside; where samples
        were evaluated also how many, the file of Inception's weights and the sampler, if otherwise;
        `Restarts.settings` where each run was the best of so many.
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
    def settings_text(self) -> str:
        return ", ".join(f"{flag}={readable_name(value)}" for flag, value in self.settings.items())

    @property
    def latent_dim(self) -> int:
        return self.settings.get(
            "latent_dim", settings_of(self.experiment, self.recipe).prior.latent_dim
        )

    @property
    def seeds(self) -> list[int]:
        return [result["seed"] for result in self.results]

    @property
    def minutes(self) -> list[float]:
        return [result["wall_seconds"] / 60 for result in self.results]

    @property
    def reported(self) -> dict[str, Mapping[str, Any]]:
        """The paper's results by metric, of all runs: some may be evaluated by more metrics."""
        return {key: value for result in self.results for key, value in result["paper"].items()}

    @property
    def paper(self) -> str:
        """The paper's results in words."""
        return paper_text(self.reported)

    @property
    def commits(self) -> list[str]:
        """Of the program, each once, in the order of the runs."""
        return list(dict.fromkeys(commit for run in self.runs for commit in run.commits))

    @property
    def commands(self) -> list[list[str]]:
        """What makes these runs again: one command, or one for each choice among restarts."""
        flat = dict(self.runs[0].settings) or {
            "experiment": self.experiment,
            "recipe": self.recipe,
            "epochs": math.ceil(self.epochs),
        }
        for flag in EVALUATION_FLAGS:
            # The whole path of the weights, where the run's settings have it.
            if flag in self.settings and _file_name(flat.get(flag, "")) != self.settings[flag]:
                flat[flag] = self.settings[flag]
        if EVALUATION_FLAGS & self.settings.keys():
            flat["sample_quality"] = True
        # --mode=evaluate may have drawn more samples than the run's settings say.
        if counts := _likelihood_samples(self.results):
            flat["likelihood_samples"] = ",".join(map(str, counts))
        flat["recipe"] = self.recipe
        common = ["aae-tf", *command.flags_of(flat, leave_out=LEFT_OUT)]
        if choices := dict.fromkeys(run.restarts for run in self.runs if run.restarts):
            return [common + restarts.flags for restarts in choices]
        listed = ",".join(map(str, self.seeds))
        return [[*common, f"--seeds={listed}" if len(self.runs) > 1 else f"--seed={listed}"]]

    def values(self, name: str) -> list[float]:
        """A metric on test images, of the runs that have it."""
        values = [result["metrics"].get(f"test/{name}") for result in self.results]
        return [value for value in values if value is not None]


def groups_below(path: pathlib.Path) -> list[Group]:
    """The runs below a folder or of a file of records, in the order of the catalogue.

    Raises:
      RunFolderError: if one can't be read.
    """
    by_settings = defaultdict(list)
    for run in runs_below(path):
        recipe, settings = _recipe(run)
        settings |= _evaluation(run) | (run.restarts.settings if run.restarts else {})
        key = run.result["experiment"], recipe, tuple(settings.items()), run.result["epochs"]
        by_settings[key].append(run)
    groups = [
        Group(experiment, recipe, dict(settings), epochs, *_one_a_seed(runs))
        for (experiment, recipe, settings, epochs), runs in by_settings.items()
    ]
    return sorted(groups, key=_position)


def metric_names(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the metrics on test images that any of the results has."""
    keys = dict.fromkeys(key for result in results for key in result["metrics"])
    return [key.removeprefix("test/") for key in keys if key.startswith("test/")]


def _one_a_seed(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """Runs of different seeds in their order, and the others: a seed run twice is one seed.

    Of runs of one seed the one with most metrics counts, of those the last by its folder's name.
    """
    by_seed: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: (len(run.result["metrics"]), str(run.folder))):
        by_seed[run.result["seed"]] = run
    counted = [by_seed[seed] for seed in sorted(by_seed)]
    return counted, [run for run in runs if run not in counted]


def _likelihood_samples(results: Iterable[Mapping[str, Any]]) -> list[int]:
    """The numbers of samples by which any of the results has a log-likelihood, ascending."""
    matches = (re.fullmatch(r"log_likelihood_(\d+)", name) for name in metric_names(results))
    return sorted(int(match[1]) for match in matches if match)


def _position(group: Group) -> tuple:
    """Where a row stands: in the papers' order, then numbers in settings by their size."""
    rows = CATALOGUE[group.experiment].paper
    given = {(metric, r["value"], r["source"]) for metric, r in group.reported.items()}
    printed = [n for n, row in enumerate(rows) if (row.metric, row.value, row.source) in given]
    parts = re.split(r"(\d+(?:\.\d+)?)", group.settings_text)
    numbered = [(float(part), "") if part[:1].isdigit() else (math.inf, part) for part in parts]
    row = printed[0] if printed else len(rows)
    return list(CATALOGUE).index(group.experiment), row, group.recipe, numbered, group.epochs


def _evaluation(run: Run) -> dict[str, Any]:
    """How samples were evaluated, where they were and otherwise than the recipe says.

    The settings are those of the training; --mode=evaluate may have evaluated in another way.
    """
    usual = flatten(settings_of(run.result["experiment"], run.result["recipe"]))
    flat = {**usual, **run.settings, **run.result.get("evaluation", {})}
    count = run.result["metrics"].get("test/quality_samples")
    if count is None and not flat["sample_quality"]:
        return {}
    evaluation = {
        "quality_samples": int(flat["quality_samples"] if count is None else count),
        "inception_weights": _file_name(flat["inception_weights"]),
        "sampler": flat["sampler"],
    }
    if flat["sampler"] == "gmm":
        evaluation["sampler_components"] = flat["sampler_components"]
    return {flag: value for flag, value in evaluation.items() if value != usual[flag]}


def _file_name(value: Any) -> Any:
    """A path without the folders of the machine."""
    return pathlib.PurePath(value).name if isinstance(value, str) else value


def _recipe(run: Run) -> tuple[str, dict[str, Any]]:
    """The recipe that a run's settings differ least from, of equals its own, and in what.

    So settings that were found by flags, and became a recipe later, stand in that recipe's row.
    """
    named = run.result["recipe"]
    recipes = CATALOGUE[run.result["experiment"]].recipes
    changes = {
        recipe: _changes(run, recipe) for recipe in (named, *(r for r in recipes if r != named))
    }
    return min(changes.items(), key=lambda pair: len(pair[1]))


def _changes(run: Run, recipe: str) -> dict[str, Any]:
    """The settings in which a run's training differs from a recipe, seed and epochs aside."""
    usual = flatten(settings_of(run.result["experiment"], recipe), only_changing_run=True)
    return {
        flag: run.settings[flag]
        for flag, value in usual.items()
        if flag not in ("seed", "epochs", "recipe") and run.settings.get(flag, value) != value
    }
