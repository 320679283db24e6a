"""Runs of several seeds, each in a process of its own, and best-of-N restarts.

It imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError, UserError, any_of
from aae_tf.experiments import command
from aae_tf.results import metrics
from aae_tf.results.model_card import exports_of
from aae_tf.results.report import collate
from aae_tf.results.run_folder import RunFolder, check_folder
from aae_tf.settings import Settings, flatten, override
from aae_tf.sweep import study
from aae_tf.sweep.plan import JOURNAL, Draw, Halving, Sweep, is_better_larger, study_name
from aae_tf.sweep.process import Processes
from aae_tf.sweep.space import Dimension
from aae_tf.utils import log_format, make_folder, write_json

logger = logging.getLogger(__name__)
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
      model: folder of the versions that its SavedModel is added to; None for a run that isn't
        exported.
    """

    settings: Settings
    folder: RunFolder
    model: pathlib.Path | None

    @property
    def seed(self) -> int:
        return self.settings.training.seed

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it is left to do."""
        if not (self.folder.holds_run and self.folder.has_result):
            return False
        try:
            # An older result of fewer epochs stays until the run that continues is at its end.
            result = self.folder.read_json("result.json")
            if result.get("epochs", 0) < self.settings.training.epochs:
                return False
            return self._is_evaluated(result) and self._is_exported
        except RunFolderError:  # which the run itself says
            return False

    def _is_evaluated(self, result: Mapping[str, Any]) -> bool:
        """Whether a result has the metrics that the settings ask for."""
        try:
            evaluated = self.folder.read_settings()
            # Otherwise than the settings say after --mode=evaluate, or if killed before the end.
            evaluated = override(evaluated, result.get("evaluation", {}))
        except (UserError, TypeError, ValueError, AttributeError):
            return False
        return evaluated.evaluation.covers(self.settings.evaluation)

    @property
    def _is_exported(self) -> bool:
        if self.model is None:
            return True
        return bool(exports_of(self.folder, self.model, self.settings.evaluation))

    def arguments(self) -> list[str]:
        """The program's flags for this run alone."""
        of_settings = command.flags_of(flatten(self.settings), leave_out=("seed",))
        flags = [*of_settings, f"--seed={self.seed}", f"--run_dir={self.folder.path}"]
        if self.model is None:
            return [*flags, "--export_dir="]
        return [*flags, f"--export_dir={self.model.parent}", f"--model_name={self.model.name}"]


def runs_of(
    settings: Settings, seeds: Sequence[int], run_dir: pathlib.Path, model: pathlib.Path | None
) -> list[SeedRun]:
    """The runs of the seeds, checked.

    Args:
      settings: of all runs but for the seed.
      seeds: in the order in which to run them.
      run_dir: below which the run of seed N has the folder seed_N.
      model: folder of the versions that the SavedModel of the first one is added to, the only one
        that is exported; None for none at all.

    Raises:
      UserError: if a run can't be made of one of the seeds, or in its folder.
    """
    if model is not None:
        check_folder("export_dir", model.parent)
    if RunFolder(run_dir).holds_run:
        raise RunFolderError(
            f"--run_dir={run_dir}: holds a single run; expected a folder for the runs of --seeds"
        )
    runs = []
    for seed in seeds:
        folder = RunFolder(run_dir / f"seed_{seed}")
        run = SeedRun(override(settings, {"seed": seed}), folder, None if runs else model)
        folder.check(run.settings)
        runs.append(run)
    return runs


def train(
    runs: Sequence[SeedRun],
    restarts: Restarts | None = None,
    workers: int = 1,
    minutes: float = 0.0,
) -> int:
    """Trains what isn't finished, and prints the table over the seeds.

    A run that can't continue doesn't keep the others from theirs.

    Args:
      runs: from `runs_of`.
      restarts: after which only the best one continues, and is exported where the first would be;
        None for all.
      workers: how many train at a time.
      minutes: before which to stop; 0 for no limit.

    Returns:
      0, or the exit status of a stop by a signal or for the time, or of a wrong flag.

    Raises:
      UserError: if another process trains seeds there; if the best restart can't be chosen; at
        the end, if some of the runs failed.
    """
    folder = RunFolder(runs[0].folder.path.parent)
    make_folder(folder.path)
    with Processes(minutes) as processes:
        if restarts is not None:
            best, status = choose(runs, restarts, processes, workers)
            if best is None:
                return status
            logger.info("the best of the restarts is seed %d's; only it continues", best.seed)
            runs = [dataclasses.replace(best, model=runs[0].model)]
        with folder.locked():
            failed, status = _train(runs, processes, workers)
    if status:
        return status
    with contextlib.suppress(RunFolderError):  # where not one run has come to its end
        shown = folder.path if restarts is None else runs[0].folder.path
        print("\n" + collate(shown, "text"))
    if failed:
        listed = ", ".join(map(str, failed))
        raise UserError(f"--seeds: the runs of these failed (see above): {listed}")
    return 0


