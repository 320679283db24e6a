"""Minibatches as a function of the step, from images held in memory."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data.order import epoch_order


class Feed:
    """Serves the minibatch of each step.

    Images stay as they are stored (uint8 mostly) and are gathered by index, so that a step's batch
    costs one gather. An epoch visits a permutation of the images; what is left over after the last
    full minibatch is not seen in that epoch.

    Args:
      images: `(size, height, width, channels)`, uint8 or float32 in 0..1.
      batch_size: over all replicas.
      seed: of the run.
      dtype: of the batches.
    """

    def __init__(self, images: np.ndarray, batch_size: int, seed: seeds.Seed, dtype=tf.float32):
        self.batch_size = batch_size
        self.steps_per_epoch = len(images) // batch_size
        self._images = tf.constant(images)
        self._seed = seed
        self._dtype = dtype

    def order(self, epoch: int) -> tf.Tensor:
        """In which order the epoch visits the images, int32 `(size,)`."""
        return epoch_order(self._seed, epoch, self._images.shape[0])

    def batch(self, order: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """The batch of a global step, given the order of the step's epoch.

        Returns:
          'images': `(batch_size, height, width, channels)` in 0..1.
        """
        start = (step % self.steps_per_epoch) * self.batch_size
        rows = tf.slice(order, [start], [self.batch_size])
        images = tf.cast(tf.gather(self._images, rows), self._dtype)
        if self._images.dtype == tf.uint8:
            images = images / 255
        return {"images": images}
