"""Keeps what comes of a run: curves, pictures and the metrics of every epoch."""

from __future__ import annotations

import contextlib
import gc
import logging
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from aae_tf.data import ImageData, Split
from aae_tf.evaluation import Evaluator
from aae_tf.evaluation.clustering import entropies, histograms
from aae_tf.figures import figures
from aae_tf.figures.class_figures import categories_over_training
from aae_tf.figures.curves import learning_curves
from aae_tf.figures.style import to_card, to_file
from aae_tf.methods import Method
from aae_tf.results.metrics_table import CATEGORIES, MetricsTable
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs import curves, projector, tensorboard
from aae_tf.training import Observer, Phase, Report
from aae_tf.training.checkpoints import Progress
from aae_tf.training.optimizers import rate_at
from aae_tf.utils import progress_bar, write_aside

CURVE_POINTS = 5000  # of a TensorBoard curve, at most
PICTURES = 10  # how often a run is drawn
# What is said of an epoch, of the metrics that it has.
TOLD = {
    "reconstruction_error": "reconstruction error {:.3g}",
    "elbo": "evidence lower bound {:.4g}",
    "sliced_wasserstein": "distance to the prior {:.3g}",
    "coverage": "coverage {:.2f}",
    "total_variation": "total variation {:.2f}",
    "error_percent": "{:.3g} % wrong",
}

logger = logging.getLogger(__name__)


