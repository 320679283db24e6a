"""What the modes of the command line do: train, evaluate, export, compare."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
from collections.abc import Callable, Iterator, Sequence

from aae_tf import data as data_sources
from aae_tf import experiments, seeds, serving
from aae_tf.data import ImageData
from aae_tf.data.labelled import check_labels, labelled_rows
from aae_tf.errors import DivergedError, RunFolderError, SettingsError
from aae_tf.evaluation import Evaluator, quality
from aae_tf.evaluation.quality import classifier_cache
from aae_tf.methods import Method, method_class
from aae_tf.reporting import compare as comparing
from aae_tf.reporting.progress import ProgressBar
from aae_tf.reporting.provenance import provenance
from aae_tf.reporting.recorder import Recorder
from aae_tf.reporting.run_folder import RunFolder, check_folder
from aae_tf.reporting.side_by_side import Restored
from aae_tf.settings import DataSettings, EvaluationSettings, Settings
from aae_tf.training import Stopped, Trainer
from aae_tf.training.checkpoints import (
    Checkpoints,
    CheckpointWriter,
    digest,
    network_variables,
    optimizer_variables,
)
from aae_tf.training.distribution import make_strategy
from aae_tf.training.feed import Labelled
from aae_tf.training.pretraining import pretrain
from aae_tf.training.streaming import make_feed

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a mode leaves behind.

    Args:
      folder: of the run.
      metrics: on validation and test images.
      saved_model: where the export lies, if there was one.
      digest: SHA-256 of the variables of networks and optimizers, after training.
      signal: that stopped the run before its end, or 0.
    """

    folder: RunFolder
    metrics: dict[str, float]
    saved_model: pathlib.Path | None = None
    digest: str = ""
    signal: int = 0


def train(settings: Settings, run_dir: pathlib.Path, export_dir: pathlib.Path, say: Say) -> Outcome:
    """Trains or resumes, evaluates, draws and exports.

    Args:
      settings: of the run.
      run_dir: a new folder, or one that holds a run of the same settings, which goes on.
      export_dir: where the SavedModel goes, under the experiment's name.
      say: told what happens, line by line.

    Raises:
      UserError: if something given can't be used; nothing has been written then, unless the loss
        diverged.
    """
    folder = RunFolder(run_dir)
    folder.check(settings)
    check_folder("export_dir", export_dir)
    # First of all that touches TensorFlow, which can divide the CPU only before it has started.
    strategy = make_strategy(settings.execution, settings.training.batch_size)
    _check_judges(settings.evaluation)
    data = data_sources.load(settings.data)
    session = _Session(settings, folder, data, strategy)
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.locked():
        folder.check(settings)  # again: another process may have begun a run meanwhile
        folder.check_data(data)
        session.open_checkpoints()
        resumed = session.checkpoints.restore()
        folder.start(settings, data)
        step = session.checkpoints.progress.step
        say(f"run folder: {folder.path}" + (f", resumed at step {step}" if resumed else ""))
        for note in data.notes():
            say(note)
        if not resumed:
            session.pretrain(say)
        return session.run(export_dir, say)


