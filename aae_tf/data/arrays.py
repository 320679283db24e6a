"""A user's own arrays of images as a data set: which of them are what, and the splits."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable

import numpy as np

from aae_tf.arrays import ArrayFile, is_picture, open_arrays, tables, values
from aae_tf.data.images import (
    SMALLEST,
    ImageData,
    Split,
    rows_of_splits,
    with_splits_in_memory,
    with_validation,
)
from aae_tf.data.streamed import HELD_OUT_IN_MEMORY, FileImages, StreamedImages
from aae_tf.errors import DataError, SettingsError
from aae_tf.utils import printable

LAYOUT = (
    "arrays 'images' or 'features' and, if there are any, 'labels'; or 'x_train', 'x_test' and, if "
    "there are any, 'y_train', 'y_test'"
)
# The Toronto Face Database's file has these names and numbers, one column for each of its folds
# (so the loader of pylearn2 reads it).
FOLDS, CLASSES = "folds", "labs_ex"
UNLABELLED, TRAIN, VALIDATION, TEST = range(4)
NAMES_SHOWN = 8

Reader = Callable[[str, str], Split]  # by the names of images and labels


def load_arrays(path: pathlib.Path, stream: str = "auto") -> ImageData:
    """Reads an .npz, an .npy of images alone, or a .mat; nothing in it is unpickled.

    An .npz or .mat has 'images' `(n, height, width[, channels])` and, if there are any, 'labels'
    `(n,)`; or the four arrays of Keras's mnist.npz, which fix the test split; or the Toronto Face
    Database's 'images', 'folds' and 'labs_ex', of which the first fold fixes all splits. Other
    arrays aren't read.

    Args:
      path: of the file, which its ending says the kind of.
      stream: as the setting has it; what can be streamed are bytes that aren't packed.

    Raises:
      DataError: if the file or one of its arrays is of another kind.
      SettingsError: if it is to be streamed and can't.
    """
    flag = f"--dataset={path}"
    with open_arrays(flag, path) as file:
        data = _read_arrays(path, flag, file, stream)
    if stream == "always" and not isinstance(data.train.images, StreamedImages):
        expected = "auto or never for an array that is packed or no bytes (uint8), which is read"
        raise SettingsError("stream", stream, f"{expected} into memory as a whole")
    return with_splits_in_memory(data, stream)


def _read_arrays(path: pathlib.Path, flag: str, file: ArrayFile, stream: str) -> ImageData:
    def read(images_name: str, labels_name: str) -> Split:
        return _read_split(path, flag, file, images_name, labels_name, stream)

    name = str(path)
    if file.names == ("",):
        return _without_test(name, flag, file, read, "", "")
    if {"images", FOLDS} <= set(file.names):
        return _by_folds(name, flag, file, read)
    if values.FEATURES in file.names:
        return _without_test(name, flag, file, read, values.FEATURES, "labels")
    if "images" in file.names:
        return _without_test(name, flag, file, read, "images", "labels")
    if {"x_train", "x_test"} <= set(file.names):
        return _with_test(name, flag, file, read)
    raise DataError(f"{flag}: has {_listed(file.names) or 'no arrays'}, expected {LAYOUT}")


def load_table(path: pathlib.Path, label_column: str) -> ImageData:
    """Reads a `.csv` or `.parquet`, whose numeric columns are features; splits as `load_arrays`.

    Args:
      path: of the file.
      label_column: see `tables.read_table`.
    """
    flag = f"--dataset={path}"
    table = tables.read_table(path, label_column)
    if len(table.features) < SMALLEST:
        raise DataError(f"{flag}: {len(table.features)} rows, expected {SMALLEST} or more")
    everything = Split(values.features(flag, "its columns", table.features), table.labels)
    remarks = [f"columns that aren't read: {_listed(table.left)}"] if table.left else []
    splits = map(everything.take, rows_of_splits(len(everything), table.labels))
    names = {"class_names": table.class_names, "feature_names": table.names}
    return ImageData(str(path), *splits, remarks=tuple(remarks), **names)


def _listed(names) -> str:
    """The names of arrays, of many the first."""
    held = [printable(name) for name in sorted(names)]
    shown = f"{held[:NAMES_SHOWN]}" if held else ""
    return shown + (f" and {len(held) - NAMES_SHOWN} more" if len(held) > NAMES_SHOWN else "")


def _remarks(file: ArrayFile, images: np.ndarray, *names: str) -> tuple[str, ...]:
    """What a user should know of the file: arrays that aren't read, and a layout of two meanings.

    Args:
      file: that was read.
      images: `(n, height, width, channels)` of it.
      *names: of the arrays that were read, or would have been.
    """
    remarks = []
    if others := set(file.names) - {"", *names}:
        remarks.append(f"arrays that aren't read: {_listed(others)}")
    if not is_picture(images.shape[1:]):
        hint = values.as_square(images.shape)
        return (*remarks, f"features of shape {images.shape[1:]}{hint}")
    size, height, width, channels = images.shape
    if size == height != width and channels == 1:
        remarks.append(
            f"taken as {size} images of {height} x {width} pixels; if they are {width} images of "
            f"{size} x {height}, expected these to come first"
        )
    return tuple(remarks)


def _read_split(
    path: pathlib.Path, flag: str, file: ArrayFile, images_name: str, labels_name: str, stream: str
) -> Split:
    held = file.header(images_name)
    shown = images_name or "images"
    of_features = values.are_features(images_name, held)

    def images():
        large = math.prod(held.shape) > HELD_OUT_IN_MEMORY or stream == "always"
        start = file.position(images_name) if large and held.dtype == np.uint8 else None
        if start is not None and not of_features:
            shape = held.shape[1:] if len(held.shape) == 4 else (*held.shape[1:], 1)
            return FileImages(path, shape, held.shape[0], start)
        take = values.features if of_features else values.pixels
        return take(flag, shown, file.read(images_name))

    if labels_name not in file.names or not images_name:
        if of_features:
            values.check_features(flag, shown, held)
        else:
            values.check_layout(flag, shown, held)
        return Split(images())
    classes = file.header(labels_name)
    if classes.dtype.kind not in "biuf":
        is_none = values.no_numbers(labels_name, classes.dtype)
        raise DataError(f"{flag}: {is_none}; expected integers from 0, one an image")
    if of_features:
        values.check_features(flag, shown, held)
    else:
        values.check_layout(flag, shown, held, max(classes.shape, default=0))
    labels = values.labels(flag, labels_name, file.read(labels_name), held.shape[0])
    return Split(images(), labels)


def _without_test(
    name: str, flag: str, file: ArrayFile, read: Reader, images_name: str, labels_name: str
) -> ImageData:
    """Splits a seventh off for the test, then validation off the rest."""
    everything = read(images_name, labels_name)
    size = len(everything)
    remarks = _remarks(file, everything.images, images_name, labels_name)
    if size < SMALLEST:
        hint = f"; {remarks[-1]}" if remarks and remarks[-1].startswith("taken as") else ""
        raise DataError(f"{flag}: {size} images, expected {SMALLEST} or more{hint}")
    splits = map(everything.view, rows_of_splits(size, everything.labels))
    return ImageData(name, *splits, remarks=remarks)


def _with_test(name: str, flag: str, file: ArrayFile, read: Reader) -> ImageData:
    train, test = read("x_train", "y_train"), read("x_test", "y_test")
    if train.images.shape[1:] != test.images.shape[1:] or train.images.dtype != test.images.dtype:
        raise DataError(f"{flag}: x_train and x_test differ in shape or dtype")
    if len(train) < SMALLEST:
        raise DataError(f"{flag}: {len(train)} images in x_train, expected {SMALLEST} or more")
    remarks = _remarks(file, train.images, "x_train", "y_train", "x_test", "y_test")
    return ImageData(name, *with_validation(train, shuffle=True), test, remarks=remarks)


def _by_folds(name: str, flag: str, file: ArrayFile, read: Reader) -> ImageData:
    """The splits of the first fold; images without a label are trained on as well."""
    everything = read("images", "labels")
    folds = given = _numbers(flag, file, FOLDS)
    if folds.shape == (1, len(everything)):  # MATLAB's row
        folds = folds.reshape(-1)
    folds = folds.reshape(len(folds), -1) if folds.ndim and folds.size else folds[None, None]
    known = np.isin(folds, (UNLABELLED, TRAIN, VALIDATION, TEST))
    if len(folds) != len(everything) or not known.all():
        raise DataError(
            f"{flag}: 'folds' has shape {given.shape}, expected {len(everything)} rows of "
            "0 (unlabelled), 1 (train), 2 (validation) or 3 (test)"
        )
    if everything.labels is None and CLASSES in file.names:
        classes = _numbers(flag, file, CLASSES).reshape(-1)
        if len(classes) != len(everything):
            raise DataError(
                f"{flag}: 'labs_ex' has {len(classes)} labels for {len(everything)} images"
            )
        # They count from 1, and those that aren't known are below; labels are for all or for none.
        if (classes >= 1).all():
            labels = values.labels(flag, CLASSES, classes, len(everything))
            everything = Split(everything.images, labels - 1)
    first = folds[:, 0]
    train, validation, test = (
        everything.view(np.flatnonzero(np.isin(first, kinds)))
        for kinds in ((UNLABELLED, TRAIN), (VALIDATION,), (TEST,))
    )
    if len(train) < SMALLEST or not len(validation) or not len(test):
        raise DataError(
            f"{flag}: 'folds' gives {len(train)} training, {len(validation)} validation and "
            f"{len(test)} test images, expected {SMALLEST} or more to train on and some of each"
        )
    remarks = _remarks(file, everything.images, "images", "labels", FOLDS, CLASSES)
    return ImageData(name, train, validation, test, remarks=remarks)


def _numbers(flag: str, file: ArrayFile, name: str) -> np.ndarray:
    dtype = file.header(name).dtype
    if dtype.kind not in "biuf":
        raise DataError(f"{flag}: {values.no_numbers(name, dtype)}; expected whole ones")
    return file.read(name)
