"""What every source of data becomes: three splits of images in memory."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

VALIDATION_AT_MOST = 10_000


@dataclasses.dataclass(frozen=True)
class Split:
    """Images and, where known, their classes.

    Args:
      images: `(size, height, width, channels)`, uint8 in 0..255 or float32 in 0..1.
      labels: int64 `(size,)`, or None.
    """

    images: np.ndarray
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
    """A data set: train, validation (for every choice) and test (for the final figures only)."""

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...] = ()

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
        checksum = hashlib.sha256(np.ascontiguousarray(self.train.images)).hexdigest()
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
            "sha256_of_train": checksum,
        }


def with_validation(train: Split, *, shuffle: bool) -> tuple[Split, Split]:
    """Splits the last 10,000 examples, or a sixth where that is fewer, off the training set.

    Args:
      train: all training examples.
      shuffle: whether to permute them first (always in the same way), as examples sorted by
        class need.
    """
    if shuffle:
        train = train.take(fixed_permutation(len(train)))
    held_out = min(VALIDATION_AT_MOST, len(train) // 6)
    return train.take(slice(0, len(train) - held_out)), train.take(
        slice(len(train) - held_out, None)
    )


def fixed_permutation(size: int) -> np.ndarray:
    """A permutation of 0..size-1 that depends on the size alone, not on a run's seed."""
    # numpy promises that this generator's numbers never change, which it doesn't of the newer ones.
    return np.random.RandomState(size % 2**32).permutation(size)
