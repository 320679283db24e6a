"""Coarse pixels as features, for data without labels to learn better ones from."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

SIDE = 16


def coarse_pixels(images: np.ndarray) -> np.ndarray:
    """Images flattened, those larger than 16 x 16 averaged down to it first, `(n, dim)`."""
    height, width = images.shape[1:3]
    size = (min(height, SIDE), min(width, SIDE))
    if size != (height, width):
        images = tf.image.resize(images, size, method="area").numpy()
    return images.reshape(len(images), -1)
