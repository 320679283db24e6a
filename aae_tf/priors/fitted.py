"""Densities that are fitted to codes once a model is trained, to draw from instead of its prior.

Samples are then like codes, however well or badly training matched these to a prior, or if it did
not try to ('ex-post density estimation', Ghosh et al., 2020, arXiv:1903.12436).
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

ITERATIONS = 500  # of the mixture's expectation maximisation, at most; ten or so are usual
# Bandwidths that are tried, in units of Scott's: codes lie in clusters, which ask for less than it.
SHARES_OF_SCOTT = 2.0 ** np.arange(-4, 2.1, 0.5)
FLAT = 1e-6  # of the widest dimension's sd: no other one is taken for narrower
NUMBERS_IN_BLOCK = 2**22  # differences of points and codes, held in memory at a time


@dataclasses.dataclass(frozen=True)
class GaussianSum:
    """A weighted sum of Gaussian densities, as arrays of float64.

    Args:
      weights: of the Gaussians, whose sum is 1, `(count,)`.
      means: theirs, `(count, dim)`.
      scales: Cholesky factors of their covariances `(count, dim, dim)`, or the sds along the axes
        that all of them share, `(dim,)`.
    """

    weights: np.ndarray
    means: np.ndarray
    scales: np.ndarray

    def check(self, dim: int) -> None:
        """Checks arrays that were read from a file.

        Args:
          dim: of a code.

        Raises:
          ValueError: if they are none of such a sum.
        """
        arrays = (self.weights, self.means, self.scales)
        if not all(array.dtype == np.float64 and np.isfinite(array).all() for array in arrays):
            raise ValueError("numbers that aren't finite, or not of 64 bits")
        count = len(self.weights) if self.weights.ndim == 1 else 0
        shared, of_each = (dim,), (count, dim, dim)
        if not count or self.means.shape != (count, dim):
            raise ValueError("weights and means that don't go together")
        if self.scales.shape not in (shared, of_each):
            raise ValueError(f"scales of shape {self.scales.shape}")
        sds = self.scales
        if sds.shape == of_each:
            if np.triu(sds, 1).any():
                raise ValueError("scales that are no Cholesky factors")
            sds = np.diagonal(sds, axis1=1, axis2=2)
        if not (sds > 0).all() or (self.weights < 0).any() or abs(self.weights.sum() - 1) > 1e-6:
            raise ValueError("scales or weights that are no density's")

    def distribution(self, dtype=tf.float32) -> tfd.Distribution:
        """The density, with stateless `sample` and `log_prob`."""
        if self.scales.ndim == 1:
            return KernelDensity(tf.constant(self.means, dtype), tf.constant(self.scales, dtype))
        with np.errstate(divide="ignore"):  # a Gaussian may have no weight left
            logits = tf.constant(np.log(self.weights), dtype)
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=logits),
            tfd.MultivariateNormalTriL(
                tf.constant(self.means, dtype), tf.constant(self.scales, dtype)
            ),
            name="gaussian_mixture",
        )


class KernelDensity(tfd.Distribution):
    """Equal Gaussians around points.

    As a mixture of TFP's it would draw from every Gaussian for each sample.

    Args:
      points: `(count, dim)`.
      bandwidths: the Gaussians' sds, `(dim,)`.
    """

    def __init__(self, points: tf.Tensor, bandwidths: tf.Tensor, name: str = "kernel_density"):
        parameters = dict(locals())
        self._points, self._bandwidths = points, bandwidths
        super().__init__(
            dtype=points.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    def _batch_shape(self):
        return tf.TensorShape([])

    def _event_shape(self):
        return self._points.shape[1:]

    def _event_shape_tensor(self):
        return tf.shape(self._points)[1:]

    def _sample_n(self, n, seed=None):
        which, noise = tfp.random.split_seed(seed, n=2, salt="kernel_density")
        count, dim = self._points.shape
        rows = tf.random.stateless_uniform([n], which, maxval=count, dtype=tf.int32)
        drawn = tf.random.stateless_normal([n, dim], noise, dtype=self.dtype)
        return tf.gather(self._points, rows) + self._bandwidths * drawn

    def _log_prob(self, value):
        count, dim = self._points.shape
        kernel = tfd.MultivariateNormalDiag(tf.zeros(dim, self.dtype), self._bandwidths)

        def log_density(codes):
            terms = kernel.log_prob(codes[:, None] - self._points)
            return tf.reduce_logsumexp(terms, -1) - tf.math.log(tf.cast(count, self.dtype))

        # In blocks, since all differences don't fit in memory.
        flat, rows = tf.reshape(value, [-1, dim]), max(1, NUMBERS_IN_BLOCK // (count * dim))
        number = tf.shape(flat)[0]
        padded = tf.pad(flat, [[0, -number % rows], [0, 0]])
        done = tf.map_fn(log_density, tf.reshape(padded, [-1, rows, dim]))
        return tf.reshape(tf.reshape(done, [-1])[:number], tf.shape(value)[:-1])


def fit_mixture(codes: np.ndarray, components: int, seed: int) -> GaussianSum:
    """scikit-learn's GaussianMixture with full covariances.

    Args:
      codes: `(n, dim)`.
      components: Gaussians, n at most.
      seed: of the components' first places.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    standard, mean, sd = _standardised(codes)
    mixture = GaussianMixture(components, max_iter=ITERATIONS, random_state=seed)
    with warnings.catch_warnings():  # fewer different codes than components, say
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(standard)
    scales = sd[:, None] * np.linalg.cholesky(mixture.covariances_)
    return GaussianSum(mixture.weights_, mixture.means_ * sd + mean, scales)


def fit_kernels(codes: np.ndarray, held_out: np.ndarray) -> GaussianSum:
    """A Gaussian on each code, of the bandwidth at which other codes are most probable.

    The bandwidth is the same in all dimensions, each in units of its own sd.

    Args:
      codes: `(n, dim)`.
      held_out: of other images, `(m, dim)`.
    """
    from scipy.special import logsumexp

    standard, mean, sd = _standardised(codes)
    count, dim = codes.shape
    others = (held_out - mean) / sd
    squared = (others**2).sum(1)[:, None] + (standard**2).sum(1) - 2 * (others @ standard.T)
    bandwidths = SHARES_OF_SCOTT * count ** (-1 / (dim + 4))
    log_likelihoods = [
        logsumexp(-np.maximum(squared, 0) / (2 * width**2), axis=1).mean() - dim * np.log(width)
        for width in bandwidths
    ]
    best = bandwidths[int(np.argmax(log_likelihoods))]
    weights = np.full(count, 1 / count)
    return GaussianSum(weights, np.asarray(codes, np.float64), best * sd)


def _standardised(codes):
    """Codes of mean 0 and sd 1 in each dimension, and the mean and sd that they had, `(dim,)`.

    So what a fit holds for a small variance is one beside the codes' own.
    """
    wide = np.asarray(codes, np.float64)
    mean, sd = wide.mean(0), wide.std(0)
    sd = np.maximum(sd, FLAT * sd.max()) if sd.max() else np.full_like(sd, FLAT)
    return (wide - mean) / sd, mean, sd
