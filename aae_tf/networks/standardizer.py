"""Per-dimension standardisation, as the AAE paper prepares SVHN (appendix A.2.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np

from aae_tf.arrays import is_picture

BLOCK = 2**25  # pixel values that are summed at once
CONSTANT = 1e-3  # the sd up to which a pixel is taken to be constant
ROUNDING = 1e-3  # less of its size, times the above, is none of a feature's, which have any range


class Standardizer(keras.Model):
    """Takes the mean of each pixel off and divides by its sd; `inverse` undoes it.

    It is a network without trainable weights, so that checkpoints and exports carry the moments.

    Input shape and output shape: `(batch, height, width, channels)`.

    Args:
      image_shape: `(height, width, channels)`.
      dtype: Keras dtype policy.
    """

    def __init__(
        self, image_shape: Sequence[int], dtype: str = "float32", name: str = "standardizer"
    ):
        super().__init__(name=name, dtype=dtype)
        settings = {"shape": tuple(image_shape), "trainable": False, "dtype": self.variable_dtype}
        self.mean = self.add_weight(initializer="zeros", name="mean", **settings)
        self.deviation = self.add_weight(initializer="ones", name="deviation", **settings)
        self.built = True

    def adapt(self, images) -> None:
        """Takes the moments of images, uint8 in 0..255 or float in 0..1, in memory or streamed.

        Constant pixels, such as a black border, keep the sd 1.
        """
        scale = 255.0 if images.dtype == np.uint8 else 1.0
        mean, mean_square = _moments(images)
        deviation = np.sqrt((mean_square - mean**2).clip(0)) / scale
        unit = 1.0 if is_picture(images.shape[1:]) else ROUNDING * np.sqrt(mean_square)
        self.mean.assign(mean / scale)
        constant = deviation <= CONSTANT * unit
        self.deviation.assign(np.where(constant, 1.0, deviation))

    def call(self, images):
        return (images - self.mean) / self.deviation

    def inverse(self, standardized):
        """Back to intensities."""
        return standardized * self.deviation + self.mean


def _moments(images) -> tuple[np.ndarray, np.ndarray]:
    """Means of pixels and of their squares; exact for uint8, whatever the blocks."""
    shape = images.shape[1:]
    block = max(1, BLOCK // math.prod(shape))
    total, total_square = np.zeros(shape), np.zeros(shape)
    for start in range(0, len(images), block):
        some = images[start : start + block]
        total += some.sum(0, dtype=np.float64)
        total_square += np.square(some, dtype=np.float64).sum(0)
    return total / len(images), total_square / len(images)
