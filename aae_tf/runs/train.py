"""Trains a run, and evaluates, exports and compares runs that there are."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from aae_tf import data as data_sources
from aae_tf import seeds
from aae_tf.data import ImageData
from aae_tf.errors import SettingsError, UserError
from aae_tf.evaluation import Evaluator, check_data, classifier, sample_quality
from aae_tf.figures import compare as comparing
from aae_tf.figures.compare import Restored
from aae_tf.networks.layers import keras_defaults
from aae_tf.networks.standardizer import note_on_scales
from aae_tf.results import health, model_card
from aae_tf.results.provenance import commit_of_checkout
from aae_tf.results.run_folder import RunFolder, check_folder
from aae_tf.runs.export import export as export
from aae_tf.runs.export import export_run, exported_run, restore_run
from aae_tf.runs.recorder import Recorder
from aae_tf.runs.stopping import Stop
from aae_tf.runs.training_run import TrainingRun
from aae_tf.settings import DataSettings, EvaluationSettings, Settings
from aae_tf.settings.own import objects_given
from aae_tf.training import Observer
from aae_tf.training.distribution import make_strategy
from aae_tf.training.workers import Workers
from aae_tf.utils import make_folder, printable

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a mode leaves behind.

    Args:
      folder: of the run.
      metrics: on validation and test images.
      saved_model: where the export lies, if there was one.
      digest: SHA-256 of the variables of networks and optimizers, after training.
      status: exit status of a run that was stopped before its end (see `Stop.status`), or 0.
      notes: what looks wrong with the run, each with what to try.
    """

    folder: RunFolder
    metrics: dict[str, float]
    saved_model: pathlib.Path | None = None
    digest: str = ""
    status: int = 0
    notes: Sequence[str] = ()


Watch = Callable[[Recorder, TrainingRun], Observer]


@keras_defaults()
def train(
    settings: Settings,
    run_dir: pathlib.Path,
    model: pathlib.Path | None,
    data: ImageData | None = None,
    watch: Watch | None = None,
    temporary: bool = False,
    profile: tuple[int, int] | None = None,
) -> Outcome:
    """Trains or resumes, evaluates, draws and exports.

    Args:
      settings: of the run.
      run_dir: a new folder, or one that holds a run of the same settings, which continues.
      model: folder of the versions that the SavedModel is added to; None for no export.
      data: that was given in Python; by default what the settings name.
      watch: makes an observer that looks on beside the recorder.
      temporary: whether nobody will look into the folder: nothing is drawn, and test examples
        aren't scored. Such a run may go on for more epochs whatever its schedules are.
      profile: the first step that TensorBoard's profile is to show, and the one before which it is
        to end; None for no profile.

    Raises:
      UserError: if something given can't be used; nothing has been written then, unless the loss
        diverged.
    """
    stop, folder = Stop(settings.execution.max_minutes), RunFolder(run_dir)
    folder.check(settings, extendable=temporary)
    if model is not None:
        check_folder("export_dir", model.parent)
    # First of all that touches TensorFlow, which can divide the CPU only before it has started.
    strategy = _strategy(settings)
    if temporary and Workers(strategy).count > 1:
        raise UserError("run_dir: None, expected a folder that all workers see")
    check_evaluators(settings.evaluation)
    data = data or data_sources.load(settings.data)
    check_data(settings.evaluation, data)
    if model is not None:
        model_card.check_same_data(model, data.describe())
    run = TrainingRun(settings, folder, data, strategy, stop, profile)
    with started(run, extendable=temporary):
        return _train(run, model, watch, temporary)


