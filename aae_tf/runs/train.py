"""What the modes of the command line do: train, evaluate, export, compare, explore.

A search trains its trials by `begun`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from aae_tf import data as data_sources
from aae_tf import experiments, seeds, serving
from aae_tf.data import ImageData
from aae_tf.errors import RunFolderError, UserError
from aae_tf.evaluation import Evaluator, classifier, sample_quality
from aae_tf.evaluation.inference import Inference
from aae_tf.figures import compare as comparing
from aae_tf.figures.compare import Restored
from aae_tf.methods import Method
from aae_tf.methods.build import method_class
from aae_tf.results import model_card
from aae_tf.results.provenance import commit_of_checkout
from aae_tf.results.run_folder import RunFolder, check_folder
from aae_tf.runs.recorder import Recorder
from aae_tf.runs.training_run import Say, TrainingRun
from aae_tf.serving import explorer, held_out
from aae_tf.settings import DataSettings, EvaluationSettings, Settings
from aae_tf.training.checkpoints import Checkpoints, network_variables
from aae_tf.training.distribution import make_strategy


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


def train(
    settings: Settings, run_dir: pathlib.Path, export_dir: pathlib.Path | None, say: Say
) -> Outcome:
    """Trains or resumes, evaluates, draws and exports.

    Args:
      settings: of the run.
      run_dir: a new folder, or one that holds a run of the same settings, which goes on.
      export_dir: where the SavedModel goes, under the experiment's name; None for no export.
      say: told what happens, line by line.

    Raises:
      UserError: if something given can't be used; nothing has been written then, unless the loss
        diverged.
    """
    folder = RunFolder(run_dir)
    folder.check(settings)
    if export_dir is not None:
        check_folder("export_dir", export_dir)
    # First of all that touches TensorFlow, which can divide the CPU only before it has started.
    strategy = make_strategy(settings.execution, settings.training.batch_size)
    check_evaluators(settings.evaluation)
    data = data_sources.load(settings.data)
    session = TrainingRun(settings, folder, data, strategy)
    with begun(session, say):
        return _run(session, export_dir, say)


@contextlib.contextmanager
def begun(session: TrainingRun, say: Say) -> Iterator[None]:
    """Begins a run in its folder, or takes it up where its checkpoints stand; locked within."""
    folder, settings, data = session.folder, session.settings, session.data
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
        yield


def _run(session: TrainingRun, export_dir: pathlib.Path | None, say: Say) -> Outcome:
    """Trains from where the checkpoints stand; then, if not stopped, does all the rest."""
    folder, settings, data = session.folder, session.settings, session.data
    commit = commit_of_checkout()
    progress = session.checkpoints.progress
    first_step = progress.step
    evaluator = Evaluator(session.method, session.seed, data)
    epochs = settings.training.epochs
    method, phases = session.method, session.phases
    judged = session.judged
    recorder = Recorder(folder, method, phases, data, evaluator, progress, epochs, judged)
    with contextlib.closing(recorder):
        received = session.train(recorder)
        state = session.note_provenance(first_step, commit)
        if received:
            return Outcome(folder, {}, signal=received)
        say("evaluating, drawing" + (" and exporting" if export_dir is not None else ""))
        if progress.step > first_step or not folder.has_result:
            recorder.finish(progress.step)
        with judged():
            metrics = _final_metrics(settings, folder, evaluator, data, progress)
    exported = None if export_dir is None else export(folder, export_dir, say, data)
    return Outcome(folder, metrics, exported, state)


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
    check_evaluators(settings.evaluation)
    data = data_sources.load(settings.data)
    folder.check_data(data)
    method, checkpoints = restore_run(folder, settings, data.image_shape, data.num_classes)
    evaluator = Evaluator(method, seeds.root(settings.training.seed), data)
    metrics = _final_metrics(settings, folder, evaluator, data, checkpoints.progress)
    return Outcome(folder, metrics)


def export(
    run_dir: RunFolder | pathlib.Path,
    export_dir: pathlib.Path,
    say: Say,
    data: ImageData | None = None,
) -> pathlib.Path:
    """Exports the newest checkpoint of a run; returns the SavedModel's folder.

    Args:
      run_dir: the run's folder.
      export_dir: where the SavedModel goes, under the experiment's name.
      say: told if the run's data isn't there, without which no codes go with the model.
      data: the run's, if it is loaded already.
    """
    folder = run_dir if isinstance(run_dir, RunFolder) else RunFolder(run_dir)
    check_folder("export_dir", export_dir)
    settings = folder.read_settings()
    described = folder.read_data()
    classes = described.get("num_classes", 0)
    method, _ = restore_run(folder, settings, described["image_shape"], classes)
    codes = None
    try:
        if data is None:
            data = data_sources.load(settings.data)
            folder.check_data(data)
        codes = _held_out_codes(method, data)
    except UserError as error:
        say(f"exporting without codes of held-out images: {error}")
    card = functools.partial(model_card.files_of, folder)
    return serving.export(method, export_dir / settings.experiment, codes, card)


def _held_out_codes(method: Method, data: ImageData) -> dict[str, Any]:
    """Codes of validation images, for the explorer to draw."""
    some = data.validation.take(held_out.rows_of(len(data.validation)))
    classes = data.class_names or tuple(map(str, range(data.num_classes)))
    # A category that was learned without labels is none of the data's classes.
    learned = tuple(f"cluster {number}" for number in range(method.num_categories))
    categories = learned if method.labels == "none" else classes[: method.num_categories]
    codes = Inference(method).encode(some)
    # Of the user's own data the file's or folder's name, not where it lies.
    name = pathlib.PurePath(data.name).name
    return held_out.describe(name, codes, some.labels, classes, categories)


def explore(model: pathlib.Path, host: str, port: int, say: Say) -> None:
    """Serves a page on which to move over a SavedModel's codes, until interrupted.

    Args:
      model: folder of a version, or of a model, whose newest version is taken.
      host: name or address to listen at.
      port: to listen at; 0 for a free one.
      say: told the address, and a warning if others than this machine can reach it.

    Raises:
      UserError: if there is no such model, or the address can't be had.
    """
    explorer.serve(explorer.load(model), host, port, say)


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
        method, _ = restore_run(folder, own, data.image_shape, data.num_classes)
        evaluator = Evaluator(method, seeds.root(own.training.seed), data)
        restored.append(Restored(method, data, evaluator))
    return comparing.compare(folders, settings, restored, target)


def check_evaluators(settings: EvaluationSettings) -> None:
    """Checks what is to judge samples, before anything that takes long."""
    if settings.sample_quality:
        check_folder("cache_dir", classifier.cache_folder(settings.cache_dir))
        sample_quality.check(settings)


def restore_run(
    folder: RunFolder, settings: Settings, image_shape, num_classes: int
) -> tuple[Method, Checkpoints]:
    """A run's method with its newest checkpoint's weights (averages, where it is judged by them).

    Args:
      folder: of the run.
      settings: the run's own.
      image_shape: `(height, width, channels)` of its data.
      num_classes: of its data, 0 without labels.

    Raises:
      RunFolderError: if there is no checkpoint yet.
    """
    method_of = method_class(experiments.find(settings.experiment).method)
    method = method_of(settings, image_shape, num_classes)
    networks = network_variables(method.networks)
    averages = None
    if settings.training.average_decay:
        averages = network_variables(method.lasting_networks)
        networks = {name: value for name, value in networks.items() if name not in averages}
    checkpoints = Checkpoints(folder.checkpoints, networks, averages=averages)
    if not checkpoints.restore():
        raise RunFolderError(f"--run_dir={folder.path}: has no checkpoint yet; train it first")
    return method, checkpoints


def _final_metrics(settings, folder, evaluator, data: ImageData, progress) -> dict[str, float]:
    metrics = {}
    for name, split in (("validation", data.validation), ("test", data.test)):
        for key, value in evaluator.evaluate(split, final=True).items():
            metrics[f"{name}/{key}"] = value
    metrics |= evaluator.log_likelihood(folder.likelihood)
    steps_per_epoch = len(data.train) // settings.training.batch_size
    folder.write_result(settings, progress.step / steps_per_epoch, metrics, progress.seconds)
    return metrics
