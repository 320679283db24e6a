"""What every source of data becomes: three splits of images, in memory or streamed.

Pictures of any size become images of one by TensorFlow alone, so that they are the same to the bit
whether they are read once into memory or again and again by the input pipeline.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf.arrays import is_picture
from aae_tf.data.streamed import StreamedImages, blocks, must_stream, must_stream_held_out
from aae_tf.settings import DataSettings
from aae_tf.settings.fields import without_home
from aae_tf.settings.own import GIVEN, readable_name
from aae_tf.utils import printable, progress_bar

VALIDATION_AT_MOST = 10_000
TEST_AT_MOST = 10_000
IMAGES_PER_BLOCK = 250  # that go through a network at once
BYTES_PER_BLOCK = 2**24  # of float32, at most: 250 images of 64 x 64 x 3 fit
SMALLEST = 30  # examples, so that every split has a few
NARROW = 16 / 255  # of the range of pixels; what spans less is as good as blank
CLASSES_SHOWN = 5


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

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the pixels, the same whether or not they are streamed; '' if unknowable."""
        if not isinstance(self.images, np.ndarray) and not self.images.readable:
            return ""
        total = hashlib.sha256()
        for block in blocks(self.images):
            total.update(np.ascontiguousarray(block))
        return total.hexdigest()

    def take(self, rows) -> Split:
        """The examples at `rows`, a slice or an array of indices."""
        return Split(self.images[rows], None if self.labels is None else self.labels[rows])

    def view(self, rows) -> Split:
        """The examples at `rows`, of which none is read where images are streamed."""
        if isinstance(self.images, StreamedImages):
            labels = None if self.labels is None else self.labels[rows]
            return Split(self.images.view(rows), labels)
        return self.take(rows)

    def intensities(self, rows=slice(None)) -> np.ndarray:
        """float32 images in 0..1."""
        images = self.images[rows]
        return images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 else images

    def blocks(
        self, label: str, rows: np.ndarray | None = None, size: int | None = None
    ) -> Iterator[np.ndarray]:
        """Yields intensities `(size or less, height, width, channels)` in order, beside a bar.

        Args:
          label: of the bar.
          rows: of some of the images; all without it.
          size: images at once; by default as many as `images_at_once` says.
        """
        size = size or images_at_once(self.images.shape[1:])
        starts = range(0, len(self) if rows is None else len(rows), size)
        for start in progress_bar(None, "block", late=True, label=label, over=starts):
            chosen = slice(start, start + size)
            yield self.intensities(chosen if rows is None else rows[chosen])


