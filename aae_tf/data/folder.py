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
    size_of_test,
    size_of_validation,
)
from aae_tf.data.streamed import StreamedImages, check_held_out, must_stream
from aae_tf.errors import DataError, SettingsError
from aae_tf.settings import DataSettings

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
BATCH = 64  # images between TensorFlow and numpy at a time
LEFT_BY_SYSTEMS = ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r")


def load_folder(path: pathlib.Path, settings: DataSettings) -> ImageData:
    """Reads image files: flat, `class/file`, or `split/class/file` as `tfds.ImageFolder` has it.

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
    files, shapes, skipped = _usable(flag, path, settings.skip_broken_images)
    depths = {len(f.relative_to(path).parts) for f in files}
    if not files or len(depths) != 1 or max(depths) > 3:
        raise DataError(
            f"{flag}: {len(files)} images at folder depths {sorted(d - 1 for d in depths)}, "
            f"expected files ({', '.join(IMAGE_ENDINGS)}) all at one: flat, class/, or split/class/"
        )
    depth = depths.pop()
    if depth < 3:
        if len(files) < SMALLEST:
            raise DataError(f"{flag}: {len(files)} images, expected {SMALLEST} or more")
        rows = _split_rows(len(files))
    else:
        rows = _rows_of_named_splits(flag, [f.relative_to(path).parts[0] for f in files])
    framing = Framing(settings.crop_size, settings.image_size)
    shape = _common_shape(flag, files, shapes, framing)
    pixels = math.prod(shape)
    check_held_out(path, pixels * max(len(rows[1]), len(rows[2])))
    streams = must_stream(path, settings.stream, pixels * len(rows[0]))
    images = FolderImages(files, shape, framing)
    class_names = tuple(sorted({f.parent.name for f in files})) if depth > 1 else ()
    numbers = {name: number for number, name in enumerate(class_names)}
    labels = np.array([numbers[f.parent.name] for f in files], np.int64) if class_names else None

    def split(chosen, streamed=False):
        some = images.view(chosen)
        return Split(some if streamed else some[:], None if labels is None else labels[chosen])

    train, validation, test = rows
    return ImageData(
        str(path), split(train, streams), split(validation), split(test), class_names, skipped
    )


def _usable(flag, path, skip_broken) -> tuple[list[pathlib.Path], np.ndarray, tuple[str, ...]]:
    """The image files of a folder, their shapes, and the files that were passed over."""
    everything = sorted(
        f for f in path.rglob("*") if _is_shown(f.relative_to(path)) and f.is_file()
    )
    files = [f for f in everything if f.suffix.lower() in IMAGE_ENDINGS]
    others = [f for f in everything if f.suffix.lower() not in IMAGE_ENDINGS]
    if others and not skip_broken:
        raise DataError(
            f"{flag}: {others[0]}{_and_more(others)} is not an image "
            f"({', '.join(IMAGE_ENDINGS)}); expected images only, or --skip_broken_images"
        )
    shapes = survey(files)
    good = shapes[:, 0] > 0
    broken = [f for f, fine in zip(files, good, strict=True) if not fine]
    if broken and not skip_broken:
        raise DataError(
            f"{flag}: {broken[0]} can't be decoded as an image{_and_more(broken)}; expected "
            "readable images, or --skip_broken_images to do without"
        )
    readable = [f for f, fine in zip(files, good, strict=True) if fine]
    skipped = tuple(str(f.relative_to(path)) for f in sorted(others + broken))
    return readable, shapes[good], skipped


def _is_shown(relative: pathlib.Path) -> bool:
    """Whether a file is one that its owner put there."""
    hidden = any(part.startswith(".") for part in relative.parts)
    return not hidden and relative.name.lower() not in LEFT_BY_SYSTEMS


def _and_more(files) -> str:
    return f" (and {len(files) - 1} more)" if len(files) > 1 else ""


def _split_rows(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, validation and test rows where the folder doesn't say."""
    order = fixed_permutation(size)
    held_out = size_of_test(size)
    return *_without_validation(order[held_out:]), order[:held_out]


def _without_validation(rows: np.ndarray) -> list[np.ndarray]:
    """The rows to train on, and those at the end that are split off for validation."""
    return np.split(rows, [len(rows) - size_of_validation(len(rows))])


def _rows_of_named_splits(flag, names) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    known = {"train": 0, "val": 1, "validation": 1, "test": 2}
    numbers = np.array([known.get(name, -1) for name in names])
    train, validation, test = (np.flatnonzero(numbers == number) for number in range(3))
    if numbers.min() < 0 or len(train) < SMALLEST or not len(test):
        raise DataError(
            f"{flag}: split folders {sorted(set(names))}, expected 'train' (of "
            f"{SMALLEST} images or more) and 'test', and 'validation' if you like"
        )
    if not len(validation):
        train, validation = _without_validation(train[fixed_permutation(len(train))])
    return train, validation, test


def _common_shape(flag, files, shapes: np.ndarray, framing: Framing) -> tuple[int, int, int]:
    """The shape of all images once they are framed; grey among coloured ones become grey RGB."""
    shapes = shapes.copy()
    shapes[:, 2] = shapes[:, 2].max()
    shorter = shapes[:, :2].min(1)
    if shorter.min() < framing.crop:
        expected = f"at most {shorter.min()}, the shorter side of {files[shorter.argmin()]}"
        raise SettingsError("crop_size", framing.crop, expected)
    framed = [framing.shape(shape) for shape in shapes.tolist()]
    for file, shape in zip(files, framed, strict=True):
        if shape != framed[0]:
            raise DataError(
                f"{flag}: {file} is {shape}, the first image {framed[0]}; "
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
