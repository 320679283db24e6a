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
APART, LARGE = 10.0, 10.0  # sds so much unlike, or larger, are said


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
        mean, deviation, constant = _scales(images, scale)
        self.mean.assign(mean / scale)
        self.deviation.assign(np.where(constant, 1.0, deviation))

    def call(self, images):
        return (images - self.mean) / self.deviation

    def inverse(self, standardized):
        """Back to intensities."""
        return standardized * self.deviation + self.mean


def note_on_scales(images) -> str:
    """What a user should know of features' scales as they are; '' of pictures.

    Args:
      images: features `(n, ...)`, in memory or streamed.
    """
    if is_picture(images.shape[1:]):
        return ""
    _, deviation, constant = _scales(images, 1.0)
    varying = deviation[~constant]
    low, high = (varying.min(), varying.max()) if varying.size else (1.0, 1.0)
    if high <= LARGE and high <= APART * low:
        return ""
    low, high = f"{low:.2g}" if low < 1 else f"{low:.3g}", f"{high:.3g}"
    said = f"of {high}" if low == high else f"from {low} to {high}"
    return f"note: features have standard deviations {said}; --standardize brings them to 1"


def _scales(images, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean of each pixel as it is, its sd over `scale`, and whether it is constant."""
    mean, mean_square = _moments(images)
    deviation = np.sqrt((mean_square - mean**2).clip(0)) / scale
    unit = 1.0 if is_picture(images.shape[1:]) else ROUNDING * np.sqrt(mean_square)
    return mean, deviation, deviation <= CONSTANT * unit


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
