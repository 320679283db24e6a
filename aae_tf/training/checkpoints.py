"""Checkpoints: every variable by its name, and where the run stood."""

from __future__ import annotations

import hashlib
import json
import pathlib
import time
from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from aae_tf.errors import RunFolderError
from aae_tf.training.observers import Observer, Report
from aae_tf.training.phase import Phase

MAX_TO_KEEP = 3


class Progress(tf.train.experimental.PythonState):
    """Where the run stands, as stored beside the variables.

    Attributes:
      step: steps done.
      seconds: wall time of training so far, over all sessions of it.
      epoch_values: for each 'phase/metric', its values at the steps of the unfinished epoch.
    """

    def __init__(self):
        self.step = 0
        self.seconds = 0.0
        self.epoch_values: dict[str, list[float]] = {}

    def serialize(self) -> str:
        return json.dumps([self.step, self.seconds, self.epoch_values])

    def deserialize(self, string_value):
        self.step, self.seconds, self.epoch_values = json.loads(string_value)


def network_variables(networks: Mapping[str, keras.Model]) -> dict[str, tf.Variable]:
    """Every weight of the networks, 'encoder/trunk/hidden_1/kernel' and so on.

    Named one by one, since tf.train.Checkpoint on its own passes in silence over layers that a
    Keras model holds in a list or a dict.
    """
    return {
        f"{name}/{variable.path}": variable.value
        for name, network in networks.items()
        for variable in network.variables
    }


def optimizer_variables(phases: Iterable[Phase]) -> dict[str, tf.Variable]:
    """Every variable of the phases' optimizers, each phase's under its name."""
    return {
        f"{phase.name}/{number:03}/{variable.path}": variable.value
        for phase in phases
        for number, variable in enumerate(phase.optimizer.variables)
    }


def digest(variables: Mapping[str, tf.Variable]) -> str:
    """SHA-256 over names, shapes, dtypes and bits of the variables."""
    total = hashlib.sha256()
    for name in sorted(variables):
        value = np.ascontiguousarray(variables[name].numpy())
        total.update(f"{name} {value.shape} {value.dtype}".encode())
        total.update(value.tobytes())
    return total.hexdigest()


class Checkpoints:
    """Writes and reads the checkpoints of one run.

    Args:
      folder: where they lie.
      networks: `network_variables`.
      optimizers: `optimizer_variables`; without them (None) only networks are read.
      averages: of weights; when only networks are read, the networks' own variables that are to
        take the averages' values.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        networks: Mapping[str, tf.Variable],
        optimizers: Mapping[str, tf.Variable] | None = None,
        averages: Mapping[str, tf.Variable] | None = None,
    ):
        self.folder = folder
        self.progress = Progress()
        self._partial = optimizers is None
        parts = {"networks": _named(networks), "progress": self.progress}
        if optimizers is not None:
            parts["optimizers"] = _named(optimizers)
        if averages:
            parts["averages"] = _named(averages)
        self._checkpoint = tf.train.Checkpoint(**parts)
        try:
            self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), MAX_TO_KEEP)
        except ValueError as error:
            raise _unreadable(folder / "checkpoint", error) from None

    @property
    def latest(self) -> str | None:
        """Path of the newest checkpoint, without ending, or None."""
        if (self.folder / "checkpoint").exists():
            return self._manager.latest_checkpoint
        # A run killed while it wrote its first checkpoint has no state file yet, which comes last.
        indices = sorted(self.folder.glob("ckpt-*.index"), key=lambda p: int(p.stem[5:]))
        return str(indices[-1].with_suffix("")) if indices else None

    def save(self) -> str:
        """Writes a checkpoint named after the step; the older ones but two are removed."""
        return self._manager.save(checkpoint_number=self.progress.step)

    def save_if_new(self) -> None:
        """Writes a checkpoint unless the newest one is of this step."""
        if self.latest is None or not self.latest.endswith(f"-{self.progress.step}"):
            self.save()

    def restore(self) -> bool:
        """Reads the newest checkpoint; False if there is none.

        Raises:
          RunFolderError: if it can't be read or holds other variables.
        """
        path = self.latest
        if path is None:
            if (self.folder / "checkpoint").exists():
                raise _unreadable(self.folder / "checkpoint", "it names no checkpoint")
            return False
        status = None
        try:
            status = self._checkpoint.restore(path)
            status.expect_partial() if self._partial else status.assert_consumed()
            status.assert_existing_objects_matched()
        # IndexError is what the reader raises for a file cut short.
        except (tf.errors.OpError, ValueError, AssertionError, LookupError) as error:
            if status is not None:
                status.expect_partial()  # else TensorFlow warns of what it left out, line by line
            others = sorted(p for p in self._manager.checkpoints if p != path)
            hint = f"; an older one is {others[-1]}" if others else ""
            raise _unreadable(path, error, hint) from None
        return True


def _unreadable(path, reason, hint: str = "") -> RunFolderError:
    first_line = (str(reason).strip().splitlines() or [repr(reason)])[0][:200]
    return RunFolderError(f"checkpoint {path} is unreadable ({first_line}){hint}")


def _named(variables: Mapping[str, tf.Variable]) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(variables=dict(variables))


class CheckpointWriter(Observer):
    """Writes a checkpoint every so many minutes and keeps the progress up to date.

    It goes last among the observers, so that what a checkpoint claims is done (the epoch's metrics,
    say) has been written.
    """

    def __init__(self, checkpoints: Checkpoints, minutes: float):
        self._checkpoints = checkpoints
        self._seconds = 60 * minutes
        self._last = self._clock = time.monotonic()

    def after_call(self, report: Report) -> None:
        self.update(report)
        if not report.epoch_ended:  # else after_epoch sees to it, once the epoch's values are reset
            self._save_if_due()

    def after_epoch(self, report: Report) -> None:
        self._checkpoints.progress.epoch_values = {}
        self._save_if_due()

    def update(self, report: Report) -> None:
        """Notes the call's steps, values and time."""
        progress, now = self._checkpoints.progress, time.monotonic()
        progress.step = report.step
        progress.seconds += now - self._clock
        self._clock = now
        for key, series in report.values.items():
            progress.epoch_values.setdefault(key, []).extend(series.tolist())

    def _save_if_due(self):
        if time.monotonic() - self._last >= self._seconds:
            self._checkpoints.save()
            self._last = time.monotonic()