class Recorder(Observer):
    """Writes TensorBoard logs, metrics.csv and figures.

    Args:
      folder: of the run.
      method: that is trained.
      phases: whose learning rates to log.
      data: whose validation images are evaluated after each epoch.
      evaluator: of the method.
      progress: of the run; holds the losses of an unfinished epoch.
      epochs: of the whole run.
      averaged_weights: gives a context within which the networks are as they are evaluated.
      draws: whether figures are drawn.
    """

    def __init__(
        self,
        folder: RunFolder,
        method: Method,
        phases: tuple[Phase, ...],
        data: ImageData,
        evaluator: Evaluator,
        progress: Progress,
        epochs: int,
        averaged_weights: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
        draws: bool = True,
    ):
        self._folder, self._method, self._phases = folder, method, phases
        self._data, self._evaluator = data, evaluator
        self._draw_every = max(1, epochs // PICTURES) if draws else 0
        self._averaged_weights = averaged_weights
        self._train = tensorboard.EventWriter(folder.train_logs, progress.step)
        self._eval = tensorboard.EventWriter(folder.eval_logs, progress.step)
        # A run of its own, so that TensorBoard draws the prior's curves in the charts of the codes.
        self._prior = tensorboard.EventWriter(folder.prior_logs, progress.step)
        self._about = tensorboard.EventWriter(folder.path, -1)  # each session writes all of it
        chosen = tensorboard.distinguishing(method.settings)
        # The second time for a TensorBoard of this run alone, which finds no metrics beside them.
        for writer in (self._about, self._eval):
            writer.hyperparameters(chosen, tensorboard.trial_name(folder.path))
        for name, page in tensorboard.pages_about(method.settings, data).items():
            self._about.text(0, name, page)
        if draws:
            self._about.graph(tensorboard.graph_of(method))
        self._about.flush()
        self._progress, self._resumed_at = progress, progress.step
        self._has_layout = False  # epochs of few steps end before training's first point
        self._begin()

    def _begin(self) -> None:
        """Continues from where the progress stands."""
        folder, progress = self._folder.path, self._progress
        size = self._method.settings.training.batch_size
        self._table = MetricsTable(
            folder / "metrics.csv",
            progress.step,
            progress.tables,
            max(1, len(self._data.train) // size),
        )
        self._categories = None
        if "categories" in self._method.metrics:
            self._categories = MetricsTable(folder / CATEGORIES, progress.step, progress.tables)
        self._epoch_values = {key: list(values) for key, values in progress.epoch_values.items()}
        self._steps, self._seconds = 0, 0.0  # since the last point of the curves
        self._epoch_began = time.monotonic()

    def after_rollback(self, step: int) -> None:
        for writer in (self._train, self._eval, self._prior):
            writer.restart(step)
        self._begin()

    def after_call(self, report: Report) -> None:
        count = len(next(iter(report.values.values())))
        self._steps += count
        self._seconds += report.seconds
        # Points are at fixed steps and of all steps between them, whenever a run was resumed.
        apart, step, start = max(100, report.total_steps // CURVE_POINTS), report.step - count, 0
        while start < count:
            end = min(count, start + apart - step % apart)
            for key, series in report.values.items():
                values = series[start:end].tolist()
                self._epoch_values.setdefault(key, []).extend(values)
                self._progress.curve_values.setdefault(key, []).extend(values)
            step, start = step + end - start, end
            if step % apart == 0 or step == report.total_steps:
                self._log_curves(step)
            if step % apart == 0:
                self._progress.curve_values = {}

    def after_epoch(self, report: Report) -> None:
        with self._averaged_weights():
            self._evaluate(report)

    def _evaluate(self, report: Report) -> None:
        metrics = {f"train/{key}": np.mean(v) for key, v in self._epoch_values.items()}
        self._epoch_values = {}
        validation, probabilities = self._log_validation(report.step)
        metrics.update({f"validation/{key}": value for key, value in validation.items()})
        self._table.add(report.step, report.epoch, metrics)
        now = time.monotonic()
        told = [text.format(validation[key]) for key, text in TOLD.items() if key in validation]
        seconds, self._epoch_began = now - self._epoch_began, now
        line = ", ".join([*told, f"{seconds:.1f} s"])
        logger.info("epoch %.4g: %s", report.epoch, line, extra={"step": report.step})
        if self._categories is not None:
            self._note_categories(report, probabilities)
        self._eval.flush()
        is_due = self._draw_every and round(report.epoch) % self._draw_every == 0
        if is_due and report.step < report.total_steps:
            with _collected():
                self.draw(report.step)

    def _log_validation(self, step: int) -> tuple[Mapping[str, float], np.ndarray | None]:
        """Logs the metrics on validation images and how codes are spread.

        Returns:
          The metrics, and the probabilities of categories `(n, categories)` where there are any.
        """
        validation = self._evaluator.evaluate(self._data.validation)
        self._eval.scalars(step, curves.evaluation_curves(validation))
        self._prior.scalars(step, curves.curves_of_prior(validation))
        # Before a checkpoint, or result.json at the end, says that these are there.
        self._prior.flush()
        if self._train.tags and not self._has_layout:
            self._eval.layout(self._train.tags | self._eval.tags)
            self._has_layout = True
        codes = self._evaluator.aggregated_posterior(self._data.validation)
        columns = {f"codes/z_{n + 1}": codes[:, n] for n in range(min(codes.shape[1], 16))}
        probabilities = None
        if self._categories is not None:
            probabilities = self._evaluator.inference.classify(self._data.validation)
            columns |= {
                "categories/largest_probability": probabilities.max(1),
                "categories/entropy": entropies(probabilities),
                "categories/most_probable": probabilities.argmax(1),
            }
        self._eval.histograms(step, columns)
        return validation, probabilities

    @property
    def rows(self) -> list[dict[str, float]]:
        """The rows of metrics.csv."""
        return self._table.rows

    def newest(self, split: str) -> dict[str, float]:
        """What the last epoch's row of metrics.csv says of a split, by name."""
        row, start = self._table.rows[-1], f"{split}/"
        return {key.removeprefix(start): row[key] for key in row if key.startswith(start)}

    def _note_categories(self, report: Report, probabilities: np.ndarray) -> None:
        """Keeps how sharp the categorical code is and how evenly it is used, for the figure."""
        shares = {
            f"{kind}/{number}": share
            for kind, values in histograms(probabilities).items()
            for number, share in enumerate(values)
        }
        self._categories.add(report.step, report.epoch, shares)

    def draw(self, step: int) -> Mapping[str, str]:
        """Draws the method's figures for TensorBoard and under figures/; returns their paths."""
        self._evaluator.fit_sampler()
        drawn = dict(figures.draw_all(self._method, self._data, self._evaluator))
        drawn_curves = learning_curves({"": self._table.rows}) if self._table.rows else None
        if drawn_curves is not None:
            drawn["learning_curves"] = drawn_curves
        if self._categories is not None and self._categories.rows:
            drawn["categories"] = categories_over_training(
                {"": self._categories.rows},
                self._method.num_categories,
                () if self._method.labels == "none" else self._data.class_names,
            )
        paths, form = {}, self._method.settings.execution.figure_format
        named = progress_bar(None, "figure", late=True, label="writing", over=list(drawn.items()))
        for name, figure in named:
            self._eval.png(step, f"figures/{name}", to_card(figure))
            for ending in dict.fromkeys(("png", form)):
                path = self._folder.figures / f"{name}.{ending}"
                write_aside(path, to_file(figure, ending))
            paths[name] = str(path)
        return paths

    def finish(self, step: int) -> Mapping[str, str]:
        """Draws the last figures and what the projector shows."""
        shown = self._data.validation.take(slice(0, projector.POINTS))
        with self._averaged_weights():
            if step == self._resumed_at:  # what an earlier session drew last isn't shown twice
                for writer in (self._eval, self._prior):
                    writer.restart(step - 1)
                self._log_validation(step)
            codes = self._evaluator.aggregated_posterior(shown)
            known = self._known(shown)
            projector.write_projector(self._folder.eval_logs, codes, shown, known)
            return self.draw(step)

    def _known(self, shown: Split) -> dict[str, list[str]]:
        """Classes of examples and what the method takes them for, as far as there are such."""
        known = {}
        if shown.labels is not None:
            known["class"] = [self._data.class_label(number) for number in shown.labels]
        if hasattr(self._method, "classify"):
            chosen = self._evaluator.inference.classify(shown).argmax(1)
            if self._method.labels == "none":
                known["cluster"] = list(map(str, chosen))
            else:
                known["prediction"] = [self._data.class_label(number) for number in chosen]
        return known

    def note_result(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows the final metrics beside the command and the settings."""
        self._about.text(step, "run/4_result", tensorboard.page_of_result(metrics))
        self._about.flush()

    def close(self) -> None:
        """Closes the event files."""
        for writer in (self._about, self._train, self._eval, self._prior):
            writer.close()

    def _log_curves(self, step: int) -> None:
        means = {key: np.mean(values) for key, values in self._progress.curve_values.items()}
        for phase in self._phases:
            means[f"{phase.name}/learning_rate"] = rate_at(phase.optimizer, step - 1)
        if self._seconds:
            means[curves.SPEED] = self._steps / self._seconds
        self._train.scalars(step, curves.training_curves(self._method, means))
        self._train.flush()  # before a checkpoint says that these steps are done
        self._steps, self._seconds = 0, 0.0


@contextlib.contextmanager
def _collected() -> Iterator[None]:
    """Gives back at once what was made within it, as of figures, which hold on to themselves.

    Python would look for such objects ever more seldom, the more there are of all; those from
    before are left out of it, which takes most of its time.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
