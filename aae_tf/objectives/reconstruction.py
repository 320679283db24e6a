"""What it costs to rebuild an image."""

from __future__ import annotations

import tensorflow as tf


def half_squared_error(images: tf.Tensor, reconstructions: tf.Tensor) -> tf.Tensor:
    """Half the squared Euclidean distance between images and their reconstructions.

    The sum over pixels, not their mean: a mean would shift the balance to the adversary by the
    number of pixels (AAE, appendix A.2.1).

    Args:
      images: `(batch, ...)`.
      reconstructions: `(batch, ...)`.

    Returns:
      `(batch,)`, in squared units of intensity.
    """
    squared = tf.math.squared_difference(images, tf.cast(reconstructions, images.dtype))
    return 0.5 * tf.reduce_sum(squared, axis=list(range(1, len(images.shape))))
