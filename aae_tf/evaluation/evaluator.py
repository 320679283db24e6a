"""The metrics of a method on one split: one function for each evaluation, in `Evaluator.METRICS`.

Their keys, and which way each is better, stand in `aae_tf.results.metrics`.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.arrays import is_picture
from aae_tf.data import ImageData, Split
from aae_tf.errors import SettingsError
from aae_tf.evaluation import style_probe
from aae_tf.evaluation.clustering import (
    category_metrics,
    clustering_metrics,
    component_metrics,
    error_percent,
)
from aae_tf.evaluation.code_sampler import CodeSampler
from aae_tf.evaluation.inference import Inference, blocks_of_samples
from aae_tf.evaluation.log_likelihood import LogLikelihood
from aae_tf.evaluation.prior_match import PriorMatch
from aae_tf.evaluation.sample_quality import SampleQuality
from aae_tf.methods import Method
from aae_tf.settings import EvaluationSettings
from aae_tf.utils import evenly_spaced

STYLES = 1000  # styles that are decoded with every class, to read the class off again


def check_data(settings: EvaluationSettings, data: ImageData) -> None:
    """Checks that the data have what the settings want to evaluate.

    Raises:
      SettingsError: if they are features, or have no test examples, and the settings need such.
    """
    if settings.sample_quality and not is_picture(data.image_shape):
        expected = f"false for features of shape {data.image_shape}: its metrics are of images"
        raise SettingsError("sample_quality", True, expected)
    if any(settings.likelihood_samples) and data.test is None:
        counts = ",".join(map(str, settings.likelihood_samples))
        raise SettingsError("likelihood_samples", counts, "0 for data without test examples")


class Evaluator:
    """Evaluates a method on splits, without the noise of training.

    Args:
      method: what to evaluate.
      seed: of the run.
      data: whose training and validation images some metrics learn from: those give clusters their
        classes, say. Not needed for the others.
    """

    def __init__(self, method: Method, seed: seeds.Seed, data: ImageData | None = None):
        self._method = method
        self._data = data
        self._seed = seeds.fold(seed, "evaluation")
        self._matches: dict[int, PriorMatch] = {}
        self.inference = Inference(method)
        self._sampler = CodeSampler(method, seed, data)

    def fit_sampler(self, folder: pathlib.Path | None = None, keep: bool = True) -> None:
        """Has the method draw as the settings say; arguments as of `CodeSampler.fit`."""
        self._sampler.fit(folder, keep)

    def evaluate(self, split: Split, final: bool = False) -> dict[str, float]:
        """The method's metrics on a split, by name.

        Args:
          split: of held-out images.
          final: whether to include the method's final metrics, which take long, and those of
            samples if the settings ask for them.
        """
        names = self._method.metrics
        if final:
            names += self._method.final_metrics
            if self._method.settings.evaluation.sample_quality:
                names += ("sample_quality",)
                self.fit_sampler()
        metrics: dict[str, float] = {}
        for name in names:
            metrics |= self.METRICS[name](self, split)
        return metrics

    def log_likelihood(self, folder: pathlib.Path | None = None) -> dict[str, float]:
        """What `LogLikelihood.evaluate` gives, for each number of samples in the settings.

        Args:
          folder: where unfinished sums are written; None to write none.
        """
        metrics: dict[str, float] = {}
        if counts := self._sample_counts:
            likelihood = self._log_likelihood(folder)
            for count in counts:
                metrics |= likelihood.evaluate(count)
        return metrics

    def validation_log_likelihood(self) -> float:
        """What `LogLikelihood.of_validation` gives by the least number of samples in the settings.

        Raises:
          IndexError: if there is none.
        """
        return self._log_likelihood().of_validation(self._sample_counts[0])

    def aggregated_posterior(self, split: Split) -> np.ndarray:
        """A draw of q(z|x) for each image: a sample of q(z), which is to match the prior."""
        return self.inference.encode(split, self._seed)

    def prior_codes(self, count: int) -> np.ndarray:
        """Samples of the prior, the same at every call, `(count, latent_dim)`."""
        seed = seeds.fold(self._seed, "prior_codes")
        return np.asarray(self._method.prior.sample(count, seed=seed))

    def samples(self, count: int) -> np.ndarray:
        """Decoded samples in 0..1, the first of those of `SampleQuality`."""
        return np.concatenate(list(blocks_of_samples(self._method, self._seed, count, "samples")))

    @property
    def _sample_counts(self) -> list[int]:
        """By how many samples the settings ask for a log-likelihood, ascending."""
        return [n for n in self._method.settings.evaluation.likelihood_samples if n]

    def _log_likelihood(self, folder: pathlib.Path | None = None) -> LogLikelihood:
        seed = seeds.fold(self._seed, "log_likelihood")
        return LogLikelihood(self._method, self._data, seed, folder)

    @functools.cached_property
    def _sample_quality(self) -> SampleQuality:
        settings = self._method.settings.evaluation
        return SampleQuality(self._method, self._data, settings, self._seed)

    @functools.cached_property
    def _reader(self) -> style_probe.Reader:
        train = self._data.train
        rows = evenly_spaced(len(train), style_probe.readable(self._data.image_shape))
        blocks = train.blocks("images for the reader of classes", rows)
        return style_probe.Reader(blocks, train.labels[rows])

    def _reconstruction(self, split: Split) -> dict[str, float]:
        errors = self.inference.reconstruction_errors(split)
        return {"reconstruction_error": float(tf.reduce_mean(errors))}

    def _prior_match(self, split: Split) -> dict[str, float]:
        count = len(split)
        if count not in self._matches:
            seed = seeds.fold(self._seed, "latent_match", count)
            self._matches[count] = PriorMatch(self._method.prior, count, seed)
        return self._matches[count].evaluate(self.aggregated_posterior(split))

    def _component_share(self, split: Split) -> dict[str, float]:
        if split.labels is None:
            return {}
        posterior = self._method.class_prior.posterior(self.aggregated_posterior(split))
        return component_metrics(posterior, split.labels)

    def _categories(self, split: Split) -> dict[str, float]:
        return category_metrics(self.inference.classify(split))

    def _classification(self, split: Split) -> dict[str, float]:
        if split.labels is None:
            return {}
        classes = self.inference.classify(split).argmax(1)
        return {"error_percent": error_percent(classes, split.labels)}

    def _clustering(self, split: Split) -> dict[str, float]:
        validation = self._data.validation
        if split.labels is None or validation.labels is None:
            return {}
        scored = self.inference.log_classify(split)
        known = scored if split is validation else self.inference.log_classify(validation)
        classes = self._data.num_classes
        return clustering_metrics(scored, split.labels, known, validation.labels, classes)

    def _elbo(self, split: Split) -> dict[str, float]:
        distortion, kl = self.inference.bound(split, self._seed).mean(0)
        return {"elbo": -float(distortion + kl), "kl": float(kl)}

    def _cost(self, split: Split) -> dict[str, float]:
        return {"reconstruction_cost": float(self.inference.cost(split).mean())}

    def _style(self, split: Split) -> dict[str, float]:
        if split.labels is None:
            return {}
        train = self._data.train
        rows = evenly_spaced(len(train), style_probe.PROBE_CODES)
        probed = style_probe.probe_metrics(
            self.inference.encode(train, rows=rows),
            train.labels[rows],
            self.inference.encode(split),
            split.labels,
        )
        if not is_picture(self._data.image_shape):  # whose class a picture's reader reads
            return probed
        classes = self._data.num_classes
        codes = np.repeat(self.prior_codes(STYLES), classes, axis=0)
        decoded = np.tile(np.arange(classes), STYLES)
        read = self.inference.decode(codes, decoded, of_block=self._reader.read)
        blocks = split.blocks("classes of images")
        read_of_images = np.concatenate([self._reader.read(block) for block in blocks])
        return {
            **probed,
            "class_read_as_asked": float(np.mean(read == decoded)),
            "class_read_of_images": float(np.mean(read_of_images == split.labels)),
        }

    # By the names that `Method.metrics`, `Method.final_metrics` and the table of metrics have.
    METRICS: ClassVar[Mapping[str, Callable]] = {
        "reconstruction": _reconstruction,
        "prior_match": _prior_match,
        "component_share": _component_share,
        "categories": _categories,
        "classification": _classification,
        "clustering": _clustering,
        "elbo": _elbo,
        "cost": _cost,
        "style": _style,
        "sample_quality": lambda self, split: self._sample_quality.evaluate(split),
    }
