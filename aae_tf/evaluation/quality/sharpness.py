"""How sharp images are (WAE, section 4)."""

from __future__ import annotations

import numpy as np

GREY = (0.2989, 0.5870, 0.1140)  # what tf.image.rgb_to_grayscale weighs red, green and blue with


def sharpness(images: np.ndarray) -> np.ndarray:
    """The variance of each image's responses to the 3 x 3 Laplace filter; small if it is blurred.

    Responses are taken where the whole filter [[0, 1, 0], [1, -4, 1], [0, 1, 0]] lies within the
    grey image.

    Args:
      images: `(n, height, width, channels)` in 0..1, of 3 x 3 pixels or more. (On intensities in
        -1..1, which the paper has on CelebA, it is four times as large.)

    Returns:
      `(n,)`, in squared intensity.
    """
    grey = images @ np.float32(GREY) if images.shape[-1] == 3 else images.mean(-1)
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return (around - 4 * grey[:, 1:-1, 1:-1]).var((1, 2), dtype=np.float64)
