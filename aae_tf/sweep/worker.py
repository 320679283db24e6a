"""One trial: a run that stops after its epochs' rungs to ask whether to go on.

A search, or a choice among seeds, runs it in a process of its own, and talks with it in lines of
JSON: the job and the answers come on standard input, what is to be said and scores go to standard
output.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Collection, Mapping

import numpy as np

from aae_tf.data import ImageData
from aae_tf.errors import DivergedError, UserError
from aae_tf.runs import import_tensorflow_quietly, recorder
from aae_tf.settings import Settings
from aae_tf.sweep.plan import SCORES, read_scores
from aae_tf.training import Observer, Report, Trainer
from aae_tf.utils import write_json


def main() -> int:
    """Reads the job, trains and talks; returns the exit status."""
    job = json.loads(sys.stdin.readline())
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else is printed goes to the user, not into the talk

    def tell(**message):
        print(json.dumps(message), file=said, flush=True)

    def ask(epoch: int, score: float) -> bool:
        tell(epoch=epoch, score=score)
        return sys.stdin.readline() == "on\n"  # and not where the search has gone

    sys.path.append(os.getcwd())  # where a user's own prior may lie
    folder = pathlib.Path(job["folder"])
    try:
        import_tensorflow_quietly()
        from aae_tf.experiments import settings_of
        from aae_tf.settings import override

        flat = job["settings"]
        settings = override(settings_of(flat["experiment"], flat["recipe"]), flat)
        number = run(settings, folder, job["score"], job["rungs"], lambda s: tell(say=s), ask)
        return 128 + number if number else 0
    except KeyboardInterrupt:  # before training, which ends by signals in its own way
        return 128 + signal.SIGINT
    except DivergedError as error:
        _note(folder, "diverged", " ".join(str(error).split()))
        return 0
    except UserError as error:
        tell(error=" ".join(str(error).split()))
        return error.exit_status


def run(
    settings: Settings,
    folder: pathlib.Path,
    score: str,
    rungs: Collection[int],
    say: Callable[[str], None],
    ask: Callable[[int, float], bool],
) -> int:
    """Trains a trial from where it stands; its test images are never looked at.

    Args:
      settings: of the run.
      folder: of the run.
      score: the measure on validation images to go by.
      rungs: epochs after which to ask.
      say: told what happens, line by line.
      ask: told the epochs done and the score; says whether to go on.

    Returns:
      The signal that stopped it, or 0.

    Raises:
      UserError: if something given can't be used, or the loss diverged.
    """
    from aae_tf import data as data_sources
    from aae_tf.evaluation import Evaluator
    from aae_tf.results.provenance import commit_of_checkout
    from aae_tf.results.run_folder import RunFolder
    from aae_tf.runs import train

    pass
    from aae_tf.sweep import scores

    pass
    from aae_tf.runs.training_run import TrainingRun
    from aae_tf.training.distribution import make_strategy

    run_folder = RunFolder(folder)
    run_folder.check(settings)
    strategy = make_strategy(settings.execution, settings.training.batch_size)
    train.check_evaluators(settings.evaluation)
    data = without_test(data_sources.load(settings.data))
    session = TrainingRun(settings, run_folder, data, strategy)
    commit = commit_of_checkout()
    method = session.method
    asked = {
        "sample_quality": settings.evaluation.sample_quality,
        scores.LOG_LIKELIHOOD: any(settings.evaluation.likelihood_samples),
    }
    final = (*method.final_metrics, *(name for name, wanted in asked.items() if wanted))
    scores.check(score, (*method.metrics, *final))
    evaluator = Evaluator(method, session.seed, data)
    if score in scores.names(method.metrics):  # the others take long, and have to wait
        scores.check_made(score, evaluator.evaluate(data.validation))
    with train.started(session):
        recorder = Recorder(
            run_folder,
            method,
            session.phases,
            data,
            evaluator,
            session.checkpoints.progress,
            settings.training.epochs,
            session.averaged_weights,
        )

        def judge(epoch, measures) -> bool:
            """Notes the score of the epochs done, and asks."""
            if score not in measures:
                with session.averaged_weights():
                    if score == scores.LOG_LIKELIHOOD:
                        measures = {score: evaluator.validation_log_likelihood()}
                    else:
                        measures = evaluator.evaluate(data.validation, final=True)
            scores.check_made(score, measures)
            value = measures[score]
            if not math.isfinite(value):
                raise DivergedError(f"{score} is {value} after epoch {epoch}")
            _note(folder, str(epoch), value)
            return ask(epoch, value)

        first_step = session.checkpoints.progress.step
        _check_ahead(rungs, first_step // session.trainer.feed.steps_per_epoch, folder)
        with contextlib.closing(recorder):
            watcher = Rungs(recorder, session.trainer, rungs, judge)
            received = session.train(watcher)
        session.note_provenance(first_step, commit)
        return received


def _check_ahead(rungs: Collection[int], epochs: int, folder: pathlib.Path) -> None:
    """Checks that no rung is behind, lest the trial be trained to its end without being asked."""
    behind = [rung for rung in rungs if rung <= epochs]
    if behind:
        raise UserError(
            f"{folder}: is past epoch {behind[0]}, and what was measured then isn't there; "
            "expected another --run_dir"
        )


def _note(folder: pathlib.Path, key: str, value: float | str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / SCORES, {**read_scores(folder), key: value})


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


@dataclasses.dataclass(frozen=True)
class HiddenSplit:
    """A split of a size, without its images.

    Args:
      size: how many examples it has.
      labels: `(size,)` or None; only looked at to see that they are class numbers.
    """

    size: int
    labels: np.ndarray | None

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
    return dataclasses.replace(data, test=HiddenSplit(len(data.test), data.test.labels))
