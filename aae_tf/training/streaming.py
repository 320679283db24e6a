"""Minibatches as a function of the step, from images that don't fit in memory."""

from __future__ import annotations

import re

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data.order import epoch_order
from aae_tf.data.streamed import StreamedImages
from aae_tf.errors import DataError
from aae_tf.training.feed import Feed, Labelled

AHEAD = 4  # minibatches that are kept ready


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

    def _kept(self, images):
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


def make_feed(
    images: np.ndarray | StreamedImages,
    batch_size: int,
    seed: seeds.Seed,
    dtype=tf.float32,
    labelled: Labelled | None = None,
) -> Feed:
    """The feed that suits the images: in memory or streamed."""
    kind = StreamingFeed if isinstance(images, StreamedImages) else Feed
    return kind(images, batch_size, seed, dtype, labelled)
