"""A user's own images in a folder of files, read into memory or streamed."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from aae_tf.data.images import (
    SMALLEST,
    Framing,
    ImageData,
    Split,
    decode,
    fixed_permutation,
    rows_of_splits,
    size_of_validation,
    with_every_class,
)
from aae_tf.data.listing import (
    IMAGE_ENDINGS,
    TEST,
    TRAIN,
    VALIDATION,
    Listing,
    layout,
    list_files,
)
from aae_tf.data.streamed import StreamedImages, check_held_out, must_stream
from aae_tf.errors import DataError, SettingsError
from aae_tf.settings import DataSettings
from aae_tf.utils import printable

BATCH = 64  # images between TensorFlow and numpy at a time


def load_folder(path: pathlib.Path, settings: DataSettings) -> ImageData:
    """Reads image files: flat, `class/file`, `split/file`, or `split/class/file`.

    The last is `tfds.ImageFolder`'s layout.

    Every file is decoded once before anything else, so that no run ends at a broken one.

    Args:
      path: of the folder.
      settings: how images are cropped and resized, what becomes of files that are no images, and
        whether training images are streamed.

    Raises:
      DataError: if there are too few images, one can't be read, or sizes differ.
      SettingsError: if an image is smaller than the crop.
    """
    flag = f"--dataset={path}"
    listing = list_files(flag, path)
    files, shapes, broken = _readable(flag, listing, settings.skip_broken_images)
    splits, classes = layout(flag, path, files)
    class_names = sorted(set(classes)) if classes else []
    labels = None
    if classes:
        numbers = {name: number for number, name in enumerate(class_names)}
        labels = np.array([numbers[name] for name in classes], np.int64)
    if splits is None:
        if len(files) < SMALLEST:
            raise DataError(f"{flag}: {len(files)} images, expected {SMALLEST} or more")
        rows = rows_of_splits(len(files), labels)
    else:
        rows = _rows_of_named_splits(flag, np.array(splits), labels)
    framing = Framing(settings.crop_size, settings.image_size)
    shape = _common_shape(flag, files, shapes, framing)
    pixels = math.prod(shape)
    check_held_out(path, pixels * max(len(rows[1]), len(rows[2])))
    streams = must_stream(path, settings.stream, pixels * len(rows[0]))
    images = FolderImages(files, shape, framing)

    def split(chosen, streamed=False):
        some = images.view(chosen)
        return Split(some if streamed else some[:], None if labels is None else labels[chosen])

    train, validation, test = rows
    return ImageData(
        str(path),
        split(train, streams),
        split(validation),
        split(test),
        tuple(map(printable, class_names)),
        tuple(str(file.relative_to(path)) for file in sorted([*listing.others, *broken])),
        tuple(listing.note(files, broken)),
    )


def _readable(
    flag: str, listing: Listing, skip_broken: bool
) -> tuple[list[pathlib.Path], np.ndarray, list[pathlib.Path]]:
    """The images that can be decoded, their shapes, and those that can't be."""
    files, others = listing.images, listing.others
    if others and not skip_broken:
        raise DataError(
            f"{flag}: {printable(others[0])}{_and_more(others)} is not an image "
            f"({', '.join(IMAGE_ENDINGS)}), beside {len(files)} images: {listing.kinds()}; "
            "expected images only, or --skip_broken_images"
        )
    shapes = survey(files)
    good = shapes[:, 0] > 0
    broken = [f for f, fine in zip(files, good, strict=True) if not fine]
    if broken and not skip_broken:
        raise DataError(
            f"{flag}: {printable(broken[0])} can't be decoded as an image{_and_more(broken)}; "
            "expected readable images, or --skip_broken_images to do without"
        )
    return [f for f, fine in zip(files, good, strict=True) if fine], shapes[good], broken


def _and_more(files) -> str:
    return f" (and {len(files) - 1} more)" if len(files) > 1 else ""


def _rows_of_named_splits(flag, numbers, labels) -> tuple[np.ndarray, ...]:
    train, validation, test = (np.flatnonzero(numbers == n) for n in (TRAIN, VALIDATION, TEST))
    if len(train) < SMALLEST or not len(test):
        sizes = {"train": len(train), "validation": len(validation), "test": len(test)}
        found = [f"{name} of {size}" for name, size in sizes.items() if size]
        raise DataError(
            f"{flag}: split folders {found}, expected 'train' (of {SMALLEST} images or more) and "
            "'test', and 'validation' if you like"
        )
    if not len(validation):
        train = train[fixed_permutation(len(train))]
        first = len(train) - size_of_validation(len(train))
        train, validation = with_every_class(labels, train[:first], train[first:])
    return train, validation, test


def _common_shape(flag, files, shapes: np.ndarray, framing: Framing) -> tuple[int, int, int]:
    """The shape of all images once they are framed; grey among coloured ones become grey RGB."""
    shapes = shapes.copy()
    shapes[:, 2] = shapes[:, 2].max()
    shorter = shapes[:, :2].min(1)
    if shorter.min() < framing.crop:
        expected = (
            f"at most {shorter.min()}, the shorter side of {printable(files[shorter.argmin()])}"
        )
        raise SettingsError("crop_size", framing.crop, expected)
    framed = [framing.shape(shape) for shape in shapes.tolist()]
    for file, shape in zip(files, framed, strict=True):
        if shape != framed[0]:
            raise DataError(
                f"{flag}: {printable(file)} is {shape}, the first image {framed[0]}; "
                "expected one size, or --image_size to bring them to it"
            )
    return framed[0]


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
    surveyed = _in_order(numbered, shape_of).ignore_errors().batch(BATCH)
    for numbers, some in surveyed.as_numpy_iterator():
        shapes[numbers] = some
    return shapes


def _in_order(dataset: tf.data.Dataset, function) -> tf.data.Dataset:
    return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
