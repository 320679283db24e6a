"""Training that diverges begins its epoch again at lower learning rates (--on_nan=rollback)."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable, Sequence

import keras

from aae_tf.errors import DivergedError
from aae_tf.training import Observer, Phase, Report
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.optimizers import rate_of, scale_rate

MOST = 5  # times that a run goes back
FACTOR = 0.5  # of the learning rates, each time

logger = logging.getLogger(__name__)


class Rollback(Observer):
    """Keeps the start of the epoch and goes back to it.

    That start is a function of the step, as the newest checkpoint is not, and how often a run went
    back is in its checkpoints: so a run that is killed and resumed goes the same way as another.

    Args:
      checkpoints: of the run.
      open_checkpoints: gives those of the same variables in another folder.
      phases: whose learning rates are lowered.
      steps_per_epoch: of the run.
      keeps_starts: whether the run is to go back; else it only has the rates of one that did.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        open_checkpoints: Callable[[pathlib.Path], Checkpoints],
        phases: Sequence[Phase],
        steps_per_epoch: int,
        keeps_starts: bool,
    ):
        self._checkpoints, self._per_epoch = checkpoints, steps_per_epoch
        self._optimizers = [phase.optimizer for phase in phases]
        self._rates = [_initial(phase.optimizer, checkpoints.progress) for phase in phases]
        self._starts = None
        if checkpoints.progress.rollbacks:
            self._lower_rates()
        if keeps_starts:
            self._starts = open_checkpoints(checkpoints.folder / "epoch_start")
            self._keep_start_unless_kept()

    def after_epoch(self, report: Report) -> None:
        if self._starts is not None and report.step < report.total_steps:
            self._keep_start()

    def go_back(self, error: DivergedError) -> int:
        """Goes back to the epoch's start and lowers the rates; returns the step.

        Raises:
          DivergedError: the same, if the run isn't to go back, or has too often.
        """
        progress = self._checkpoints.progress
        if self._starts is None or not error.is_of_training:
            raise error
        if progress.rollbacks == MOST:
            raise DivergedError(f"{error}, at rates that were lowered {MOST} times") from None
        rollbacks, seconds = progress.rollbacks + 1, progress.seconds
        self._starts.restore()
        progress.deserialize(self._starts.progress.serialize())
        progress.rollbacks, progress.seconds = rollbacks, seconds
        self._lower_rates()
        # What lies beyond would be taken for newer. If the run ends here, it comes here again.
        self._checkpoints.forget_beyond(progress.step)
        self._checkpoints.save()
        share = FACTOR**rollbacks
        logger.info("%s; back to step %d, at %g of the rates", error, progress.step, share)
        return progress.step

    def _keep_start_unless_kept(self) -> None:
        step, newest = self._checkpoints.progress.step, self._starts.latest
        start = step - step % self._per_epoch
        if newest is None or int(newest.rpartition("-")[2]) < start or step == start:
            self._keep_start()

    def _keep_start(self) -> None:
        self._starts.progress.deserialize(self._checkpoints.progress.serialize())
        self._starts.save()

    def _lower_rates(self) -> None:
        share = FACTOR**self._checkpoints.progress.rollbacks
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            scale_rate(optimizer, rate, share)


def _initial(optimizer: keras.optimizers.Optimizer, progress):
    """An optimizer's rate as its settings have it: a number, or a schedule of the step."""
    rate = rate_of(optimizer)
    if not isinstance(rate, float):
        return rate
    return rate / FACTOR**progress.rollbacks  # restored with what it was lowered to
