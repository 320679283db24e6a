"""Training images that are read when they are needed, since they don't fit in memory."""

from __future__ import annotations

import abc
import copy
import math
import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from aae_tf.errors import DataError

LARGEST_IN_MEMORY = 8 * 2**30  # bytes of uint8 pixels
BLOCK = 2**25  # bytes of pixels that are looked at together


class StreamedImages(abc.ABC):
    """Images `(size, height, width, channels)`, uint8, of which only those asked for are read.

    A slice or an array of rows gives a numpy array, as with images in memory.

    Args:
      image_shape: `(height, width, channels)`.
      rows: which images of the source these are, in order, int64 `(size,)`.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, image_shape: Sequence[int], rows: np.ndarray):
        self._image_shape = tuple(image_shape)
        self._rows = np.asarray(rows, np.int64)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self._rows), *self._image_shape)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows) -> np.ndarray:
        chosen = self._rows[rows]
        return self._read(np.atleast_1d(chosen)) if np.ndim(chosen) else self._read(chosen[None])[0]

    def __array__(self, dtype=None, copy=None):
        # Else numpy would go through them one by one and fill the memory with all of them.
        raise TypeError("these images are streamed; read them in slices")

    def view(self, rows: np.ndarray) -> StreamedImages:
        """Some of these images, without reading any."""
        other = copy.copy(self)
        other._rows = self._rows[rows]
        return other

    @abc.abstractmethod
    def _read(self, rows: np.ndarray) -> np.ndarray:
        """The images at rows of the source."""

    @abc.abstractmethod
    def serve(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Adds the images to each batch of rows, read in parallel and in order.

        Args:
          batches: of int64 rows `(batch_size,)`, the batch size static.

        Returns:
          A data set of pairs: rows, and images uint8 `(batch_size, height, width, channels)`.
        """


def blocks(images: np.ndarray | StreamedImages) -> Iterator[np.ndarray]:
    """All images in order, so many at a time that memory stays bounded."""
    count = max(1, BLOCK // math.prod(images.shape[1:]))
    for start in range(0, len(images), count):
        yield images[start : start + count]


def must_stream(name: str, stream: str, size: int) -> bool:
    """Whether training images are to be streamed.

    Args:
      name: of the data set.
      stream: 'auto', 'always' or 'never'.
      size: of the training pixels in bytes.

    Raises:
      DataError: if they must not be streamed, but are larger than this machine's memory.
    """
    if stream != "never":
        return stream == "always" or size > LARGEST_IN_MEMORY
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise DataError(
            f"--dataset={name}: {size / 2**30:.1f} GiB of pixels with --stream=never, expected at "
            f"most the {memory / 2**30:.1f} GiB of this machine's memory, or --stream=auto"
        )
    return False


def check_held_out(name: str, size: int) -> None:
    """Checks that validation or test images of so many bytes fit in memory, where they are kept.

    Raises:
      DataError: if not.
    """
    if size > LARGEST_IN_MEMORY:
        raise DataError(
            f"--dataset={name}: {size / 2**30:.1f} GiB of validation or test pixels, expected at "
            f"most {LARGEST_IN_MEMORY / 2**30:.0f} GiB, since those are kept in memory"
        )
