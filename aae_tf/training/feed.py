"""Minibatches as a function of the step, from images held in memory."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data.order import epoch_order


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Labels of some training images, and how they reach the phases.

    Args:
      rows: of the training images whose label may be used, int32 `(count,)`.
      labels: of all training images, `(size,)`; those of other rows are never read.
      beside: serve a minibatch of labelled images beside the other; else each image of the
        minibatch comes with its label, or with `unlabelled`.
      batch_size: of the labelled minibatch, over all replicas; at most `count`.
      unlabelled: the number that stands for no label.
    """

    rows: np.ndarray
    labels: np.ndarray
    beside: bool
    batch_size: int = 0
    unlabelled: int = -1


class Feed:
    """Serves the minibatch of each step.

    Images stay as they are stored (uint8 mostly) and are gathered by index, so that a step's batch
    costs one gather. An epoch visits a permutation of the images; what is left over after the last
    full minibatch is not seen in that epoch. Labelled minibatches go through the labelled images in
    the same manner, at their own pace.

    Args:
      images: `(size, height, width, channels)`, uint8 or float32 in 0..1.
      batch_size: over all replicas.
      seed: of the run.
      dtype: of the batches.
      labelled: which labels to serve, if any.
    """

    def __init__(
        self,
        images: np.ndarray,
        batch_size: int,
        seed: seeds.Seed,
        dtype=tf.float32,
        labelled: Labelled | None = None,
    ):
        self.batch_size = batch_size
        self.steps_per_epoch = len(images) // batch_size
        self._size = len(images)
        self._images = self._kept(images)
        self._seed = seed
        self._dtype = dtype
        self._labelled = labelled
        if labelled is None:
            return
        if labelled.beside:
            self._labelled_rows = tf.constant(labelled.rows, tf.int32)
            self._labels = tf.constant(labelled.labels, tf.int32)
        else:
            shown = np.full(len(images), labelled.unlabelled, np.int32)
            shown[labelled.rows] = labelled.labels[labelled.rows]
            self._labels = tf.constant(shown)

    def order(self, epoch: int) -> tf.Tensor:
        """In which order the epoch visits the images, int32 `(size,)`."""
        return epoch_order(self._seed, epoch, self._size)

    def source(self, step: int, before=None):
        """What `batch` serves from, from this step to the end of its epoch.

        Args:
          step: global, an epoch's first or the first of all.
          before: what the step before was served from, if it was.
        """
        del before
        return self.order(step // self.steps_per_epoch)

    def batch(self, order: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """The batch of a global step, given the order of the step's epoch.

        Returns:
          'images': `(batch_size, height, width, channels)` in 0..1; with labels within the
          minibatch 'labels': int32 `(batch_size,)`; with a labelled minibatch beside it
          'labelled_images' and 'labels' of that one's size.
        """
        start = (step % self.steps_per_epoch) * self.batch_size
        rows = tf.slice(order, [start], [self.batch_size])
        batch = {"images": self._intensities(rows)}
        if self._labelled is not None:
            if self._labelled.beside:
                rows = self._labelled_batch_rows(step)
                batch["labelled_images"] = self._intensities(rows)
            batch["labels"] = tf.gather(self._labels, rows)
        return batch

    def explain(self, error: tf.errors.OpError) -> None:
        """Raises a UserError if that is what an error of a call comes from."""

    def _kept(self, images):
        return tf.constant(images)

    def _intensities(self, rows):
        images = tf.cast(tf.gather(self._images, rows), self._dtype)
        return images / 255 if self._images.dtype == tf.uint8 else images

    def _labelled_batch_rows(self, step):
        size, count = self._labelled.batch_size, len(self._labelled.rows)
        passes, place = step // (count // size), step % (count // size)
        seed = seeds.fold(self._seed, "labelled_order", passes)
        # One index of a permutation at a time: of all labels a step needs a hundred.
        chosen = tf.random.experimental.index_shuffle(
            place * size + tf.range(size), seed, max_index=count - 1
        )
        return tf.gather(self._labelled_rows, chosen)
