"""Per-dimension standardisation, as the AAE paper prepares SVHN (appendix A.2.2)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

CONSTANT = 1e-3  # the sd below which a pixel is taken to be constant


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

    def adapt(self, images: np.ndarray) -> None:
        """Takes the moments of images, uint8 in 0..255 or float in 0..1.

        Constant pixels, such as a black border, keep the sd 1.
        """
        scale = 255.0 if images.dtype == np.uint8 else 1.0
        # numpy sums uint8 in float64 block by block, without a float copy of all images.
        mean = images.mean(0, dtype=np.float64)
        deviation = np.sqrt((_mean_square(images) - mean**2).clip(0)) / scale
        self.mean.assign(mean / scale)
        self.deviation.assign(np.where(deviation < CONSTANT, 1.0, deviation))

    def call(self, images):
        return (images - self.mean) / self.deviation

    def inverse(self, standardized):
        """Back to intensities."""
        return standardized * self.deviation + self.mean


def _mean_square(images: np.ndarray, block: int = 10_000) -> np.ndarray:
    total = np.zeros(images.shape[1:])
    for start in range(0, len(images), block):
        total += np.square(images[start : start + block], dtype=np.float64).sum(0)
    return total / len(images)
