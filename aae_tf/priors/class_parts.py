"""Priors whose parts stand for classes (AAE, section 2.3): components, or stretches of the roll."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.priors.distributions import SwissRoll
from aae_tf.settings import PriorSettings

NAMES = ("mixture", "swiss_roll")


class ClassPrior:
    """A prior of as many equally probable parts as there are classes.

    Args:
      prior: a mixture of as many components, or a swiss roll, whose part k are the points of the
        curve with u in k/K..(k+1)/K.
      parts: K.
    """

    def __init__(self, prior, parts: int):
        self._prior = prior
        self.parts = parts

    def sample_of_each(self, count: int, seed: seeds.Seed) -> tf.Tensor:
        """Samples of every part, `(count, parts, dim)`."""
        if not isinstance(self._prior, SwissRoll):
            return self._prior.components_distribution.sample(count, seed=seed)
        dtype = self._prior.dtype
        along, across = seeds.fold(seed, "along"), seeds.fold(seed, "across")
        within = tf.random.stateless_uniform([count, self.parts], along, dtype=dtype)
        u = (tf.range(self.parts, dtype=dtype) + within) / self.parts
        noise = tf.random.stateless_normal([count, self.parts, 2], across, dtype=dtype)
        return self._prior.curve(tf.sqrt(u)) + self._prior.thickness * noise

    def posterior(self, codes: np.ndarray) -> np.ndarray:
        """p(part | code) `(n, parts)` of codes `(n, dim)`."""
        points = tf.constant(codes, self._prior.dtype)
        if isinstance(self._prior, SwissRoll):
            joint = self._prior.log_prob_of_parts(points, self.parts)
        else:
            joint = self._prior.components_distribution.log_prob(points[:, None])
        return tf.nn.softmax(joint).numpy()

    def axes(self, steps: int) -> np.ndarray:
        """Points along each part's long axis, `(parts, steps, dim)`.

        Of a Gaussian component within two sd of its centre; of the roll along its curve.
        """
        share = (np.arange(steps) + 0.5) / steps
        if isinstance(self._prior, SwissRoll):
            u = (np.arange(self.parts)[:, None] + share) / self.parts
            return self._prior.curve(tf.constant(np.sqrt(u), self._prior.dtype)).numpy()
        components = self._prior.components_distribution
        values, vectors = np.linalg.eigh(components.covariance().numpy())
        centres = components.mean().numpy()
        longest = vectors[..., -1] * np.sqrt(values[..., -1:])
        longest *= np.sign(np.sum(longest * centres, -1, keepdims=True))  # outwards
        return centres[:, None] + (4 * share - 2)[:, None] * longest[:, None]


def build(prior, settings: PriorSettings, num_classes: int) -> ClassPrior:
    """The prior, its parts standing for classes.

    Raises:
      SettingsError: if it has no parts, or other than as many as there are classes.
    """
    if settings.prior not in NAMES:
        expected = "mixture or swiss_roll, whose parts can stand for classes"
        raise SettingsError("prior", settings.prior, expected)
    if settings.prior == "swiss_roll" and not settings.prior_thickness:
        raise SettingsError("prior_thickness", 0, "above 0, for the posterior of its parts")
    if isinstance(prior, tfp.distributions.MixtureSameFamily):
        components = settings.prior_components
        if components != num_classes:
            expected = f"{num_classes}, one for each class of the data"
            raise SettingsError("prior_components", components, expected)
    return ClassPrior(prior, num_classes)