def _train(runs: Sequence[SeedRun], processes: Processes, workers: int) -> tuple[list[int], int]:
    """Each run in a process of its own: the seeds whose runs failed, and the status of a stop."""
    left, seeds, failed = list(enumerate(runs, 1)), {}, []
    while (left or processes.running) and not processes.status:
        while left and len(processes.running) < workers and not processes.status:
            number, run = left.pop(0)
            line = f"seed {run.seed} ({number} of {len(runs)}): {run.folder.path}"
            if run.is_finished:
                logger.info("%s is finished already", line)
                continue
            logger.info(line)
            form = [] if log_format() == "text" else [f"--log_format={log_format()}"]
            arguments = [sys.argv[0], *run.arguments(), *form]
            process = processes.start("aae_tf.cli.main", arguments)
            seeds[process.pid] = run.seed
        for process, status in processes.wait(math.inf if processes.running else 0):
            seed = seeds[process.pid]
            if status > 1 and not processes.status:
                logger.info("seed %d ended with status %d; later ones don't start", seed, status)
                processes.stop()
                return failed, status
            if status:
                failed.append(seed)
    processes.stop()
    return failed, processes.status


RESTARTS_FILE = "begun.json"  # of the folder of all seeds, and of the one that continued


@dataclasses.dataclass(frozen=True)
class Restarts:
    """When the runs are compared, by what, and where their study is.

    Args:
      epochs: after which.
      score: the metric on validation images.
      storage: of the study; None for a file in the folder of the seeds.
    """

    epochs: int
    score: str
    storage: str | None = None


def read_restarts(
    epochs: int | None,
    score: str | None,
    seeds: Sequence[int],
    settings: Settings,
    storage: str | None = None,
) -> Restarts | None:
    """What `--best_after`, `--score` and `--storage` ask for; None without the first.

    Raises:
      SettingsError: if they don't go together, or not with seeds and settings.
    """
    if epochs is None:
        for flag, value in (("score", score), ("storage", storage)):
            if value:
                raise SettingsError(flag, value, "--best_after with it, or --mode=search")
        return None
    if len(seeds) < 2:
        raise SettingsError("best_after", epochs, "two --seeds or more")
    if not 1 <= epochs < settings.training.epochs:
        expected = f"from 1 to below --epochs={settings.training.epochs}"
        raise SettingsError("best_after", epochs, expected)
    # Of which metrics.csv has a row of each epoch, whoever trained the run.
    names = [name for name in metrics.scores() if not metrics.METRICS[name].final]
    if score not in names:
        expected = f"a metric on validation images, {any_of(score, names)}"
        raise SettingsError("score", score or "", expected)
    return Restarts(epochs, score, storage)


def choose(
    runs: Sequence[SeedRun],
    restarts: Restarts,
    processes: Processes,
    workers: int,
) -> tuple[SeedRun | None, int]:
    """Trains the runs until they can be compared, as far as they aren't, and compares them.

    They are a sweep over the seed with a single rung, at which all wait for each other.

    Args:
      runs: of all seeds, all in one folder.
      restarts: when to compare, and by what.
      processes: the workers are some of them.
      workers: how many train at a time.

    Returns:
      The best run, of equals the first; or None, and the exit status of a stop.

    Raises:
      UserError: if the storage can't be used, or all diverged.
    """
    folder, settings = runs[0].folder.path.parent, runs[0].settings
    sweep = Sweep(
        settings,
        {"seed": Dimension("seed", "int", 0, 2**31 - 1, whole=True)},
        tuple(Draw(f"seed {r.seed}", r.folder.path.name, {"seed": r.seed}) for r in runs),
        restarts.score,
        Halving(restarts.epochs, restarts.epochs),
        folder,
        restarts.storage or str(folder / JOURNAL),
        f"{study_name(settings, folder)}, epoch {restarts.epochs} by {restarts.score}",
    )
    opened = study.open_study(sweep)
    study.add_trials(sweep, opened)
    status = study.run(sweep, opened, workers, processes)
    if status:
        return None, status
    trials = study.trials_of(sweep, opened)
    by_seed = {run.seed: trial.value for run, trial in zip(runs, trials, strict=True)}
    usable = [run for run in runs if by_seed[run.seed] is not None]
    if not usable:
        raise UserError("--seeds: the runs of all diverged (see above)")
    choose_from = max if is_better_larger(restarts.score) else min
    best = choose_from(usable, key=lambda run: by_seed[run.seed])
    if not best.folder.path.is_dir():
        raise UserError(
            f"--seeds: the best is seed {best.seed}'s; the machine that has its run continues it"
        )
    content = {
        "epochs": restarts.epochs,
        "score": restarts.score,
        "scores": {str(seed): score for seed, score in by_seed.items()},
        "best": best.seed,
    }
    for path in (folder, best.folder.path):
        write_json(path / RESTARTS_FILE, content)
    return best, 0
