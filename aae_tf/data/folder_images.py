"""Image files, decoded when they are needed."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from aae_tf.data.pixels import Framing, decode
from aae_tf.data.streamed import StreamedImages

BATCH = 64  # images between TensorFlow and numpy at a time


class FolderImages(StreamedImages):
    """Images in files of their own.

    Args:
      files: png, jpeg, bmp or gif, in the order of the rows.
      image_shape: `(height, width, channels)` once they are framed; grey images among coloured
        ones become grey RGB.
      framing: how they come to that shape.
    """

    def __init__(self, files: Sequence[pathlib.Path], image_shape: Sequence[int], framing: Framing):
        super().__init__(image_shape, np.arange(len(files)))
        self._files = [os.fsencode(file) for file in files]
        self._framing = framing

    def serve(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        files = self._paths(self._rows)
        size = batches.element_spec.shape[0]

        def with_image(row):
            return row, self._image(tf.gather(files, row))

        return _in_order(batches.unbatch(), with_image).batch(size, drop_remainder=True)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *self._image_shape), np.uint8)
        files = tf.data.Dataset.from_tensor_slices(self._paths(rows))
        start = 0
        for batch in _in_order(files, self._image).batch(BATCH).as_numpy_iterator():
            images[start : start + len(batch)] = batch
            start += len(batch)
        return images

    def _paths(self, rows):
        return tf.constant([self._files[row] for row in rows], tf.string, shape=[len(rows)])

    def _image(self, path):
        image = self._framing(decode(tf.io.read_file(path)))
        image = tf.repeat(image, self._image_shape[-1] // tf.shape(image)[-1], axis=-1)
        return tf.ensure_shape(image, self._image_shape)


def survey(files: Sequence[pathlib.Path]) -> np.ndarray:
    """Decodes every file once, to know what it holds.

    Returns:
      Height, width and channels (1 or 3) of each, int64 `(len(files), 3)`; zeros for a file that
      can't be read or decoded.
    """

    def shape_of(number, path):
        return number, tf.shape(decode(tf.io.read_file(path)))

    shapes = np.zeros((len(files), 3), np.int64)
    paths = tf.constant([os.fsencode(file) for file in files], tf.string, shape=[len(files)])
    numbered = tf.data.Dataset.from_tensor_slices(paths).enumerate()
    found = _in_order(numbered, shape_of).ignore_errors().batch(BATCH)
    for numbers, some in found.as_numpy_iterator():
        shapes[numbers] = some
    return shapes


def _in_order(dataset: tf.data.Dataset, function) -> tf.data.Dataset:
    return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
