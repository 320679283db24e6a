"""The maximum mean discrepancy of two samples."""

from __future__ import annotations

import tensorflow as tf

from aae_tf.objectives.kernels import Kernel


def squared_distances(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distances: `(m, d)` and `(n, d)` give `(m, n)`."""
    cross = tf.matmul(first, second, transpose_b=True)
    norms = tf.reduce_sum(first**2, 1)[:, None] + tf.reduce_sum(second**2, 1)[None, :]
    return tf.maximum(norms - 2.0 * cross, 0.0)


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