def _strategy(settings: Settings) -> tf.distribute.Strategy:
    """The strategy that the settings name; for networks that are made already, TensorFlow's own."""
    if not any(isinstance(given, keras.Model) for given in objects_given()):
        return make_strategy(settings.execution, settings.training.batch_size)
    if settings.execution.replicas > 1:
        expected = "0 or 1 with a keras.Model that is made already; give a function that makes it"
        raise SettingsError("replicas", settings.execution.replicas, expected)
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def started(run: TrainingRun, locked: bool = False, extendable: bool = False) -> Iterator[None]:
    """Starts a run in its folder, or resumes it from its newest checkpoint.

    Within, the folder is locked and signals stop the run.

    Args:
      run: to start.
      locked: whether the caller has locked the folder already.
      extendable: see `RunFolder.check`.
    """
    folder, settings, data = run.folder, run.settings, run.data
    workers, chief = run.workers, run.workers.is_chief
    if chief:
        make_folder(folder.path)
    with run.stop, folder.locked() if chief and not locked else contextlib.nullcontext():
        folder.check(settings, extendable)  # again: another process may have begun a run meanwhile
        folder.check_data(data)
        if chief:
            folder.remove_leftovers()
        run.open_checkpoints()
        resumed = run.checkpoints.restore()
        step = run.checkpoints.progress.step
        workers.check_same_step(printable(folder.path), step)
        folder.check_progress(step if resumed else None)
        if run.profile is not None:
            run.profile.check(step)
        if chief:
            folder.start(settings, data)
        at = f", resumed at step {step}" if resumed else ""
        of = "" if workers.count == 1 else f", {workers.count} workers"
        logger.info("run folder: %s%s%s", folder.path, at, of, extra={"step": step})
        logger.info("%s; %d steps an epoch", data.summary(), run.trainer.feed.steps_per_epoch)
        for note in (*data.notes(), *_notes(settings, data)) if chief else ():
            logger.info(note)
        if not resumed:
            run.begin()
            if chief:
                # Whatever a run leaves from now on, without a checkpoint something was lost.
                run.checkpoints.save()
        yield


def _notes(settings: Settings, data: ImageData) -> Iterator[str]:
    """What settings make of this machine and of the data that a user may not expect."""
    images = data.train.images
    # A Dataset without an end can't be looked through.
    if not settings.data.standardize and getattr(images, "readable", True):
        yield from filter(None, [note_on_scales(images)])
    if "TF_CONFIG" in os.environ and settings.execution.strategy != "multi_worker":
        yield "note: TF_CONFIG is set; without --strategy=multi_worker it isn't used"
    precision = settings.training.precision
    if precision.startswith("mixed") and not tf.config.list_physical_devices("GPU"):
        yield f"note: --precision={precision} is slower than float32 on a CPU"


def _train(
    run: TrainingRun, model: pathlib.Path | None, watch: Watch | None, temporary: bool
) -> Outcome:
    """Trains from the newest checkpoint; then, if not stopped, evaluates, draws and exports."""
    folder, settings, data = run.folder, run.settings, run.data
    if not run.workers.is_chief:
        status = run.train()
        if not status:
            logger.info("trained to the end; the chief evaluates and writes")
        return Outcome(folder, {}, None, run.digest(), status)
    commit = commit_of_checkout()
    progress = run.checkpoints.progress
    first_step = progress.step
    evaluator = Evaluator(run.method, run.seed, data)
    recorder = Recorder(
        folder,
        run.method,
        run.phases,
        data,
        evaluator,
        progress,
        settings.training.epochs,
        run.averaged_weights,
        draws=not temporary,
    )
    with contextlib.closing(recorder):
        status = run.train(recorder, *([watch(recorder, run)] if watch else []))
        state = run.note_provenance(first_step, commit)
        if status:
            return Outcome(folder, {}, None, state, status)
        if temporary:
            with run.averaged_weights():
                evaluator.fit_sampler(folder.path)
            newest, wrong = recorder.newest("validation"), health.notes(settings, recorder.rows)
            return Outcome(folder, newest, None, state, notes=wrong)
        try:
            with run.stop.at_once():
                exporting = "" if model is None else " and exporting"
                logger.info("evaluating, drawing%s", exporting)
                with run.averaged_weights():
                    evaluator.fit_sampler(folder.path)
                if progress.step > first_step or not _is_drawn(folder, settings):
                    recorder.finish(progress.step)
                with run.averaged_weights():
                    metrics = _final_metrics(settings, folder, evaluator, data, progress)
                recorder.note_result(progress.step, metrics)
                exported = None
                if model is not None:
                    exported = exported_run(folder, model, metrics)
                    exported = exported or export_run(folder, model, settings, data, True)
        except KeyboardInterrupt:
            if not run.stop.status:
                raise
            return Outcome(folder, {}, None, state, run.stop.status)
    return Outcome(folder, metrics, exported, state, notes=health.notes(settings, recorder.rows))