def images_at_once(
    image_shape: Sequence[int], most: int = IMAGES_PER_BLOCK, most_bytes: int = BYTES_PER_BLOCK
) -> int:
    """How many images of a shape fit in so many bytes of float32; at least one.

    Args:
      image_shape: `(height, width, channels)`.
      most: images.
      most_bytes: of their pixels.
    """
    return max(1, min(most, most_bytes // (4 * math.prod(image_shape))))


def shrunk(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images `(n, *, *, channels)` averaged down to a size; those of that size as they are."""
    if images.shape[1:3] == (height, width):
        return images
    return tf.image.resize(images, (height, width), method="area").numpy()


@dataclasses.dataclass(frozen=True)
class ImageData:
    """A data set: train, validation (for every choice) and test (for the final figures only).

    Args:
      name: as --dataset gave it.
      train: maybe with streamed images.
      validation: maybe streamed as well, where it is large.
      test: likewise; None where data from Python has none.
      class_names: of the labels, where they have names.
      skipped: files that are no readable images and were passed over.
      remarks: what else a user should know of the files, line by line.
      feature_names: of the columns of a table.
    """

    name: str
    train: Split
    validation: Split
    test: Split | None
    class_names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """Training, validation and test images by their names."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in splits.items() if split is not None}

    @property
    def in_python(self) -> bool:
        """Whether it was given in Python, and lies in no file."""
        return self.name.startswith(GIVEN)

    @property
    def flag(self) -> str:
        """How errors begin: with the flag, or with the argument in Python."""
        return self.name.partition(":")[2] if self.in_python else f"--dataset={self.name}"

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.train.images.shape[1:]

    @property
    def num_classes(self) -> int:
        """Classes of the training images; 0 without labels."""
        if self.train.labels is None or not len(self.train):
            return 0
        return max(len(self.class_names), int(self.train.labels.max()) + 1)

    def describe(self) -> dict[str, Any]:
        """What data.json holds: name, image shape, classes, sizes and checksums."""
        skipped = {"skipped_files": len(self.skipped)} if self.skipped else {}
        return {
            "name": without_home(self.name),
            "image_shape": list(self.image_shape),
            "num_classes": self.num_classes,
            "class_names": list(self.class_names),
            "sizes": {name: len(split) for name, split in self.splits.items()},
            **{f"sha256_of_{name}": split.sha256 for name, split in self.splits.items()},
            "sha256_of_labels": {
                name: hashlib.sha256(np.ascontiguousarray(split.labels, "<i8")).hexdigest()
                for name, split in self.splits.items()
                if split.labels is not None
            },
            **skipped,
            **({"feature_names": list(self.feature_names)} if self.feature_names else {}),
        }

    def summary(self) -> str:
        """What was found in a line: how many of what shape, of how many classes, in which split."""
        sizes = {name: len(split) for name, split in self.splits.items()}
        shape = "x".join(map(str, self.image_shape))
        kind = "images" if is_picture(self.image_shape) else "examples"
        said = f"{printable(readable_name(self.name))}: {sum(sizes.values()):,} {kind}, {shape}"
        classes = f", {self.num_classes} classes" if self.num_classes else ""
        return f"{said}{classes}: " + ", ".join(f"{n:,} {name}" for name, n in sizes.items())

    def notes(self) -> list[str]:
        """What a user should know of it, line by line."""
        notes = [*self.remarks, *self._notes_on_classes(), *self._notes_on_range()]
        if isinstance(self.train.images, StreamedImages):
            size = math.prod(self.train.images.shape) / 2**20
            notes.append(f"streams {len(self.train)} images, {size:,.1f} MiB of pixels")
        return [f"{printable(readable_name(self.name))}: {note}" for note in notes]

    def class_label(self, number: int) -> str:
        """The name of a class, or its number."""
        return self.class_names[number] if number < len(self.class_names) else str(number)

    def _notes_on_classes(self) -> Iterator[str]:
        """The classes that a split lacks."""
        if self.train.labels is None or not len(self.train):
            return
        known = self.train.labels[self.train.labels >= 0]
        if not len(known):
            return
        if not self.class_names and (low := int(known.min())) > 0:
            yield f"labels count from 0; yours are {low}..{int(self.train.labels.max())}"
        counts = np.bincount(known, minlength=self.num_classes)
        if self.class_names and not counts.all():
            yield f"no training image of {self._listed(np.flatnonzero(counts == 0))}"
        for name, split in self.splits.items():
            labels = split.labels
            if name != "train" and labels is not None:
                missing = np.setdiff1d(np.flatnonzero(counts), labels)
                if len(missing):
                    yield f"no {name} image of {self._listed(missing, counts)}"

    def _listed(self, classes: np.ndarray, counts: np.ndarray | None = None) -> str:
        shown = []
        for number in classes[:CLASSES_SHOWN].tolist():
            of_training = "" if counts is None else f" ({counts[number]} to train on)"
            shown.append(f"{self.class_label(number)}{of_training}")
        more = len(classes) - len(shown)
        kind = "class" if len(classes) == 1 else "classes"
        return f"{kind} {', '.join(shown)}" + (f" and {more} more" if more else "")

    def _notes_on_range(self) -> Iterator[str]:
        """Pixels that hardly use their range."""
        if not is_picture(self.image_shape):
            return
        shown = [s.images for s in (self.train, self.validation)]
        shown = [images for images in shown if isinstance(images, np.ndarray) and images.size]
        if not shown:
            return
        low, high = min(i.min() for i in shown), max(i.max() for i in shown)
        top = 255 if shown[0].dtype == np.uint8 else 1
        if float(high) - float(low) < NARROW * top:
            yield (
                f"pixels are all in {low:g}..{high:g} of 0..{top}; what is to be white should "
                f"be {top}"
            )


def rows_of_splits(size: int, labels: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Training, validation and test rows where the data don't say.

    Args:
      size: how many images there are.
      labels: `(size,)`, or None.
    """
    order, held_out = fixed_permutation(size), size_of_test(size)
    first = size - size_of_validation(size - held_out)
    return with_every_class(labels, order[held_out:first], order[first:], order[:held_out])


def with_every_class(
    labels: np.ndarray | None, train: np.ndarray, *held_out: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Rows of splits, changed only where a class would have no training image.

    One image of such a class then changes places with the last training image of the class that
    has most of them.

    Args:
      labels: of all images, or None.
      train: rows to train on.
      *held_out: rows of the other splits.
    """
    if labels is None:
        return (train, *held_out)
    counts = np.bincount(labels[train], minlength=int(labels.max()) + 1)
    every = np.bincount(labels, minlength=len(counts))
    missing = np.flatnonzero((counts == 0) & (every > 0))
    if not len(missing):
        return (train, *held_out)
    train, held_out = train.copy(), [rows.copy() for rows in held_out]
    for number in missing:
        places = [np.flatnonzero(labels[rows] == number) for rows in held_out]
        split = max(range(len(places)), key=lambda n: len(places[n]))
        commonest = counts.argmax()
        if not len(places[split]) or counts[commonest] < 2:
            continue
        here, there = np.flatnonzero(labels[train] == commonest)[-1], places[split][0]
        train[here], held_out[split][there] = held_out[split][there], train[here]
        counts[number] += 1
        counts[commonest] -= 1
    return (train, *held_out)


def with_validation(train: Split, *, shuffle: bool) -> tuple[Split, Split]:
    """Splits the last 10,000 examples, or a sixth where that is fewer, off the training set.

    Args:
      train: all training examples.
      shuffle: whether to permute them first (always in the same way), as examples sorted by
        class need.
    """
    if shuffle:
        train = train.view(fixed_permutation(len(train)))
    first = len(train) - size_of_validation(len(train))
    rows = np.arange(len(train))
    some, held_out = with_every_class(train.labels, rows[:first], rows[first:])
    if some.base is not rows:  # it was changed
        return train.view(some), train.view(held_out)
    return train.view(slice(0, first)), train.view(slice(first, None))


def with_splits_in_memory(data: ImageData, stream: str) -> ImageData:
    """The data set with those splits read that are to lie in memory.

    Args:
      data: whose images may be streamed.
      stream: 'auto', 'always' or 'never'.

    Raises:
      DataError: if none is to be streamed, but they are larger than this machine's memory.
    """
    read = {}
    for name, split in data.splits.items():
        images = split.images
        if isinstance(images, StreamedImages):
            size = math.prod(images.shape)
            streams = must_stream if name == "train" else must_stream_held_out
            if not streams(data.name, stream, size):
                read[name] = Split(images[:], split.labels)
    return dataclasses.replace(data, **read)


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


@dataclasses.dataclass(frozen=True)
class Framing:
    """Which square of an image is taken, and what side it is resized to.

    Args:
      crop: side in pixels of the square at the centre; 0 for the image's shorter side if it is to
        be resized, else for all of it.
      size: side in pixels to resize it to; 0 to leave it.
      filter: by which it is resized, a method of tf.image.resize.
    """

    crop: int = 0
    size: int = 0
    filter: str = "bilinear"

    @classmethod
    def of(cls, settings: DataSettings, paper: Framing | None = None) -> Framing:
        """What the settings ask for, else what a data set's paper has."""
        paper = paper or cls()
        chosen = settings.resize_filter
        return cls(
            settings.crop_size or paper.crop,
            settings.image_size or paper.size,
            paper.filter if chosen == "auto" else chosen,
        )

    @property
    def side(self) -> int:
        """The side of what comes out; 0 where images stay as they are."""
        return self.size or self.crop

    def shape(self, original: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what comes of an image `(height, width, channels)`."""
        return (self.side, self.side, original[2]) if self.side else tuple(original)

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Frames one image, uint8 `(height, width, channels)`; no side may be below `crop`."""
        if not self.side:
            return image
        side = self.crop or tf.minimum(tf.shape(image)[0], tf.shape(image)[1])
        image = tf.image.resize_with_crop_or_pad(image, side, side)
        if self.size:
            image = tf.image.resize(image, (self.size, self.size), self.filter, antialias=True)
            image = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
        return image