class _Session:
    """What training needs, made from settings and data."""

    def __init__(self, settings: Settings, folder: RunFolder, data: ImageData, strategy):
        training = settings.training
        if training.batch_size > len(data.train):
            expected = f"at most {len(data.train)}, the number of training images"
            raise SettingsError("batch_size", training.batch_size, expected)
        self.settings, self.folder, self.data = settings, folder, data
        self.seed = seeds.root(training.seed)
        self.strategy = strategy
        with self.strategy.scope():
            self.method = _method(settings, data)
            self.method.adapt(data.train.images)
            feed = make_feed(
                data.train.images,
                training.batch_size,
                self.seed,
                self.method.dtype,
                labelled_for(self.method, data, strategy.num_replicas_in_sync),
            )
            self.phases = self.method.phases(feed.steps_per_epoch)
            self.pretraining = self.method.pretraining()
        self.trainer = Trainer(
            self.phases, feed, self.seed, strategy, settings.execution.xla, self.method.prepare
        )
        self.variables = network_variables(self.method.networks) | optimizer_variables(self.phases)

    def pretrain(self, say: Say) -> None:
        """Does what comes before the first step, if the method asks for it."""
        if self.pretraining is None:
            return
        images = self.data.train.images
        size = min(self.pretraining.batch_size, len(images))
        seed = seeds.fold(self.seed, "pretraining")
        feed = make_feed(images, size, seed, self.method.dtype)
        trainer = Trainer(
            (self.pretraining.phase,),
            feed,
            seed,
            self.strategy,
            self.settings.execution.xla,
            self.method.prepare,
        )
        steps, loss = pretrain(trainer, self.pretraining.steps)
        say(f"pretrained the encoder's moments: {loss:.3g} after {steps} steps")

    def open_checkpoints(self) -> None:
        """Makes the folder of checkpoints if there is none."""
        self.checkpoints = Checkpoints(
            self.folder.checkpoints,
            network_variables(self.method.networks),
            optimizer_variables(self.phases),
        )

    def run(self, export_dir: pathlib.Path, say: Say) -> Outcome:
        """Trains from where the checkpoints stand; then, if not stopped, does all the rest."""
        folder, progress = self.folder, self.checkpoints.progress
        first_step = progress.step
        evaluator = Evaluator(self.method, self.seed, self.data)
        recorder = Recorder(
            folder,
            self.method,
            self.phases,
            self.data,
            evaluator,
            progress,
            self.settings.training.epochs,
        )
        with contextlib.closing(recorder):
            received = _train(self.trainer, self.settings, self.checkpoints, recorder)
            state = digest(self.variables)
            devices = list(self.strategy.extended.worker_devices)
            folder.write_provenance(provenance(devices, progress.seconds, state, progress.step))
            if received:
                return Outcome(folder, {}, signal=received)
            say("evaluating, drawing and exporting")
            if progress.step > first_step or not folder.has_result:
                recorder.finish(progress.step)
            metrics = _final_metrics(self.settings, folder, evaluator, self.data, progress)
        return Outcome(folder, metrics, export(folder, export_dir), state)


def _train(
    trainer: Trainer, settings: Settings, checkpoints: Checkpoints, recorder: Recorder
) -> int:
    """Trains to the end, or to a signal, which is returned; writes a checkpoint either way."""
    progress = checkpoints.progress
    total = settings.training.epochs * trainer.feed.steps_per_epoch
    writer = CheckpointWriter(checkpoints, settings.execution.checkpoint_minutes)
    bar = ProgressBar(progress.step, total)
    calls = settings.execution.steps_per_call
    try:
        with contextlib.closing(bar), _stops_on_signals(trainer) as received:
            trainer.train(progress.step, total, calls, (bar, recorder, writer))
    except Stopped:
        pass
    except DivergedError as error:
        last = checkpoints.latest
        good = f"the last good checkpoint is {last}" if last else "there is no checkpoint yet"
        raise DivergedError(f"{error}; {good}; try lower learning rates") from None
    checkpoints.save_if_new()
    return received[0] if progress.step < total else 0


def evaluate(run_dir: pathlib.Path, evaluation: EvaluationSettings | None = None) -> Outcome:
    """Evaluates the newest checkpoint of a run on validation and test images again.

    Args:
      run_dir: the run's folder.
      evaluation: how to judge it, if otherwise than its own settings say.
    """
    folder = RunFolder(run_dir)
    settings = folder.read_settings()
    if evaluation is not None:
        settings = dataclasses.replace(settings, evaluation=evaluation)
    _check_judges(settings.evaluation)
    data = data_sources.load(settings.data)
    folder.check_data(data)
    method, checkpoints = _restored(folder, settings, data.image_shape, data.num_classes)
    evaluator = Evaluator(method, seeds.root(settings.training.seed), data)
    metrics = _final_metrics(settings, folder, evaluator, data, checkpoints.progress)
    return Outcome(folder, metrics)


def export(run_dir: RunFolder | pathlib.Path, export_dir: pathlib.Path) -> pathlib.Path:
    """Exports the newest checkpoint of a run; returns the SavedModel's folder."""
    folder = run_dir if isinstance(run_dir, RunFolder) else RunFolder(run_dir)
    check_folder("export_dir", export_dir)
    settings = folder.read_settings()
    described = folder.read_data()
    classes = described.get("num_classes", 0)
    method, _ = _restored(folder, settings, described["image_shape"], classes)
    return serving.export(method, export_dir / settings.experiment)


