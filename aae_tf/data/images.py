"""What every source of data becomes: three splits of images.

Validation and test images are in memory; training images too, or they are streamed.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from typing import Any

import numpy as np

from aae_tf.data.streamed import StreamedImages, blocks

VALIDATION_AT_MOST = 10_000
TEST_AT_MOST = 10_000
SMALLEST = 30  # examples, so that every split has a few


@dataclasses.dataclass(frozen=True)
class Split:
    """Images and, where known, their classes.

    Args:
      images: `(size, height, width, channels)`, uint8 in 0..255 or float32 in 0..1.
      labels: int64 `(size,)`, or None.
    """

    images: np.ndarray | StreamedImages
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows) -> Split:
        """The examples at `rows`, a slice or an array of indices."""
        return Split(self.images[rows], None if self.labels is None else self.labels[rows])

    def intensities(self, rows=slice(None)) -> np.ndarray:
        """float32 images in 0..1."""
        images = self.images[rows]
        return images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 else images


@dataclasses.dataclass(frozen=True)
class ImageData:
    """A data set: train, validation (for every choice) and test (for the final figures only).

    Args:
      name: as --dataset gave it.
      train: maybe with streamed images.
      validation: in memory.
      test: in memory.
      class_names: of the labels, where they have names.
      skipped: files that are no readable images and were passed over.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.train.images.shape[1:]

    @property
    def num_classes(self) -> int:
        """Classes of the training images; 0 without labels."""
        if self.train.labels is None or not len(self.train):
            return 0
        return max(len(self.class_names), int(self.train.labels.max()) + 1)

    def describe(self) -> dict[str, Any]:
        """What data.json holds: name, image shape, classes, sizes and a checksum."""
        skipped = {"skipped_files": len(self.skipped)} if self.skipped else {}
        return {
            "name": self.name,
            "image_shape": list(self.image_shape),
            "num_classes": self.num_classes,
            "class_names": list(self.class_names),
            "sizes": {
                "train": len(self.train),
                "validation": len(self.validation),
                "test": len(self.test),
            },
            "sha256_of_train": self._checksum,
            **skipped,
        }

    def notes(self) -> list[str]:
        """What a user should know of it, line by line."""
        notes = []
        if self.skipped:
            files = "1 file" if len(self.skipped) == 1 else f"{len(self.skipped)} files"
            notes.append(
                f"{self.name}: skipped {files}: {', '.join(self.skipped[:3])}"
                + (", ..." if len(self.skipped) > 3 else "")
            )
        if isinstance(self.train.images, StreamedImages):
            size = math.prod(self.train.images.shape) / 2**20
            notes.append(
                f"{self.name}: streams {len(self.train)} images, {size:,.1f} MiB of pixels"
            )
        return notes

    @functools.cached_property
    def _checksum(self) -> str:
        """SHA-256 of the training pixels, the same whether or not they are streamed."""
        total = hashlib.sha256()
        for block in blocks(self.train.images):
            total.update(np.ascontiguousarray(block))
        return total.hexdigest()


def with_validation(train: Split, *, shuffle: bool) -> tuple[Split, Split]:
    """Splits the last 10,000 examples, or a sixth where that is fewer, off the training set.

    Args:
      train: all training examples.
      shuffle: whether to permute them first (always in the same way), as examples sorted by
        class need.
    """
    if shuffle:
        train = train.take(fixed_permutation(len(train)))
    first = len(train) - size_of_validation(len(train))
    return train.take(slice(0, first)), train.take(slice(first, None))


def size_of_validation(size: int) -> int:
    """How many of so many training examples are split off where there are no validation ones."""
    return min(VALIDATION_AT_MOST, size // 6)


def size_of_test(size: int) -> int:
    """How many of so many examples are split off where there are no test ones."""
    return min(TEST_AT_MOST, size // 7)


def fixed_permutation(size: int) -> np.ndarray:
    """A permutation of 0..size-1 that depends on the size alone, not on a run's seed."""
    # numpy promises that this generator's numbers never change, which it doesn't of the newer ones.
    return np.random.RandomState(size % 2**32).permutation(size)
