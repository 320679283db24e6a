"""Checkpoints: every variable by its name, and where the run stood."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pathlib
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from aae_tf.errors import RunFolderError
from aae_tf.training.observers import Observer, Report
from aae_tf.training.variables import digest, network_shapes, other_network
from aae_tf.utils import plain_path, read_text, sync_folder, sync_tree, write_aside

MAX_TO_KEEP = 3
_DIGESTS = "digests/.ATTRIBUTES/py_state"  # TensorFlow's name for it in a file
_FILE = re.compile(r"ckpt-(0|[1-9][0-9]{0,17})\.(?:index|data-[0-9]{5}-of-[0-9]{5})")
# TensorFlow's own form of the file that names the checkpoints; older versions let it write times.
_STATE = re.compile(
    r'(?:all_)?model_checkpoint_paths?: "([^"]*)"|(?:all_model|last_preserved)_[a-z_]+: [0-9.e+]+'
)

logger = logging.getLogger(__name__)


class Progress(tf.train.experimental.PythonState):
    """Where the run stands, as stored beside the variables.

    Attributes:
      step: steps done.
      seconds: wall time of training so far, over all sessions of it.
      epoch_values: for each 'phase/metric', its values at the steps of the unfinished epoch.
      tables: the text of metrics.csv and its like, by the file's name.
      rollbacks: how often training diverged and went back.
      curve_values: for each 'phase/metric', its values since the last point of TensorBoard's curve.
    """

    def __init__(self):
        self.step = 0
        self.seconds = 0.0
        self.epoch_values: dict[str, list[float]] = {}
        self.tables: dict[str, str] = {}
        self.curve_values: dict[str, list[float]] = {}
        self.rollbacks = 0

    def serialize(self) -> str:
        more = {
            "tables": self.tables,
            "curve_values": self.curve_values,
            "rollbacks": self.rollbacks,
        }
        return json.dumps([self.step, self.seconds, self.epoch_values, more])

    def deserialize(self, string_value):
        # Older versions have no more than the first three.
        self.step, self.seconds, self.epoch_values, *more = json.loads(string_value)
        found = more[0] if more else {}
        self.tables = found.get("tables", {})
        self.curve_values = found.get("curve_values", {})
        self.rollbacks = found.get("rollbacks", 0)


class Digests(tf.train.experimental.PythonState):
    """What a checkpoint must be, as stored in it: its run, its step and SHA-256 by name."""

    def __init__(self):
        self.values: list[Any] = [{}, 0, {}]

    def serialize(self) -> str:
        return json.dumps(self.values)

    def deserialize(self, string_value):
        self.values = json.loads(string_value)

    def problem(self, run: Mapping[str, Any], step: int, sha256s: Mapping[str, str]) -> str | None:
        """What differs from what was read, if anything does.

        Args:
          run: what the run is known by; what only one of the two versions knows doesn't count.
          step: by the file's name.
          sha256s: of what was read, which needn't be all.
        """
        of_run, of_step, of_values = self.values
        for key in run.keys() & of_run.keys():
            if run[key] != of_run[key]:
                return f"it is of another run, {key} {of_run[key]} instead of {run[key]}"
        if of_step != step:
            return f"it is of step {of_step}"
        wrong = [name for name in sha256s if sha256s[name] != of_values.get(name)]
        return f"{wrong[0]} has other values than were saved" if wrong else None


class Checkpoints:
    """Writes and reads the checkpoints of one run.

    Each one carries its run, its step and the SHA-256 of all that it holds, which must be right
    when it is read; the newest that is whole is taken. Those of older versions carry none.

    Args:
      folder: where they lie.
      networks: `network_variables`.
      optimizers: `optimizer_variables`; without them (None) only networks are read.
      averages: of weights; when only networks are read, the networks' own variables that are to
        take the averages' values.
      run: what the run is known by, see `run_folder.identity`.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        networks: Mapping[str, tf.Variable],
        optimizers: Mapping[str, tf.Variable] | None = None,
        averages: Mapping[str, tf.Variable] | None = None,
        run: Mapping[str, Any] | None = None,
    ):
        self.folder = folder
        self.progress = Progress()
        self._digests = Digests()
        self._run = json.loads(json.dumps(run or {}))
        self._partial = optimizers is None
        parts = {"networks": networks, "optimizers": optimizers, "averages": averages}
        self._variables = {
            f"{part}/{name}": variable
            for part, variables in parts.items()
            for name, variable in (variables or {}).items()
        }
        named = {part: _named(variables) for part, variables in parts.items() if variables}
        self._undigested = tf.train.Checkpoint(**named, progress=self.progress)
        self._checkpoint = tf.train.Checkpoint(
            **named, progress=self.progress, digests=self._digests
        )
        self._damaged: dict[int, str] = {}

    @property
    def latest(self) -> str | None:
        """Path of the newest checkpoint, without ending, or None; damaged ones don't count."""
        steps = [step for step in self._steps() if step not in self._damaged]
        return str(self._path(max(steps))) if steps else None

    def _steps(self) -> list[int]:
        """The steps of the checkpoints that lie in the folder, whole or not."""
        names = (_FILE.fullmatch(path.name) for path in self.folder.glob("ckpt-*"))
        return sorted({int(name[1]) for name in names if name})

    def _path(self, step: int) -> pathlib.Path:
        return self.folder / f"ckpt-{step}"

    def save(self) -> str:
        """Writes a checkpoint named after the step; the older ones but two are removed.

        It is there wholly or not at all, whenever the machine stops.
        """
        step = self.progress.step
        path, aside = self._path(step), self.folder / f".unfinished-{step}"
        self._digests.values = [self._run, step, self._sha256s()]
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            self._checkpoint.save_counter.assign_add(1)  # which older versions look for
            with plain_path(aside) as folder:
                self._checkpoint.write(str(folder / path.name))
            sync_tree(aside)
            index = pathlib.Path(f"{path}.index")
            index.unlink(missing_ok=True)  # of a damaged one of this step
            for file in sorted(aside.iterdir(), key=lambda file: file.suffix == index.suffix):
                os.replace(file, self.folder / file.name)
            sync_folder(self.folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        damaged = self._damaged.keys() - {step}
        self._damaged.clear()
        self._remove(damaged)
        steps = [other for other in self._steps() if other <= step][-MAX_TO_KEEP:]
        names = [("model_checkpoint_path", step)]
        names += [("all_model_checkpoint_paths", other) for other in steps]
        write_aside(self._state, "".join(f'{key}: "ckpt-{at}"\n' for key, at in names))
        self._remove(other for other in self._steps() if other < steps[0])
        return str(path)

    def save_if_new(self) -> None:
        """Writes a checkpoint unless the newest one is of this step."""
        if self.latest != str(self._path(self.progress.step)):
            self.save()

    def forget_beyond(self, step: int) -> None:
        """Removes the checkpoints of later steps."""
        self._remove(other for other in self._steps() if other > step)

    def _remove(self, steps: Iterable[int]) -> None:
        for step in steps:
            for ending in (".index", ".data-*"):  # what has no index is no checkpoint
                for file in self.folder.glob(f"ckpt-{step}{ending}"):
                    file.unlink(missing_ok=True)

    @property
    def _state(self) -> pathlib.Path:
        return self.folder / "checkpoint"

    def restore(self) -> bool:
        """Reads the newest checkpoint that is whole, and says which ones are not.

        Returns:
          Whether there is one.

        Raises:
          RunFolderError: if there are checkpoints, and none of them is whole and of this run.
        """
        self._damaged = {}
        named, notes = self._named_by_state()
        for step in sorted({*self._steps(), *named}, reverse=True):
            problem = self._read(step)
            if problem is None:
                break
            self._damaged[step] = problem
        else:
            if self._damaged:
                self._check_networks(max(self._damaged))
                listed = "; ".join(f"ckpt-{n} ({why})" for n, why in self._damaged.items())
                raise RunFolderError(
                    f"{self.folder}: no checkpoint is whole and of this run: {listed}; put one "
                    "back, or train again in another folder"
                )
            if notes:
                raise RunFolderError(f"{notes[0]}, and there is none beside it")
            return False
        taken = "reading" if self._partial else "resuming from"
        for note in notes:
            logger.info("%s; %s ckpt-%d", note, taken, step)
        for damaged, problem in self._damaged.items():
            logger.info(
                "checkpoint ckpt-%d is damaged (%s); %s ckpt-%d", damaged, problem, taken, step
            )
        return True

    def _named_by_state(self) -> tuple[list[int], list[str]]:
        """The steps of the checkpoints that the state file names, and what is wrong with it."""
        try:
            lines = read_text(self._state).splitlines()
        except FileNotFoundError:  # a run killed while it wrote its first checkpoint has none yet
            return [], []
        except (OSError, ValueError) as error:
            return [], [f"{self._state} is unreadable ({_first_line(error)})"]
        matches = [_STATE.fullmatch(line) for line in lines]
        if not lines or None in matches:
            return [], [f"{self._state} is unreadable (it names no checkpoint)"]
        names = dict.fromkeys(match[1] for match in matches if match[1] is not None)
        numbers = {name: _FILE.fullmatch(f"{name}.index") for name in names}
        foreign = [name for name, number in numbers.items() if number is None]
        notes = [f"{self._state} names {name!r}, which is no checkpoint of it" for name in foreign]
        return [int(number[1]) for number in numbers.values() if number is not None], notes

    def _read(self, step: int) -> str | None:
        """Reads a checkpoint; returns what is wrong with it."""
        path = self._path(step)
        if not pathlib.Path(f"{path}.index").is_file():
            return f"{path.name}.index is missing"
        data = list(self.folder.glob(f"{path.name}.data-*"))
        if not data or not all(file.is_file() for file in data):
            return f"{path.name}.data is missing"
        status = None
        try:
            with plain_path(self.folder) as folder:
                readable = str(folder / path.name)
                digested = tf.train.load_checkpoint(readable).has_tensor(_DIGESTS)
                status = (self._checkpoint if digested else self._undigested).restore(readable)
            status.expect_partial() if self._partial else status.assert_consumed()
            status.assert_existing_objects_matched()
            if self.progress.step != step:
                return f"it is of step {self.progress.step}"
            return self._digests.problem(self._run, step, self._sha256s()) if digested else None
        # TensorFlow's reader raises whatever damaged bytes lead to.
        except Exception as error:
            if status is not None:
                status.expect_partial()  # else TensorFlow warns of what it left out, line by line
            return _first_line(error)

    def _check_networks(self, step: int) -> None:
        """Checks that a checkpoint that can't be used is one of these networks.

        Raises:
          RunFolderError: if it is whole, and of networks whose weights have other shapes.
        """
        try:
            with plain_path(self.folder) as folder:
                reader = tf.train.load_checkpoint(str(folder / self._path(step).name))
            stored = network_shapes(reader.get_variable_to_shape_map())
        except Exception:  # as in `_read`
            return
        parts = ("networks/", "averages/")
        here = {
            name.partition("/")[2]: tuple(variable.shape)
            for name, variable in self._variables.items()
            if name.startswith(parts)
        }
        if stored and (problem := other_network(stored, here)):
            raise RunFolderError(f"{self.folder}: {problem}")

    def _sha256s(self) -> dict[str, str]:
        """SHA-256 of the progress and of each variable."""
        values = {name: digest({name: variable}) for name, variable in self._variables.items()}
        progress = hashlib.sha256(self.progress.serialize().encode()).hexdigest()
        return {"progress": progress, **values}


def _first_line(reason: Exception) -> str:
    return (str(reason).strip().splitlines() or [repr(reason)])[0][:200]


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
