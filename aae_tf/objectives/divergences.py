"""How far two samples are from one distribution: MMD and the sliced Wasserstein distance."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from aae_tf.seeds import Seed

Kernel = Callable[[tf.Tensor], tf.Tensor]  # of squared distances


def squared_distances(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distances: `(m, d)` and `(n, d)` give `(m, n)`."""
    cross = tf.matmul(first, second, transpose_b=True)
    norms = tf.reduce_sum(first**2, 1)[:, None] + tf.reduce_sum(second**2, 1)[None, :]
    return tf.maximum(norms - 2.0 * cross, 0.0)


def inverse_multiquadratic(scale: float) -> Kernel:
    """k = C / (C + |x - y|^2) with C = `scale` (WAE, section 4).

    The paper takes C = 2 d sigma^2, the expected squared distance of two samples of a Gaussian
    prior.
    """
    return lambda squared: scale / (scale + squared)


def mmd(first: tf.Tensor, second: tf.Tensor, kernel: Kernel, block: int = 2000) -> tf.Tensor:
    """Unbiased estimate of the squared maximum mean discrepancy (Gretton et al., 2012, lemma 6).

    The mean of k over different pairs within each sample, less twice its mean over all pairs across
    (WAE, algorithm 2). It can be negative.

    Args:
      first: `(m, d)`, m at least 2.
      second: `(n, d)`, n at least 2.
      kernel: of squared distances.
      block: rows whose distances are held in memory at a time.

    Returns:
      A scalar.
    """

    def total(a, b):
        size = a.shape[0]
        return tf.add_n(
            tf.reduce_sum(kernel(squared_distances(a[start : start + block], b)))
            for start in range(0, size, block)
        )

    def within(sample):
        count = tf.cast(tf.shape(sample)[0], sample.dtype)
        itself = kernel(tf.zeros([], sample.dtype)) * count
        return (total(sample, sample) - itself) / (count * (count - 1.0))

    sizes = tf.cast(tf.shape(first)[0], first.dtype) * tf.cast(tf.shape(second)[0], first.dtype)
    return within(first) + within(second) - 2.0 * total(first, second) / sizes


def directions(count: int, dim: int, seed: Seed, dtype=tf.float32) -> tf.Tensor:
    """Unit vectors uniform on the sphere, `(dim, count)`."""
    normal = tf.random.stateless_normal([dim, count], seed, dtype=dtype)
    return normal / tf.norm(normal, axis=0, keepdims=True)


def sorted_projections(sample: tf.Tensor, along: tf.Tensor) -> tf.Tensor:
    """Each direction's projections in ascending order: `(n, d)` and `(d, k)` give `(n, k)`."""
    return tf.sort(sample @ along, axis=0)


def sliced_wasserstein(first: tf.Tensor, second: tf.Tensor, along: tf.Tensor) -> tf.Tensor:
    """Sliced 2-Wasserstein distance between two samples of one size.

    The root of the mean, over directions, of the squared 2-Wasserstein distance of the projections,
    which sorting solves (Rabin et al., 2011; Kolouri et al., 2018, section 3).

    Args:
      first: `(n, d)`.
      second: `(n, d)`.
      along: unit vectors `(d, directions)`.

    Returns:
      A scalar, in the units of the samples.
    """
    gaps = sorted_projections(first, along) - sorted_projections(second, along)
    return tf.sqrt(tf.reduce_mean(gaps**2))
