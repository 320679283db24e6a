"""What looks on at training between calls, and how it ends early."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Report:
    """What observers learn after a call.

    Args:
      step: steps done so far.
      total_steps: of the whole run.
      epoch: epochs done so far, the current one's fraction included.
      values: for each 'phase/metric', its means over the minibatches of the call, `(steps,)`.
      seconds: that the call took.
      epoch_ended: whether the call's last step was an epoch's last.
    """

    step: int
    total_steps: int
    epoch: float
    values: dict[str, np.ndarray]
    seconds: float
    epoch_ended: bool


class Observer:
    """Looks on between calls; the default hooks do nothing."""

    def after_call(self, report: Report) -> None:
        """Called after every call."""

    def after_epoch(self, report: Report) -> None:
        """Called after `after_call` if an epoch ended."""

    def after_diverging(self, step: int, key: str) -> None:
        """Called once if a loss or weight was NaN or infinite, before the error is raised."""

    def after_rollback(self, step: int) -> None:
        """Called when training has gone back to a step, whatever came after it."""


class Stopped(Exception):
    """Training was asked to stop before its last step."""
