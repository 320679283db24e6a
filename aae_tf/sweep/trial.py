"""The training of a trial: a run that stops after its rungs, and never looks at test images."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Mapping

import numpy as np

from aae_tf import data as data_sources
from aae_tf.data import ImageData
from aae_tf.errors import UserError
from aae_tf.evaluation import Evaluator, check_data
from aae_tf.networks.layers import keras_defaults
from aae_tf.results import metrics
from aae_tf.results.provenance import commit_of_checkout
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs import train as runs
from aae_tf.runs.recorder import Recorder
from aae_tf.runs.training_run import TrainingRun
from aae_tf.settings import Settings
from aae_tf.sweep import plan
from aae_tf.training import Report
from aae_tf.training.distribution import make_strategy


@keras_defaults()
def train(
    settings: Settings,
    folder: RunFolder,
    score: str,
    rungs: Collection[int],
    report: Callable[[int, float], bool],
    locked: bool = False,
) -> int:
    """Trains a trial from where it stands; its test images are never looked at.

    Args:
      settings: of the run.
      folder: of the run.
      score: the metric on validation images to go by.
      rungs: epochs after which to report.
      report: called with the epochs done and the score; says whether to continue.
      locked: whether the folder is locked already.

    Returns:
      The exit status of a stop by a signal, or 0.

    Raises:
      UserError: if something given can't be used, or the loss diverged.
    """
    folder.check(settings)
    strategy = make_strategy(settings.execution, settings.training.batch_size)
    runs.check_evaluators(settings.evaluation)
    data = data_sources.load(settings.data)
    check_data(settings.evaluation, data)
    data = without_test(data)
    run = TrainingRun(settings, folder, data, strategy)
    commit, method = commit_of_checkout(), run.method
    asked = {
        "sample_quality": settings.evaluation.sample_quality,
        plan.LOG_LIKELIHOOD: any(settings.evaluation.likelihood_samples),
    }
    final = (*method.final_metrics, *(name for name, is_asked in asked.items() if is_asked))
    plan.check_score(score, (*method.metrics, *final))
    evaluator = Evaluator(method, run.seed, data)
    if score in metrics.scores(method.metrics):  # the others take long, and have to wait
        plan.check_computed(score, evaluator.evaluate(data.validation))

    def at_epoch(epoch: int, computed: Mapping[str, float]) -> None:
        if epoch not in rungs:
            return
        if score not in computed:  # one that takes long
            with run.averaged_weights():
                if score == plan.LOG_LIKELIHOOD:
                    computed = {score: evaluator.validation_log_likelihood()}
                else:
                    computed = evaluator.evaluate(data.validation, final=True)
        plan.check_computed(score, computed)
        if not report(epoch, computed[score]):
            run.trainer.stop_requested = True

    with runs.started(run, locked):
        progress = run.checkpoints.progress
        behind = [r for r in rungs if r <= progress.step // run.trainer.feed.steps_per_epoch]
        if behind:  # it would be trained to its end without being compared
            raise UserError(
                f"{folder.path}: is past epoch {behind[0]}, and its score then isn't known; "
                "expected another --run_dir"
            )
        first_step = progress.step
        recorder = TrialRecorder(
            folder,
            method,
            run.phases,
            data,
            evaluator,
            progress,
            settings.training.epochs,
            run.averaged_weights,
        )
        recorder.at_epoch = at_epoch
        with contextlib.closing(recorder):
            status = run.train(recorder)
        run.note_provenance(first_step, commit)
        return status


class TrialRecorder(Recorder):
    """Keeps curves and metrics of a trial, without drawing it, and hands on each epoch's metrics.

    Attributes:
      at_epoch: called with the epochs done and their metrics on validation images, by name.
    """

    at_epoch: Callable[[int, Mapping[str, float]], None]

    def draw(self, step: int) -> Mapping[str, str]:
        return {}

    def after_epoch(self, report: Report) -> None:
        super().after_epoch(report)
        self.at_epoch(round(report.epoch), self.newest("validation"))


@dataclasses.dataclass(frozen=True)
class HiddenSplit:
    """A split of a size, without its images.

    Args:
      size: how many examples it has.
      labels: `(size,)` or None; only looked at to see that they are class numbers.
      sha256: of the pixels, by which changed ones are noticed.
    """

    size: int
    labels: np.ndarray | None
    sha256: str

    def __len__(self) -> int:
        return self.size

    @property
    def images(self):
        raise AssertionError("a search looked at test images")

    def take(self, rows):
        return self.images

    def intensities(self, rows=slice(None)):
        return self.images


def without_test(data: ImageData) -> ImageData:
    """The data with its test images hidden; it describes itself as before."""
    hidden = HiddenSplit(len(data.test), data.test.labels, data.test.sha256)
    return dataclasses.replace(data, test=hidden)
