"""Runs of several seeds, one after another, each in a process of its own.

It imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.experiments import command
from aae_tf.results.report import collate
from aae_tf.results.run_folder import MetricsTable, RunFolder, check_folder
from aae_tf.settings import Settings, flatten, override
from aae_tf.sweep import scores, study
from aae_tf.sweep.plan import read_scores
from aae_tf.sweep.process import Children, status_of
from aae_tf.utils import write_json

EXPECTED = "different whole numbers from 0 on with commas between, such as 0,1,2"


def parse_seeds(text: str) -> tuple[int, ...]:
    """Reads '0,1,2'.

    Raises:
      SettingsError: if it isn't a list of different seeds.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in parts):
        raise SettingsError("seeds", text, EXPECTED)
    seeds = tuple(map(int, parts))
    if len(set(seeds)) < len(seeds):
        raise SettingsError("seeds", text, EXPECTED)
    return seeds


@dataclasses.dataclass(frozen=True)
class SeedRun:
    """The run of one seed.

    Args:
      settings: with the seed.
      folder: of the run.
      export_dir: where its SavedModel goes; None for a run that isn't exported.
    """

    settings: Settings
    folder: RunFolder
    export_dir: pathlib.Path | None

    @property
    def seed(self) -> int:
        return self.settings.training.seed

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it is left to do."""
        if not (self.folder.holds_run and self.folder.has_result):
            return False
        # An older result of fewer epochs stays until the run that goes on is at its end.
        result = self.folder.read_json("result.json")
        reached = result.get("epochs")
        if not isinstance(reached, (int, float)) or reached < self.settings.training.epochs:
            return False
        return self._is_judged(result) and self._is_exported

    def _is_judged(self, result: Mapping[str, Any]) -> bool:
        """Whether a result has the measures that the settings ask for."""
        try:
            judged = self.folder.read_settings()
            # Otherwise than the settings say after --mode=evaluate, or if killed before the end.
            judged = override(judged, result.get("evaluation", {}))
        except (UserError, TypeError, ValueError, AttributeError):
            return False
        return judged.evaluation.covers(self.settings.evaluation)

    @property
    def _is_exported(self) -> bool:
        if self.export_dir is None:
            return True
        state = self.folder.read_json("provenance.json").get("state_sha256")
        cards = self.export_dir.glob(f"{self.settings.experiment}/*/assets.extra/model_card.json")
        exported = [RunFolder(card.parent).read_json(card.name) for card in cards]
        return state in [card.get("provenance", {}).get("state_sha256") for card in exported]

    def arguments(self) -> list[str]:
        """The program's flags for this run alone."""
        return [
            *command.flags_of(flatten(self.settings), leave_out=("seed",)),
            f"--seed={self.seed}",
            f"--run_dir={self.folder.path}",
            f"--export_dir={self.export_dir or ''}",
        ]


def plan(
    settings: Settings, seeds: Sequence[int], run_dir: pathlib.Path, export_dir: pathlib.Path | None
) -> list[SeedRun]:
    """The runs of the seeds, checked.

    Args:
      settings: of all runs but for the seed.
      seeds: in the order in which to run them.
      run_dir: below which the run of seed N has the folder seed_N.
      export_dir: where the SavedModel of the first one goes, the only one that is exported; None
        for none at all.

    Raises:
      UserError: if a run can't be made of one of the seeds, or in its folder.
    """
    if export_dir is not None:
        check_folder("export_dir", export_dir)
    if RunFolder(run_dir).holds_run:
        raise RunFolderError(
            f"--run_dir={run_dir}: holds a single run; expected a folder for the runs of --seeds"
        )
    runs = []
    for seed in seeds:
        own = override(settings, {"seed": seed})
        run = SeedRun(own, RunFolder(run_dir / f"seed_{seed}"), None if runs else export_dir)
        run.folder.check(own)
        runs.append(run)
    return runs


def train(
    runs: Sequence[SeedRun], say: Callable[[str], None], beginning: Restarts | None = None
) -> int:
    """Trains what isn't finished, and tells the table over the seeds.

    A run that can't go on doesn't keep the others from theirs.

    Args:
      runs: from `plan`.
      say: told what happens, line by line.
      beginning: after which only the best one goes on, and is exported where the first would be;
        None for all.

    Returns:
      0, or the exit status of a stop by a signal or of a wrong flag.

    Raises:
      UserError: if another process trains seeds there; if the best beginning can't be found; at
        the end, if some of the runs failed.
    """
    failed = []
    folder = RunFolder(runs[0].folder.path.parent)
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.locked(), Children() as children:
        if beginning is not None:
            begun = {run.folder.path: run.settings for run in runs}
            best, status = find_best(begun, beginning, children, say)
            if best is None:
                return status
            export_dir = runs[0].export_dir
            runs = [
                dataclasses.replace(run, export_dir=export_dir)
                for run in runs
                if run.folder.path == best
            ]
            say(f"the best beginning is seed {runs[0].seed}'s; only it goes on")
        for number, run in enumerate(runs, 1):
            if children.received:
                return 128 + children.received
            told = f"seed {run.seed} ({number} of {len(runs)}): {run.folder.path}"
            if run.is_finished:
                say(f"{told} is finished already")
                continue
            say(told)
            process = children.start("aae_tf.cli.main", [sys.argv[0], *run.arguments()])
            status = status_of(process)
            if children.received:
                return 128 + children.received
            if status > 1:
                say(f"seed {run.seed} ended with status {status}; later ones were not started")
                return status
            if status:
                failed.append(run.seed)
    with contextlib.suppress(RunFolderError):  # where not one run has come to its end
        shown = folder.path if beginning is None else runs[0].folder.path
        say("\n" + collate(shown, "text"))
    if failed:
        listed = ", ".join(map(str, failed))
        raise UserError(f"--seeds: the runs of these failed, as told above: {listed}")
    return 0


