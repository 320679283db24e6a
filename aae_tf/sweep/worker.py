"""A worker: takes a trial of a study, trains it up to its rungs, and tells the study its scores.

It is a process of its own, which reads the sweep from standard input. TensorFlow is imported once
there is something to train.
"""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import sys
from typing import TYPE_CHECKING

from aae_tf.errors import DivergedError, UserError, in_one_line
from aae_tf.experiments import command
from aae_tf.results import metrics
from aae_tf.results.metrics_table import MetricsTable
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs import import_tensorflow_quietly
from aae_tf.settings import flatten
from aae_tf.sweep import plan, study
from aae_tf.sweep.plan import Sweep
from aae_tf.utils import logging_to_stderr, write_json

if TYPE_CHECKING:
    from optuna.trial import Trial

logger = logging.getLogger(__name__)
SCORES = "scores.json"  # of a trial's folder: its score by epochs, or why it has none


def main() -> int:
    """Takes a trial and trains it; returns the exit status."""
    sweep = Sweep.from_json(sys.stdin.read())
    with logging_to_stderr("json" if "--log_format=json" in sys.argv else "text"):
        try:
            opened = study.open_study(sweep)
            with contextlib.ExitStack() as lock:
                trial = study.take(sweep, opened, lock)
                return 0 if trial is None else advance(sweep, trial)
        except KeyboardInterrupt:  # before training, which ends by signals in its own way
            return 128 + signal.SIGINT
        except Exception as error:
            line = in_one_line(error)
            if line is None:
                raise
            logger.error(line)
            return getattr(error, "exit_status", 1)


def advance(sweep: Sweep, trial: Trial) -> int:
    """Trains a trial from where it stands to its end, or to a signal.

    Returns:
      The exit status of a stop by a signal, or 0.

    Raises:
      UserError: if something given can't be used.
    """
    draw = next(one for one in sweep.draws if one.folder == trial.user_attrs["folder"])
    settings, folder = sweep.settings_of(draw), RunFolder(sweep.folder / draw.folder)
    listed = ", ".join(f"{flag}={value}" for flag, value in draw.flags.items())
    logger.info("%s up to epoch %d: %s", draw.name, sweep.halving.epochs, listed)
    progress = Progress(sweep, trial, draw.name, folder)
    try:
        if not progress.catch_up():
            return 0
        arguments = [*command.flags_of(flatten(settings)), f"--run_dir={folder.path}"]
        sys.argv = ["aae-tf", *arguments]  # for provenance.json to tell
        import_tensorflow_quietly()
        from aae_tf.sweep.trial import train

        rungs, report = progress.rungs, progress.report
        return train(settings, folder, sweep.score, rungs, report, locked=True)
    except DivergedError as error:
        progress.fail(" ".join(str(error).split()))
        return 0
    except UserError as error:
        problem = UserError(f"{draw.name}: {error}")
        problem.exit_status = error.exit_status
        raise problem from None


class Progress:
    """A trial's scores, which the study has and gets.

    Args:
      sweep: of the trial.
      trial: that runs.
      name: of the trial, for what is said.
      folder: of its run.
    """

    def __init__(self, sweep: Sweep, trial: Trial, name: str, folder: RunFolder):
        self._sweep, self._trial, self._name, self._folder = sweep, trial, name, folder
        known = trial.storage.get_trial(trial._trial_id)
        self._scores = dict(known.intermediate_values)

    @property
    def rungs(self) -> list[int]:
        """Those that are ahead."""
        return [rung for rung in self._sweep.halving.rungs if rung not in self._scores]

    def catch_up(self) -> bool:
        """Goes by the scores that there are already; returns whether to train on.

        A run killed before it could tell the study of a score, or one that was trained alone, has
        it in metrics.csv.

        Raises:
          UserError: if a file can't be used, or such a run doesn't have the score.
        """
        if self._scores and not self._goes_on(max(self._scores)):
            return False
        for rung in self.rungs:
            score = _score_in(self._folder, rung, self._sweep.score)
            if score is None:
                break
            if not self.report(rung, score):
                return False
        return True

    def report(self, epoch: int, score: float) -> bool:
        """Tells the study; returns whether to train on.

        Raises:
          DivergedError: if the score is no number.
        """
        if not math.isfinite(score):
            raise DivergedError(f"{self._sweep.score} is {score} after epoch {epoch}")
        self._trial.report(score, epoch)
        self._scores[epoch] = score
        self._note()
        logger.info("%s: %s %.5g after epoch %d", self._name, self._sweep.score, score, epoch)
        return self._goes_on(epoch)

    def _goes_on(self, epoch: int) -> bool:
        from optuna.trial import TrialState

        if epoch == self._sweep.halving.epochs:
            self._trial.study.tell(self._trial, self._scores[epoch])
            return False
        if self._trial.should_prune():
            self._trial.study.tell(self._trial, state=TrialState.PRUNED)
            logger.info("%s: stopped, as others did better", self._name)
            return False
        return True

    def fail(self, reason: str) -> None:
        """Ends the trial, as one that diverged."""
        from optuna.trial import TrialState

        self._trial.set_user_attr("diverged", reason)
        self._trial.study.tell(self._trial, state=TrialState.FAIL)
        self._note(diverged=reason)
        logger.info("%s: %s", self._name, reason)

    def _note(self, **more: str) -> None:
        by_epoch = {str(epoch): score for epoch, score in self._scores.items()}
        write_json(self._folder.path / SCORES, {**by_epoch, **more})


def _score_in(folder: RunFolder, epoch: int, score: str) -> float | None:
    """The score that metrics.csv has of an epoch; None if it has none.

    Raises:
      UserError: if the file can't be used, or this prior, or these data, don't have the score.
    """
    file = folder.path / "metrics.csv"
    try:
        rows = MetricsTable(file, sys.maxsize).rows
        row = next((row for row in rows if row["epoch"] == epoch), None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} can't be used ({error!r})") from None
    if row is None or metrics.METRICS[score].final:
        return None
    prefix = "validation/"
    plan.check_computed(score, [k.removeprefix(prefix) for k in row if k.startswith(prefix)])
    return row[prefix + score]
