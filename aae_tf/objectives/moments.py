"""How far two samples are apart in mean and covariance."""

from __future__ import annotations

import tensorflow as tf


def moment_gap(codes: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
    """What pretraining the encoder brings down (WAE, the supplement's first heuristic).

    The mean squared difference of the means plus that of the covariances, as in the authors' code.

    Args:
      codes: `(n, d)`, n at least 2.
      samples: of the prior, `(n, d)`.

    Returns:
      A scalar.
    """

    def moments(points):
        mean = tf.reduce_mean(points, 0)
        centred = points - mean
        degrees = tf.cast(tf.shape(points)[0] - 1, points.dtype)
        return mean, tf.matmul(centred, centred, transpose_a=True) / degrees

    (mean, covariance), (wanted_mean, wanted_covariance) = moments(codes), moments(samples)
    return tf.reduce_mean((mean - wanted_mean) ** 2) + tf.reduce_mean(
        (covariance - wanted_covariance) ** 2
    )
