"""The training image that is nearest to each of some images: memorising shows there."""

from __future__ import annotations

import numpy as np

from aae_tf.data import Split
from aae_tf.evaluation.quality.blocks import each_block, rows_in_a_block
from aae_tf.evaluation.quality.precision_recall import squared_distances


def nearest_images(images: np.ndarray, train: Split) -> tuple[np.ndarray, np.ndarray]:
    """Finds each image's nearest training image, by Euclidean distance of the pixels.

    Args:
      images: `(n, height, width, channels)` in 0..1.
      train: where to look; read in blocks, in order.

    Returns:
      Its row `(n,)`, and the distance `(n,)` in intensity, over all pixels.
    """
    flat = np.asarray(images, np.float32).reshape(len(images), -1)
    best = np.full(len(flat), np.inf, np.float32)
    rows = np.zeros(len(flat), np.int64)
    step = rows_in_a_block(images.shape[1:])
    for start, block in each_block(train, step, "nearest training images"):
        distances = squared_distances(flat, block.reshape(len(block), -1))
        found = distances.argmin(1)
        closest = distances[np.arange(len(flat)), found]
        nearer = closest < best
        best[nearer], rows[nearer] = closest[nearer], start + found[nearer]
    chosen, place = np.unique(rows, return_inverse=True)
    originals = train.take(chosen).intensities().reshape(len(chosen), -1)
    # The product above loses the digits of a distance that is near 0; the difference doesn't.
    gaps = flat.astype(np.float64) - originals[place.reshape(-1)]
    return rows, np.linalg.norm(gaps, axis=1)
