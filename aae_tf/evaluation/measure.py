"""All the numbers that a method is subject to, on one split."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.evaluation.latent_match import LatentMatch
from aae_tf.evaluation.passes import Passes
from aae_tf.methods import Method
from aae_tf.objectives.reconstruction import half_squared_error


class Evaluator:
    """Evaluates a method on splits, without the noise of training.

    Args:
      method: what to evaluate.
      seed: of the run.
    """

    def __init__(self, method: Method, seed: seeds.Seed):
        self._method = method
        self._seed = seeds.fold(seed, "evaluation")
        self._matches: dict[int, LatentMatch] = {}
        self.passes = Passes(method)

    def evaluate(self, split: Split) -> dict[str, float]:
        """The method's measures on a split, by name.

        Returns:
          'reconstruction_error': half the summed squared error for an image, its mean; and what
          `LatentMatch.measure` gives.
        """
        measures = {"reconstruction": self._reconstruction, "latent_match": self._match}
        found: dict[str, float] = {}
        for name in self._method.measures:
            found.update(measures[name](split))
        return found

    def aggregated_posterior(self, split: Split) -> np.ndarray:
        """A draw of q(z|x) for each image: a sample of q(z), which is to match the prior."""
        return self.passes.encode(split, self._seed)

    def _reconstruction(self, split: Split) -> dict[str, float]:
        rebuilt = self.passes.decode(self.passes.encode(split))
        errors = half_squared_error(tf.constant(split.intensities(), rebuilt.dtype), rebuilt)
        return {"reconstruction_error": float(tf.reduce_mean(errors))}

    def _match(self, split: Split) -> dict[str, float]:
        count = len(split)
        if count not in self._matches:
            seed = seeds.fold(self._seed, "latent_match", count)
            self._matches[count] = LatentMatch(self._method.prior, count, seed)
        return self._matches[count].measure(self.aggregated_posterior(split))
