"""A user's own images in a folder of files, read into memory or streamed."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from aae_tf.data.decoding import decode_file, with_channels
from aae_tf.data.images import (
    SMALLEST,
    Framing,
    ImageData,
    Split,
    fixed_permutation,
    rows_of_splits,
    size_of_validation,
    with_every_class,
    with_splits_in_memory,
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
from aae_tf.data.streamed import StreamedImages
from aae_tf.errors import DataError, SettingsError
from aae_tf.settings import DataSettings
from aae_tf.utils import printable

BATCH = 64  # images that are read ahead at most


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
    framing = Framing.of(settings)
    shape = _common_shape(flag, files, shapes, framing)
    everything = Split(FolderImages(files, shape, framing), labels)
    data = ImageData(
        str(path),
        *map(everything.view, rows),
        tuple(map(printable, class_names)),
        tuple(str(file.relative_to(path)) for file in sorted([*listing.others, *broken])),
        tuple(listing.note(files, broken)),
    )
    return with_splits_in_memory(data, settings.stream)


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
    shapes, refused = survey(files)
    good = shapes[:, 0] > 0
    broken = list(refused)
    if broken and not skip_broken:
        raise DataError(
            f"{flag}: {printable(broken[0])} can't be decoded as an image "
            f"({refused[broken[0]]}){_and_more(broken)}; expected readable images, or "
            "--skip_broken_images to do without"
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
        self._fitted = tf.function(self._framed, [tf.TensorSpec([None] * 3, tf.uint8)])

    def serve(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        size, sources = batches.element_spec.shape[0], tf.constant(self._rows)

        def with_images(rows):
            images = tf.numpy_function(self._read, [tf.gather(sources, rows)], tf.uint8)
            return rows, tf.ensure_shape(images, (size, *self._image_shape))

        return batches.map(with_images, num_parallel_calls=2, deterministic=True)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *self._image_shape), np.uint8)
        for image, read in zip(images, _in_threads(self._image_of_row, rows), strict=True):
            image[:] = read
        return images

    def _image_of_row(self, row):
        file = pathlib.Path(os.fsdecode(self._files[row]))
        try:
            return self._fitted(decode_file(file)).numpy()
        except (DataError, tf.errors.InvalidArgumentError) as error:
            raise DataError(f"{file}; {error}") from None

    def _framed(self, image):
        image = with_channels(self._framing(image), self._image_shape[-1])
        return tf.ensure_shape(image, self._image_shape)


def survey(files: Sequence[pathlib.Path]) -> tuple[np.ndarray, dict[pathlib.Path, str]]:
    """Decodes every file once, to know what it holds.

    Returns:
      Height, width and channels (1 or 3) of each, int64 `(len(files), 3)`, zeros for a file that
      can't be read or decoded; and by such a file why not.
    """
    refused = {}

    def shape_of(file):
        try:
            return tuple(decode_file(file).shape)
        except DataError as error:
            refused[file] = str(error)
            return 0, 0, 0

    shapes = list(_in_threads(shape_of, files))
    return np.array(shapes, np.int64).reshape(len(files), 3), dict(sorted(refused.items()))


def _in_threads(function: Callable, inputs: Sequence) -> Iterator:
    """What the function gives of each, in order, a few at a time and on the CPU."""

    def on_cpu(each):
        with tf.device("CPU:0"):
            return function(each)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(inputs), BATCH):
            yield from threads.map(on_cpu, inputs[start : start + BATCH])
