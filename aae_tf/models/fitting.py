"""Fitting a model: its data, the training run of the command, Keras's callbacks."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from aae_tf import data as data_sources
from aae_tf.arrays import holds_features, is_picture
from aae_tf.data import ImageData, Split
from aae_tf.data.images import SMALLEST, size_of_validation, with_every_class, with_validation
from aae_tf.errors import DataError, SettingsError, UserError
from aae_tf.models import arguments, datasets
from aae_tf.results.metrics_table import MetricsTable
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs.recorder import Recorder
from aae_tf.runs.train import train
from aae_tf.settings import Settings, override
from aae_tf.training import Observer, Report
from aae_tf.utils import logging_to_stderr, without_bars

if TYPE_CHECKING:
    from aae_tf.models.base import Model

logger = logging.getLogger(__name__)


def fit(
    model: Model,
    x: Any,
    y: Any,
    validation_data: Any,
    run_dir: str | pathlib.Path | None,
    callbacks: Sequence[Any],
    steps_per_epoch: int | None,
    verbose: bool,
) -> keras.callbacks.History:
    """See `Model.fit`."""
    with model._ready(), _said(verbose):
        data = _data(model, x, y, validation_data, steps_per_epoch)
        settings = _settings(model, x, data)
        folder, settings = _folder(model, run_dir, settings)
        watch = None
        if callbacks:
            model.stop_training = False
            watch = _Callbacks.maker(model, callbacks, settings)
        model._restored, model._folder, model._settings = None, None, settings
        try:
            outcome = train(settings, folder, None, data, watch, model._is_temporary)
        finally:
            model._trained = {}
            left = RunFolder(folder)
            if left.has_checkpoint:
                model._folder, model._data = left, data
        if outcome.status:
            logger.info("stopped with a checkpoint; fit() again goes on")
            if outcome.status == os.EX_TEMPFAIL:
                return _history(folder)
            raise KeyboardInterrupt(signal.Signals(outcome.status - 128).name)
        for note in outcome.notes:
            logger.info("note: %s", note)
        return _history(folder)


@contextlib.contextmanager
def _said(verbose: bool) -> Iterator[None]:
    with logging_to_stderr() if verbose else without_bars():
        yield


def _settings(model: Model, x: Any, data: ImageData) -> Settings:
    """The settings of the run: what depends on the data follows it, unless it was given."""
    if isinstance(x, (str, pathlib.Path)):
        settings = model._settings_for(features=holds_features(str(x)))
        return override(settings, {"dataset": str(x)})
    settings = model._settings_for(features=not is_picture(data.image_shape))
    changes: dict[str, Any] = {"dataset": arguments.NAME}
    given, size = model._given, len(data.train)
    if "batch_size" not in given and size < settings.training.batch_size:
        changes["batch_size"] = size
    if settings.labels is not None and data.train.labels is not None:
        known = int((data.train.labels >= 0).sum())
        if "num_labels" not in given:
            changes["num_labels"] = "all"
        if "labelled_batch_size" not in given and known < settings.labels.labelled_batch_size:
            changes["labelled_batch_size"] = max(1, known)
    return override(settings, changes)


def _folder(
    model: Model, run_dir: str | pathlib.Path | None, settings: Settings
) -> tuple[pathlib.Path, Settings]:
    """Where the run lies, and its settings, with more epochs where it goes on."""
    before = model._folder
    if run_dir is not None:
        folder = pathlib.Path(run_dir)
        if before is None or before.path != folder:
            model._is_temporary = False
            return folder, settings
    elif before is None:
        return model._keep_temporarily(), settings
    done = before.read_settings()
    if _reached(before) >= done.training.epochs:
        epochs = done.training.epochs + settings.training.epochs
        _check_goes_on(done, model._is_temporary)
    else:
        epochs = done.training.epochs
    training = dataclasses.replace(settings.training, epochs=epochs)
    return before.path, dataclasses.replace(settings, training=training)


def _check_goes_on(settings: Settings, is_temporary: bool) -> None:
    """Checks that a finished run may go on for more epochs."""
    cosine = [phase for phase in settings.phases if phase.schedule == "cosine"]
    if cosine and not is_temporary:
        flag = f"{cosine[0].name}_schedule"
        expected = (
            "constant in a run_dir that is to go on after its last epoch, since a cosine falls to "
            "0 there; or fit() without run_dir, or more epochs in a new one"
        )
        raise SettingsError(flag, "cosine", expected)


def _reached(folder: RunFolder) -> float:
    rows = MetricsTable(folder.path / "metrics.csv", last_step=2**62).rows
    return rows[-1]["epoch"] if rows else 0.0


def _data(
    model: Model, x: Any, y: Any, validation_data: Any, steps_per_epoch: int | None
) -> ImageData:
    """The data set, with a validation split; without a test split, unless it has a name."""
    if isinstance(x, (str, pathlib.Path)):
        if y is not None or validation_data is not None:
            raise UserError(f"x: {x} has its own labels and splits; expected x alone")
        named = override(model._settings_for(features=False), {"dataset": str(x)})
        return data_sources.load(named.data)
    if steps_per_epoch is not None:
        size = steps_per_epoch * model._settings.training.batch_size
        train = Split(datasets.DatasetImages(x, y, size))
        if validation_data is None:
            raise UserError("validation_data: None, expected examples beside a Dataset with no end")
        shape = train.images.shape[1:]
        validation = _pair(validation_data, shape, ())
        return ImageData(arguments.NAME, train, validation, None)
    names = _class_names(y)
    everything = arguments.as_split(x, y, None, names)
    if validation_data is not None:
        validation = _pair(validation_data, everything.images.shape[1:], names)
        return ImageData(arguments.NAME, everything, validation, None, names)
    if len(everything) < SMALLEST:
        raise DataError(f"x: {len(everything)} examples, expected {SMALLEST} or more")
    train, validation = _set_aside(everything)
    return ImageData(arguments.NAME, train, validation, None, names)


def _set_aside(everything: Split) -> tuple[Split, Split]:
    """Training and validation examples; the latter from those without a label if some have none."""
    labels = everything.labels
    if labels is None or labels.min() >= 0:
        return with_validation(everything, shuffle=True)
    unlabelled = np.flatnonzero(labels < 0)
    order = np.random.RandomState(len(labels) % 2**32).permutation(unlabelled)
    count = min(size_of_validation(len(labels)), len(unlabelled) - 1)
    if count < 2:
        rows = np.random.RandomState(len(labels) % 2**32).permutation(len(labels))
        first = len(rows) - size_of_validation(len(rows))
        rows, order = with_every_class(np.maximum(labels, 0), rows[:first], rows[first:])
        return everything.take(np.sort(rows)), Split(everything.images[order])
    left = np.setdiff1d(np.arange(len(labels)), order[:count])
    return everything.take(left), Split(everything.images[np.sort(order[:count])])


def _pair(given: Any, shape: tuple[int, ...], names: tuple[str, ...]) -> Split:
    """Validation examples, maybe with labels."""
    x, y = given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, None)
    try:
        split = arguments.as_split(x, y, tuple(shape), names)
    except DataError as error:
        raise DataError(f"validation_data: {error}") from None
    if len(split) < 2:
        raise DataError(f"validation_data: {len(split)} examples, expected 2 or more")
    return split


def _class_names(y: Any) -> tuple[str, ...]:
    """The words among labels, in the order of the alphabet."""
    given = np.asarray(y) if y is not None else np.zeros(0)
    if given.dtype.kind not in "US" and not (
        given.dtype == object and all(isinstance(word, str) for word in given.ravel())
    ):
        return ()
    return tuple(sorted(set(map(str, given.ravel().tolist()))))


def _history(folder: pathlib.Path) -> keras.callbacks.History:
    """The epochs of metrics.csv."""
    history = keras.callbacks.History()
    history.history, history.epoch = {}, []
    for row in MetricsTable(folder / "metrics.csv", last_step=2**62).rows:
        history.epoch.append(round(row["epoch"]) - 1)
        for key, value in row.items():
            if key not in ("step", "epoch"):
                history.history.setdefault(key, []).append(value)
    return history


class _Callbacks(Observer):
    """Calls Keras's callbacks as far as they make sense here."""

    def __init__(self, model: Model, callbacks, settings: Settings, recorder: Recorder, run):
        self._model, self._callbacks, self._recorder, self._run = model, callbacks, recorder, run
        self._begun = False
        model._trained = run.method.networks
        params = {"epochs": settings.training.epochs, "steps": run.trainer.feed.steps_per_epoch}
        for callback in callbacks:
            for name, value in (("set_params", {"verbose": 0, **params}), ("set_model", model)):
                if hasattr(callback, name):
                    getattr(callback, name)(value)
        self._call("on_train_begin")

    @classmethod
    def maker(cls, model: Model, callbacks: Sequence[Any], settings: Settings):
        """What makes it once the run is there."""
        return lambda recorder, run: cls(model, callbacks, settings, recorder, run)

    def after_call(self, report: Report) -> None:
        if not self._begun:
            self._call("on_epoch_begin", int(np.ceil(report.epoch)) - 1)
            self._begun = True

    def after_epoch(self, report: Report) -> None:
        row = self._recorder.rows[-1]
        logs = {key: value for key, value in row.items() if key not in ("step", "epoch")}
        self._call("on_epoch_end", round(report.epoch) - 1, logs)
        self._begun = False
        if self._model.stop_training or report.step == report.total_steps:
            self._call("on_train_end", logs)
        if self._model.stop_training:
            self._run.trainer.stop_requested = True

    def _call(self, name: str, *given) -> None:
        for callback in self._callbacks:
            if hasattr(callback, name):
                getattr(callback, name)(*given)
