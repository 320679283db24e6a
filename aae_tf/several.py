"""Runs of several seeds, one after another, each in a process of its own.

It imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aae_tf import best_seed
from aae_tf.best_seed import Restarts
from aae_tf.child import Children, status_of
from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.experiments import command
from aae_tf.results.report import collate
from aae_tf.results.run_folder import RunFolder, check_folder
from aae_tf.settings import Settings, flatten, override

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
            best, status = best_seed.find_best(begun, beginning, children, say)
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
            process = children.start("aae_tf.command_line", [sys.argv[0], *run.arguments()])
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