def _is_drawn(folder: RunFolder, settings: Settings) -> bool:
    """Whether a run that was trained to its end has its figures, with samples of that sampler."""
    evaluated = folder.read_json("result.json").get("evaluation")
    return folder.has_result and settings.evaluation.draws_like(evaluated)


@keras_defaults()
def evaluate(
    run_dir: pathlib.Path,
    evaluation: EvaluationSettings | None = None,
    trust_run: bool = False,
) -> Outcome:
    """Evaluates the newest checkpoint of a run on validation and test images again.

    Args:
      run_dir: the run's folder.
      evaluation: how, if otherwise than the run's settings say.
      trust_run: see `restore_run`.
    """
    folder = RunFolder(run_dir)
    settings = folder.read_settings()
    if evaluation is not None:
        settings = dataclasses.replace(settings, evaluation=evaluation)
    check_evaluators(settings.evaluation)
    data = data_sources.load(settings.data)
    check_data(settings.evaluation, data)
    folder.check_data(data)
    with folder.locked():
        folder.remove_leftovers()
        shape, classes = data.image_shape, data.num_classes
        method, checkpoints = restore_run(folder, settings, shape, classes, trust_run)
        folder.check_progress(checkpoints.progress.step)
        evaluator = Evaluator(method, seeds.root(settings.training.seed), data)
        evaluator.fit_sampler(folder.path)
        metrics = _final_metrics(settings, folder, evaluator, data, checkpoints.progress)
    return Outcome(folder, metrics)


@keras_defaults()
def compare(
    runs: Sequence[pathlib.Path],
    target: pathlib.Path,
    trust_run: bool = False,
    form: str = "png",
) -> list[pathlib.Path]:
    """Draws runs side by side, from their newest checkpoints, and writes a table of their numbers.

    Args:
      runs: two folders of runs or more.
      target: where pictures and tables go.
      trust_run: see `restore_run`.
      form: of the figures' files: 'png', or 'pdf' or 'svg' beside it.

    Returns:
      The files.

    Raises:
      UserError: if runs can't be compared; nothing has been written then.
    """
    folders = comparing.find_runs(runs)
    settings = [folder.read_settings() for folder in folders]
    loaded: dict[DataSettings, ImageData] = {}
    restored = []
    for folder, chosen in zip(folders, settings, strict=True):
        if not folder.has_checkpoint:
            left_out = "codes, samples and reconstructions are left out"
            logger.info("%s has no checkpoint: %s", folder.path, left_out)
            return comparing.compare(folders, settings, [], target, form)
        if chosen.data not in loaded:
            loaded[chosen.data] = data_sources.load(chosen.data)
        data = loaded[chosen.data]
        folder.check_data(data)
        method, _ = restore_run(folder, chosen, data.image_shape, data.num_classes, trust_run)
        evaluator = Evaluator(method, seeds.root(chosen.training.seed), data)
        evaluator.fit_sampler(folder.path, keep=False)
        restored.append(Restored(method, data, evaluator))
    return comparing.compare(folders, settings, restored, target, form)


def check_evaluators(settings: EvaluationSettings) -> None:
    """Checks what samples are evaluated by, before anything that takes long."""
    if settings.sample_quality:
        check_folder("cache_dir", classifier.cache_folder(settings.cache_dir))
        sample_quality.check(settings)


def _final_metrics(settings, folder, evaluator, data: ImageData, progress) -> dict[str, float]:
    metrics = {}
    for name, split in data.splits.items():
        if name == "train":
            continue
        for key, value in evaluator.evaluate(split, final=True).items():
            metrics[f"{name}/{key}"] = value
    metrics |= evaluator.log_likelihood(folder.likelihood)
    steps_per_epoch = len(data.train) // settings.training.batch_size
    folder.write_result(settings, progress.step / steps_per_epoch, metrics, progress.seconds)
    return metrics
