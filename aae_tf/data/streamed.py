"""Training images that are read when they are needed, since they don't fit in memory.

They lie in files of their own (`folder`), or packed into one file that is made at the first use.
"""

from __future__ import annotations

import abc
import copy
import json
import math
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf.errors import DataError
from aae_tf.files.locks import locked
from aae_tf.utils import progress_bar

LARGEST_IN_MEMORY = 8 * 2**30  # bytes of uint8 pixels of the training images
HELD_OUT_IN_MEMORY = 2**28  # and of a split of held-out ones, which are looked at once an epoch
BLOCK = 2**25  # bytes of pixels that are read together
HEADER = 4096  # bytes of a packed file: JSON, then spaces
FORMAT = "aae_tf packed images 1"


class StreamedImages(abc.ABC):
    """Images `(size, height, width, channels)`, uint8, of which only those asked for are read.

    A slice or an array of rows gives a numpy array, as with images in memory.

    Args:
      image_shape: `(height, width, channels)`.
      rows: which images of the source these are, in order, int64 `(size,)`.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4
    readable = True  # whether they can be read by row

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


def must_stream_held_out(name: str, stream: str, size: int) -> bool:
    """Whether a split of held-out images is to be streamed; arguments as of `must_stream`."""
    small = size <= HELD_OUT_IN_MEMORY
    return not small and must_stream(name, "never" if stream == "never" else "always", size)


class FileImages(StreamedImages):
    """Images that lie in a file one after the other; none of it is mapped into memory.

    Args:
      path: of the file.
      image_shape: `(height, width, channels)`.
      count: of images in the file.
      start: where in the file the first one begins.
    """

    def __init__(self, path: pathlib.Path, image_shape, count: int, start: int):
        super().__init__(image_shape, np.arange(count))
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (stays open as long as it is used)
        self._start = start
        self._record = math.prod(self._image_shape)

    def serve(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        size = batches.element_spec.shape[0]
        sources = tf.constant(self._rows)

        def with_images(rows):
            images = tf.numpy_function(self._read, [tf.gather(sources, rows)], tf.uint8)
            return rows, tf.ensure_shape(images, (size, *self._image_shape))

        return batches.map(with_images, num_parallel_calls=2, deterministic=True)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), self._record), np.uint8)
        for image, row in zip(images, rows, strict=True):
            content = self._bytes(self._start + int(row) * self._record, self._record)
            image[:] = np.frombuffer(content, np.uint8)
        return images.reshape(-1, *self._image_shape)

    def _bytes(self, start: int, size: int) -> bytes:
        parts = []
        while size:  # a call may return less than it was asked for
            part = os.pread(self._file.fileno(), min(size, 2**30), start)
            if not part:
                raise DataError(f"{self._file.name} was cut short while it was read; run it again")
            parts.append(part)
            start, size = start + len(part), size - len(part)
        return b"".join(parts)


class PackedImages(FileImages):
    """Images of a packed file.

    Args:
      path: of the file, which `packed` has made.
      image_shape: `(height, width, channels)`.
      count: of images in the file.
      labelled: whether their labels follow them.
    """

    def __init__(self, path: pathlib.Path, image_shape, count: int, labelled: bool):
        super().__init__(path, image_shape, count, HEADER)
        self._count, self._labelled = count, labelled

    @property
    def labels(self) -> np.ndarray | None:
        """Labels of these images, int64 `(size,)`, or None."""
        if not self._labelled:
            return None
        everything = self._bytes(HEADER + self._count * self._record, 8 * self._count)
        return np.frombuffer(everything, "<i8").astype(np.int64)[self._rows]


def packed(
    path: pathlib.Path,
    content: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    count: int,
    examples: Iterable[tuple[np.ndarray, np.ndarray | None]],
) -> PackedImages:
    """The images of a packed file, which is made if there is none, or one of other images.

    Args:
      path: of the file.
      content: what the images are; a file of other ones isn't used.
      image_shape: `(height, width, channels)`.
      count: of images.
      examples: batches of images `(n, height, width, channels)`, uint8, and of labels `(n,)`;
        gone through only if the file has to be made.

    Raises:
      DataError: if the file can't be written, or there are more or fewer images.
    """
    expected = {"format": FORMAT, **content, "shape": list(image_shape), "count": count}
    header = _header(path, expected)
    if header is None:
        try:
            path.parent.mkdir(exist_ok=True)
            with locked(path.parent / ".lock"):
                if _header(path, expected) is None:
                    _write(path, expected, examples)
        except OSError as error:
            raise DataError(
                f"{path} can't be written ({error.strerror}); --stream needs "
                f"{math.prod(image_shape) * count / 2**30:.1f} GiB there, below --data_dir"
            ) from None
        header = _header(path, expected)
    return PackedImages(path, image_shape, count, header["labelled"])


def _header(path, expected) -> dict[str, Any] | None:
    """What a file says of itself; None if it isn't there, isn't whole or holds something else."""
    try:
        with open(path, "rb") as file:
            header = json.loads(file.read(HEADER))
            size = HEADER + header["count"] * (math.prod(header["shape"]) + 8 * header["labelled"])
            whole = os.fstat(file.fileno()).st_size == size
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return header if whole and expected.items() <= header.items() else None


def _write(path, expected, examples):
    """Writes the file under another name, then renames it."""
    aside, labels, count = path.with_name(f".{path.name}.tmp"), [], 0
    bar = progress_bar(expected["count"], "image", late=True, label=f"packing {path.name}")
    try:
        with open(aside, "wb") as file, bar:
            file.write(b" " * HEADER)
            for images, some_labels in examples:
                file.write(np.ascontiguousarray(images))
                count += len(images)
                bar.update(len(images))
                if some_labels is not None:
                    labels.append(some_labels.astype("<i8"))
            if count != expected["count"]:
                raise DataError(f"{path}: {count} images came, expected {expected['count']}")
            if labels:
                file.write(np.concatenate(labels))
            file.seek(0)
            file.write(json.dumps({**expected, "labelled": bool(labels)}).encode().ljust(HEADER))
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
