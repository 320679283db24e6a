"""All the numbers that a method is subject to, on one split."""

from __future__ import annotations

import functools
import math
import pathlib

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data import ImageData, Split
from aae_tf.evaluation import inference, style_probe
from aae_tf.evaluation.clustering import (
    category_measures,
    clustering_measures,
    component_measures,
    error_percent,
)
from aae_tf.evaluation.inference import Inference
from aae_tf.evaluation.log_likelihood import LogLikelihood
from aae_tf.evaluation.prior_match import LatentMatch
from aae_tf.evaluation.sample_quality import SampleQuality
from aae_tf.methods import Method
from aae_tf.objectives.reconstruction import half_squared_error
from aae_tf.utils import evenly_spaced

STYLES = 1000  # styles that are decoded with every class, to read the class off again


class Evaluator:
    """Evaluates a method on splits, without the noise of training.

    Args:
      method: what to evaluate.
      seed: of the run.
      data: whose training and validation images some measures learn from: those give clusters their
        classes, say. Not needed for the others.
    """

    def __init__(self, method: Method, seed: seeds.Seed, data: ImageData | None = None):
        self._method = method
        self._data = data
        self._seed = seeds.fold(seed, "evaluation")
        self._matches: dict[int, LatentMatch] = {}
        self.inference = Inference(method)

    def evaluate(self, split: Split, final: bool = False) -> dict[str, float]:
        """The method's measures on a split, by name.

        Args:
          split: of held-out images.
          final: whether to make the method's final measures too, which take long.

        Returns:
          'reconstruction_error': half the summed squared error for an image, its mean; what
          `LatentMatch.measure` gives; what else the method names; and, with the final ones and if
          the settings ask for it, what `SampleQuality.measure` gives.
        """
        measures = {
            "reconstruction": self._reconstruction,
            "latent_match": self._match,
            "component_share": self._components,
            "categories": self._categories,
            "classification": self._classification,
            "clustering": self._clustering,
            "style": self._style,
            "elbo": self._elbo,
            "cost": self._cost,
            "sample_quality": lambda split: self._sample_quality.measure(split),
        }
        wanted = self._method.metrics + (self._method.final_metrics if final else ())
        if final and self._method.settings.evaluation.sample_quality:
            wanted += ("sample_quality",)
        found: dict[str, float] = {}
        for name in wanted:
            found.update(measures[name](split))
        return found

    def log_likelihood(self, folder: pathlib.Path | None = None) -> dict[str, float]:
        """What `LogLikelihood.measure` gives, for each number of samples that the settings ask for.

        Args:
          folder: where unfinished sums are kept; None to keep none.
        """
        found: dict[str, float] = {}
        if counts := self._sample_counts:
            likelihood = self._log_likelihood(folder)
            for count in counts:
                found.update(likelihood.measure(count))
        return found

    def validation_log_likelihood(self) -> float:
        """What `LogLikelihood.of_validation` gives by the least number of samples asked for.

        Raises:
          IndexError: if the settings ask for none.
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
        """Decoded samples of the prior in 0..1, the first of those that sample quality judges."""
        return np.concatenate(
            list(inference.blocks_of_samples(self._method, self._seed, count, "samples"))
        )

    @property
    def _sample_counts(self) -> list[int]:
        """By how many samples the settings ask for a log-likelihood, ascending."""
        return [n for n in self._method.settings.evaluation.likelihood_samples if n]

    def _log_likelihood(self, folder: pathlib.Path | None = None) -> LogLikelihood:
        seed = seeds.fold(self._seed, "log_likelihood")
        return LogLikelihood(self._method, self._data, seed, folder)

    def _reconstruction(self, split: Split) -> dict[str, float]:
        rebuilt = self.inference.reconstruct(split)
        errors = half_squared_error(tf.constant(split.intensities(), rebuilt.dtype), rebuilt)
        return {"reconstruction_error": float(tf.reduce_mean(errors))}

    def _match(self, split: Split) -> dict[str, float]:
        count = len(split)
        if count not in self._matches:
            seed = seeds.fold(self._seed, "latent_match", count)
            self._matches[count] = LatentMatch(self._method.prior, count, seed)
        return self._matches[count].measure(self.aggregated_posterior(split))

    def _components(self, split: Split) -> dict[str, float]:
        posterior = self._method.class_prior.posterior(self.aggregated_posterior(split))
        return component_measures(posterior, split.labels)

    def _categories(self, split: Split) -> dict[str, float]:
        return category_measures(self.inference.classify(split))

    def _classification(self, split: Split) -> dict[str, float]:
        classes = self.inference.classify(split).argmax(1)
        return {"error_percent": error_percent(classes, split.labels)}

    def _clustering(self, split: Split) -> dict[str, float]:
        known = self._data.validation
        if split.labels is None or known.labels is None:
            return {}
        found = self.inference.log_classify(split)
        among = found if split is known else self.inference.log_classify(known)
        classes = self._data.num_classes
        return clustering_measures(found, split.labels, among, known.labels, classes)

    def _elbo(self, split: Split) -> dict[str, float]:
        parts = self.inference.bound(split, self._seed)
        distortion, kl = parts.mean(0)
        return {"elbo": -float(distortion + kl), "kl": float(kl)}

    def _cost(self, split: Split) -> dict[str, float]:
        return {"reconstruction_cost": float(self.inference.cost(split).mean())}

    def _style(self, split: Split) -> dict[str, float]:
        train = self._some_of_training(style_probe.PROBE_CODES)
        probed = style_probe.probe_measures(
            self.inference.encode(train), train.labels, self.passes.encode(split), split.labels
        )
        classes = self._data.num_classes
        codes = np.repeat(self.prior_codes(STYLES), classes, axis=0)
        asked = np.tile(np.arange(classes), STYLES)
        read = self._reader.read(self.inference.decode(codes, asked))
        own = self._reader.read(split.intensities())
        return {
            **probed,
            "class_read_as_asked": float(np.mean(read == asked)),
            "class_read_of_images": float(np.mean(own == split.labels)),
        }

    @functools.cached_property
    def _sample_quality(self) -> SampleQuality:
        settings = self._method.settings.evaluation
        return SampleQuality(self._method, self._data, settings, self._seed)

    @functools.cached_property
    def _reader(self) -> style_probe.Reader:
        # As many images as fit in a bounded memory: all 50,000 of MNIST.
        most = style_probe.READER_BYTES // (4 * math.prod(self._data.image_shape))
        train = self._some_of_training(most)
        return style_probe.Reader(train.intensities(), train.labels)

    def _some_of_training(self, most: int) -> Split:
        return self._data.train.take(evenly_spaced(len(self._data.train), most))
