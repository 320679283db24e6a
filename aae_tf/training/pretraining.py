"""Steps of one phase before training, until its loss is low enough (WAE, supplement)."""

from __future__ import annotations

import contextlib
import dataclasses

from aae_tf.training.phase import Phase
from aae_tf.training.trainer import Observer, Report, Stopped, Trainer

LOW_ENOUGH = 0.1  # as in the authors' code


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """What a method does before its phases.

    Args:
      phase: with an optimizer of its own, which is not kept.
      steps: at most.
      batch_size: over all replicas.
    """

    phase: Phase
    steps: int
    batch_size: int


class _UntilLow(Observer):
    """Stops when the loss is low enough."""

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        self.steps, self.loss = 0, float("inf")

    def after_call(self, report: Report) -> None:
        self.steps = report.step
        self.loss = float(next(iter(report.values.values()))[-1])
        self._trainer.stop_requested = self.loss < LOW_ENOUGH


def pretrain(trainer: Trainer, steps: int) -> tuple[int, float]:
    """Runs a trainer of one phase until its loss is low enough, at most so many steps.

    Returns:
      How many steps it took, and the last loss.

    Raises:
      DivergedError: if the loss or a weight became NaN or infinite.
    """
    watch = _UntilLow(trainer)
    with contextlib.suppress(Stopped):
        trainer.train(0, steps, 1, (watch,))
    return watch.steps, watch.loss