def compare(runs: Sequence[pathlib.Path], target: pathlib.Path, say: Say) -> list[pathlib.Path]:
    """Draws runs side by side, from their newest checkpoints, and writes a table of their numbers.

    Args:
      runs: two folders of runs or more.
      target: where pictures and tables go.
      say: told what is left out.

    Returns:
      The files.

    Raises:
      UserError: if runs can't be compared; nothing has been written then.
    """
    folders = comparing.find_runs(runs)
    settings = [folder.read_settings() for folder in folders]
    loaded: dict[DataSettings, ImageData] = {}
    restored = []
    for folder, own in zip(folders, settings, strict=True):
        if not folder.has_checkpoint:
            say(f"{folder.path} has no checkpoint: codes, samples and reconstructions are left out")
            return comparing.compare(folders, settings, [], target)
        if own.data not in loaded:
            loaded[own.data] = data_sources.load(own.data)
        data = loaded[own.data]
        folder.check_data(data)
        method, _ = _restored(folder, own, data.image_shape, data.num_classes)
        evaluator = Evaluator(method, seeds.root(own.training.seed), data)
        restored.append(Restored(method, data, evaluator))
    return comparing.compare(folders, settings, restored, target)


def _check_judges(settings: EvaluationSettings) -> None:
    """Checks what is to judge samples, before anything that takes long."""
    if settings.sample_quality:
        check_folder("cache_dir", classifier_cache.folder(settings.cache_dir))
        quality.check(settings)


def _method(settings: Settings, data: ImageData) -> Method:
    """The experiment's method, if the data has what it needs."""
    made = method_class(experiments.find(settings.experiment).method)
    if made.needs_labels:
        check_labels(data, settings.experiment)
    return made(settings, data.image_shape, data.num_classes)


def labelled_for(method: Method, data: ImageData, replicas: int) -> Labelled | None:
    """The labels that the method's phases take."""
    settings = method.settings
    if method.labels == "none":
        return None
    count = settings.labels.count if settings.labels else None
    rows = labelled_rows(data, count, settings.training.seed)
    beside = method.labels == "beside"
    if beside:
        size = min(settings.labels.minibatch, len(rows))
        if size % replicas:
            expected = f"a multiple of {replicas}, the number of replicas"
            raise SettingsError("labelled_batch_size", size, expected)
        return Labelled(rows, data.train.labels, True, size)
    return Labelled(rows, data.train.labels, False, unlabelled=data.num_classes)


def _restored(
    folder: RunFolder, settings: Settings, image_shape, num_classes: int
) -> tuple[Method, Checkpoints]:
    method_of = method_class(experiments.find(settings.experiment).method)
    method = method_of(settings, image_shape, num_classes)
    checkpoints = Checkpoints(folder.checkpoints, network_variables(method.networks))
    if not checkpoints.restore():
        raise RunFolderError(f"--run_dir={folder.path}: has no checkpoint yet; train it first")
    return method, checkpoints


def _final_metrics(settings, folder, evaluator, data: ImageData, progress) -> dict[str, float]:
    metrics = {}
    for name, split in (("validation", data.validation), ("test", data.test)):
        for key, value in evaluator.evaluate(split, final=True).items():
            metrics[f"{name}/{key}"] = value
    steps_per_epoch = len(data.train) // settings.training.batch_size
    folder.write_result(settings, progress.step / steps_per_epoch, metrics, progress.seconds)
    return metrics


@contextlib.contextmanager
def _stops_on_signals(trainer: Trainer) -> Iterator[list[int]]:
    """Lets SIGINT and SIGTERM end training after the current call; a second one at once."""
    received: list[int] = []

    def stop(number, frame):
        del frame
        if received:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        received.append(number)
        trainer.stop_requested = True
        # Not print(): the progress bar may be in the middle of writing.
        os.write(2, b"\nstopping after this call; again to stop at once\n")

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
