"""Minibatches as a function of the step, from images in memory or streamed."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data.streamed import StreamedImages
from aae_tf.errors import DataError

AHEAD = 4  # minibatches that a streaming feed has ready


def epoch_order(seed: seeds.Seed, epoch: int, size: int) -> tf.Tensor:
    """A permutation of 0..size-1.

    Args:
      seed: of the run.
      epoch: number of the epoch, from 0.
      size: of the training set.

    Returns:
      int32 `(size,)`.
    """
    folded = seeds.fold(seed, "data_order", epoch)
    return tf.random.experimental.stateless_shuffle(tf.range(size), folded)


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
        self._images = self._stored(images)
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

    def _stored(self, images):
        return tf.constant(images)

    def _intensities(self, rows):
        images = tf.cast(tf.gather(self._images, rows), self._dtype)
        return images / 255 if self._images.dtype == tf.uint8 else images

    def _labelled_batch_rows(self, step):
        size, count = self._labelled.batch_size, len(self._labelled.rows)
        epoch, number = step // (count // size), step % (count // size)
        seed = seeds.fold(self._seed, "labelled_order", epoch)
        # One index of a permutation at a time: of all labels a step needs a hundred.
        chosen = tf.random.experimental.index_shuffle(
            number * size + tf.range(size), seed, max_index=count - 1
        )
        return tf.gather(self._labelled_rows, chosen)


class StreamingFeed(Feed):
    """Serves the same minibatches as a `Feed` of the same images in memory, bit for bit.

    A tf.data pipeline goes from the epoch's order to rows, reads their images in parallel and in
    order, and stays some minibatches ahead. It can start at any step, so that nothing of its state
    has to be saved.

    Args: as of `Feed`, the images streamed.
    """

    _images: StreamedImages

    def source(self, step: int, before: tf.data.Iterator | None = None) -> tf.data.Iterator:
        """An iterator over the minibatches from this step on, for any number of epochs."""
        return iter(self._pipeline(step)) if before is None else before

    def batch(self, source: tf.data.Iterator, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """The next batch, which is that of the step if all before it were taken."""
        del step
        rows, images = source.get_next()
        images = tf.cast(images, self._dtype) / 255
        batch, size = {"images": images[: self.batch_size]}, self.batch_size
        if self._labelled is not None:
            if self._labelled.beside:
                batch["labelled_images"] = images[size:]
                rows = rows[size:]
            batch["labels"] = tf.gather(self._labels, rows)
        return batch

    def explain(self, error: tf.errors.OpError) -> None:
        """Raises a DataError if the images could not be read."""
        if "IteratorGetNext" in str(error):
            text = " ".join((error.message or "").split())
            inner = re.search(r"with iterator: \S+ (.*)", text)  # after what TensorFlow says first
            reason = re.split(r" Traceback | \[\[", inner[1] if inner else text)[0][:300]
            raise DataError(f"a training image can't be read any more ({reason})") from None

    def _stored(self, images):
        return images

    def _pipeline(self, first_step: int) -> tf.data.Dataset:
        """(rows, images) of each step; a labelled minibatch follows the other in the same batch."""
        per_epoch = self.steps_per_epoch

        def steps_of(epoch):
            order = epoch_order(self._seed, epoch, self._size)[: per_epoch * self.batch_size]
            steps = tf.cast(epoch, tf.int32) * per_epoch + tf.range(per_epoch)
            missed = tf.math.count_nonzero(steps < first_step, dtype=tf.int32)
            rows = tf.reshape(order, [per_epoch, self.batch_size])
            return tf.data.Dataset.from_tensor_slices((steps[missed:], rows[missed:]))

        def with_labelled(step, rows):
            if self._labelled is not None and self._labelled.beside:
                rows = tf.concat([rows, self._labelled_batch_rows(step)], 0)
            return tf.cast(rows, tf.int64)

        epochs = tf.data.Dataset.range(first_step // per_epoch, tf.int32.max)
        batches = epochs.flat_map(steps_of).map(with_labelled)
        options = tf.data.Options()
        options.deterministic = True
        return self._images.serve(batches).prefetch(AHEAD).with_options(options)


class DatasetFeed(Feed):
    """Serves minibatches as a `tf.data.Dataset` of Python's gives them, whatever the step.

    Args: as of `Feed`; the images have `batches(size)`.
    """

    def source(self, step: int, before: tf.data.Iterator | None = None) -> tf.data.Iterator:
        """An iterator over minibatches, for any number of epochs."""
        del step
        return iter(self._images.batches(self.batch_size)) if before is None else before

    def batch(self, source: tf.data.Iterator, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """The next batch."""
        del step
        images = source.get_next()
        scale = 255 if images.dtype == tf.uint8 else 1
        return {"images": tf.cast(images, self._dtype) / scale}

    def _stored(self, images):
        return images


def make_feed(
    images: np.ndarray | StreamedImages,
    batch_size: int,
    seed: seeds.Seed,
    dtype=tf.float32,
    labelled: Labelled | None = None,
) -> Feed:
    """The feed that suits the images: in memory or streamed."""
    kind = StreamingFeed if isinstance(images, StreamedImages) else Feed
    if hasattr(images, "batches"):
        kind = DatasetFeed
    return kind(images, batch_size, seed, dtype, labelled)