RESTARTS_FILE = "begun.json"  # of the folder of all seeds, and of the one that went on
# Evaluations of which metrics.csv has a row of each epoch, whoever trained it.
OF_EPOCHS = tuple(
    name for name in (scores.MINIMISED | scores.MAXIMISED) if name not in scores.FINAL
)


@dataclasses.dataclass(frozen=True)
class Restarts:
    """When the runs are compared, and by what.

    Args:
      epochs: after which.
      score: the measure on validation images.
    """

    epochs: int
    score: str


def read_restarts(
    epochs: int | None, score: str | None, seeds: Sequence[int], settings: Settings
) -> Restarts | None:
    """What `--best_after` and `--score` ask for; None without the first.

    Raises:
      SettingsError: if they don't go together, or not with seeds and settings.
    """
    if epochs is None:
        if score:
            raise SettingsError("score", score, "--best_after beside it, or --mode=search")
        return None
    if len(seeds) < 2:
        raise SettingsError("best_after", epochs, "two --seeds or more beside it")
    if not 1 <= epochs < settings.training.epochs:
        expected = f"from 1 to below --epochs={settings.training.epochs}"
        raise SettingsError("best_after", epochs, expected)
    if score not in (fit := scores.names(OF_EPOCHS)):
        expected = f"a measure on validation images, one of {', '.join(fit)}"
        raise SettingsError("score", score or "", expected)
    return Restarts(epochs, score)


def find_best(
    settings: Mapping[pathlib.Path, Settings],
    beginning: Restarts,
    children: Children,
    say: Callable[[str], None],
) -> tuple[pathlib.Path | None, int]:
    """Trains the runs until they can be compared, as far as they aren't, and compares them.

    Args:
      settings: of each run, by its folder, all in one folder.
      beginning: when to compare, and by what.
      children: each run is a process of its own, one of them.
      say: told what happens, line by line.

    Returns:
      The folder of the best one, of equals the first; or None, and the exit status of a stop by a
      signal.

    Raises:
      UserError: if a run can't be begun, or all diverged.
    """
    known: dict[pathlib.Path, float | None] = {}
    for folder, own in settings.items():
        name = f"seed {own.training.seed}"
        if not (_row(folder, beginning) or _diverged(folder)):
            say(f"{name}: {beginning.epochs} of {own.training.epochs} epochs, in {folder}")
            status = study.train_trial(
                children,
                name,
                own,
                folder,
                beginning.score,
                [beginning.epochs],
                lambda epoch, score: False,
                say,
            )
            if status or children.received:
                return None, 128 + children.received if children.received else status
        if row := _row(folder, beginning):
            known[folder] = _score(row, beginning)
        elif reason := _diverged(folder):
            say(f"{name}: {reason}")
            known[folder] = None
        else:
            raise UserError(f"{name}: has no score after epoch {beginning.epochs}, as told above")
    found = {folder: score for folder, score in known.items() if score is not None}
    if not found:
        raise UserError("--seeds: the runs of all diverged, as told above")
    choose = max if scores.is_better_larger(beginning.score) else min
    best = choose(found, key=found.get)
    described = {
        "epochs": beginning.epochs,
        "score": beginning.score,
        "scores": {str(settings[folder].training.seed): score for folder, score in known.items()},
        "best": settings[best].training.seed,
    }
    for folder in (best.parent, best):
        write_json(folder / RESTARTS_FILE, described)
    return best, 0


def _row(folder: pathlib.Path, beginning: Restarts) -> dict[str, float] | None:
    """What metrics.csv has of the epoch, whether the run was begun here or alone; None before it.

    Raises:
      UserError: if the file can't be used.
    """
    file = folder / "metrics.csv"
    try:
        rows = MetricsTable(file, sys.maxsize).rows
        return next((row for row in rows if row["epoch"] == beginning.epochs), None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} can't be used ({error!r})") from None


def _score(row: dict[str, float], beginning: Restarts) -> float | None:
    """The score of an epoch; None if it isn't finite.

    Raises:
      SettingsError: if this prior, or these data, don't have it.
    """
    made = [key.removeprefix("validation/") for key in row if key.startswith("validation/")]
    scores.check_made(beginning.score, made)
    score = row[f"validation/{beginning.score}"]
    return score if math.isfinite(score) else None


def _diverged(folder: pathlib.Path) -> str:
    """Why a run has no score and never will, or ''."""
    return str(read_scores(folder).get("diverged", ""))
