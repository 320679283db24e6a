"""Looks on at a trial's training and stops it at a rung if it isn't to go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from aae_tf.runs import recorder
from aae_tf.training import Observer, Report, Trainer


class Recorder(recorder.Recorder):
    """Keeps curves and metrics of a trial, without drawing it."""

    def draw(self, step: int) -> Mapping[str, str]:
        return {}


class Rungs(Observer):
    """Has a trial judged after certain epochs.

    Args:
      recorder: whose measures of the epoch count; it is told first.
      trainer: to be stopped.
      rungs: epochs after which to judge.
      judge: called with the epochs done and their measures on validation images, by name; says
        whether to go on.
    """

    def __init__(
        self,
        recorder: Recorder,
        trainer: Trainer,
        rungs: Collection[int],
        judge: Callable[[int, Mapping[str, float]], bool],
    ):
        self._recorder, self._trainer = recorder, trainer
        self._rungs, self._judge = rungs, judge

    def after_call(self, report: Report) -> None:
        self._recorder.after_call(report)

    def after_epoch(self, report: Report) -> None:
        self._recorder.after_epoch(report)
        epoch = round(report.epoch)
        if epoch in self._rungs and not self._judge(epoch, self._recorder.newest("validation")):
            self._trainer.stop_requested = True

    def after_diverging(self, step: int, key: str) -> None:
        self._recorder.after_diverging(step, key)
