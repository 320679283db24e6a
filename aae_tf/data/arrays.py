"""A user's own arrays of images, from an .npz or a .mat."""

from __future__ import annotations

import pathlib
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from aae_tf.data.images import (
    SMALLEST,
    ImageData,
    Split,
    fixed_permutation,
    size_of_test,
    with_validation,
)
from aae_tf.errors import DataError

LAYOUT = (
    "arrays 'images' and, if there are any, 'labels'; or 'x_train', 'x_test' and, if there are "
    "any, 'y_train', 'y_test'"
)
# The Toronto Face Database's file has these names and numbers, one column for each of its folds
# (so the loader of pylearn2 reads it).
FOLDS, CLASSES = "folds", "labs_ex"
UNLABELLED, TRAIN, VALIDATION, TEST = range(4)
NAMES = ("images", "labels", "x_train", "y_train", "x_test", "y_test", FOLDS, CLASSES)


def load_npz(path: pathlib.Path) -> ImageData:
    """Reads an .npz without unpickling anything.

    Args:
      path: of a file with the arrays that `data_of` takes.

    Raises:
      DataError: if the file or one of its arrays is of another kind.
    """
    flag = f"--dataset={path}"
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(f"{flag}: not a readable .npz; expected {LAYOUT}")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{flag}: not a readable .npz ({error})") from None
    except ValueError as error:
        if "pickle" not in str(error):
            raise DataError(f"{flag}: not a readable .npz ({error})") from None
        raise DataError(
            f"{flag}: holds Python objects, which are never unpickled; expected {LAYOUT}"
        ) from None
    for key, value in arrays.items():
        if not isinstance(value, np.ndarray):
            raise DataError(f"{flag}: '{key}' is not an array; expected {LAYOUT}")
    return data_of(str(path), arrays)


def load_mat(path: pathlib.Path) -> ImageData:
    """Reads a .mat of MATLAB's versions 4 to 7; nothing in it is code or is unpickled.

    Args:
      path: of a file with the arrays that `data_of` takes. MATLAB's rows and columns of labels
        become vectors, and whole numbers in floating point integers.

    Raises:
      DataError: if the file or one of its arrays is of another kind.
    """
    from scipy.io import loadmat, whosmat

    flag = f"--dataset={path}"
    try:
        with open(path, "rb") as file:
            names = [name for name, *_ in whosmat(file)]
            file.seek(0)
            content = loadmat(file, variable_names=NAMES)
    except NotImplementedError:
        expected = "one of version 7 or older, as save -v7 writes"
        raise DataError(f"{flag}: a .mat of version 7.3, expected {expected}") from None
    except Exception as error:  # scipy raises many kinds for what isn't such a file
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"{flag}: not a readable .mat ({reason}); expected {LAYOUT}") from None
    if not {"images", "x_train"} & set(names):
        raise DataError(f"{flag}: has {sorted(names) or 'no arrays'}, expected {LAYOUT}")
    arrays = {}
    for key, value in content.items():
        if key.startswith("__"):
            continue
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            raise DataError(f"{flag}: '{key}' is no array of numbers; expected {LAYOUT}")
        is_images = key in ("images", "x_train", "x_test")
        # MATLAB stores the first dimension densest.
        arrays[key] = np.ascontiguousarray(value) if is_images else _labels(value)
    return data_of(str(path), arrays)


def _labels(value: np.ndarray) -> np.ndarray:
    if value.ndim == 2 and 1 in value.shape:
        value = value.reshape(-1)
    whole = value.dtype.kind == "f" and np.isfinite(value).all() and (value == np.rint(value)).all()
    return value.astype(np.int64) if whole else value


def data_of(name: str, arrays: Mapping[str, np.ndarray]) -> ImageData:
    """The data set of some arrays.

    Args:
      name: as --dataset gave it.
      arrays: 'images' `(n, height, width[, channels])`, uint8 in 0..255 or floating point in 0..1,
        and 'labels' `(n,)`, integers from 0; or the four arrays of Keras's mnist.npz, which fix the
        test split; or the Toronto Face Database's 'images', 'folds' and 'labs_ex', of which the
        first fold fixes all splits.

    Raises:
      DataError: if an array is of another kind.
    """
    flag = f"--dataset={name}"
    if "images" in arrays and FOLDS in arrays:
        return _by_folds(name, flag, arrays)
    if "images" in arrays:
        return _without_test(name, _checked_split(flag, arrays, "images", "labels"))
    if {"x_train", "x_test"} <= set(arrays):
        train = _checked_split(flag, arrays, "x_train", "y_train")
        test = _checked_split(flag, arrays, "x_test", "y_test")
        same_shape = train.images.shape[1:] == test.images.shape[1:]
        if not same_shape or train.images.dtype != test.images.dtype:
            raise DataError(f"{flag}: x_train and x_test differ in shape or dtype")
        if len(train) < SMALLEST:
            raise DataError(f"{flag}: {len(train)} images in x_train, expected {SMALLEST} or more")
        return ImageData(name, *with_validation(train, shuffle=True), test)
    raise DataError(f"{flag}: has {sorted(arrays) or 'no arrays'}, expected {LAYOUT}")


def _without_test(name: str, everything: Split, class_names=()) -> ImageData:
    """Splits a seventh off for the test, then validation off the rest."""
    if len(everything) < SMALLEST:
        raise DataError(f"--dataset={name}: {len(everything)} images, expected {SMALLEST} or more")
    everything = everything.take(fixed_permutation(len(everything)))
    held_out = size_of_test(len(everything))
    train, validation = with_validation(everything.take(slice(held_out, None)), shuffle=False)
    return ImageData(name, train, validation, everything.take(slice(0, held_out)), class_names)


def _by_folds(name: str, flag: str, arrays) -> ImageData:
    """The splits of the first fold; images without a label are trained on as well."""
    everything = _checked_split(flag, arrays, "images", "labels")
    folds = arrays[FOLDS]
    folds = folds.reshape(len(folds), -1) if folds.ndim else folds[None, None]
    known = np.isin(folds, (UNLABELLED, TRAIN, VALIDATION, TEST))
    if len(folds) != len(everything) or not folds.shape[1] or not known.all():
        raise DataError(
            f"{flag}: 'folds' has shape {arrays[FOLDS].shape}, expected {len(everything)} rows of "
            "0 (unlabelled), 1 (train), 2 (validation) or 3 (test)"
        )
    if everything.labels is None and CLASSES in arrays:
        classes = arrays[CLASSES].reshape(-1)
        if len(classes) != len(everything):
            raise DataError(
                f"{flag}: 'labs_ex' has {len(classes)} labels for {len(everything)} images"
            )
        # They count from 1, and those that aren't known are below; labels are for all or for none.
        if (classes >= 1).all():
            everything = Split(everything.images, classes.astype(np.int64) - 1)
    first = folds[:, 0]
    train, validation, test = (
        everything.take(np.flatnonzero(np.isin(first, kinds)))
        for kinds in ((UNLABELLED, TRAIN), (VALIDATION,), (TEST,))
    )
    if len(train) < SMALLEST or not len(validation) or not len(test):
        raise DataError(
            f"{flag}: 'folds' gives {len(train)} training, {len(validation)} validation and "
            f"{len(test)} test images, expected {SMALLEST} or more to train on and some of each"
        )
    return ImageData(name, train, validation, test)


def _checked_split(flag: str, arrays, images_key: str, labels_key: str) -> Split:
    images = arrays[images_key]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape:
        raise DataError(
            f"{flag}: '{images_key}' has shape {arrays[images_key].shape}, expected "
            "(n, height, width) or (n, height, width, channels)"
        )
    if images.dtype.kind == "f":
        if not np.isfinite(images).all():
            raise DataError(f"{flag}: '{images_key}' holds NaN or infinity")
        if images.min() < 0 or images.max() > 1:
            raise DataError(
                f"{flag}: '{images_key}' has values in {images.min():g}..{images.max():g}, "
                "expected 0..1 for floating point"
            )
        images = images.astype(np.float32)
    elif images.dtype != np.uint8:
        raise DataError(
            f"{flag}: '{images_key}' has dtype {images.dtype}, expected uint8 (0..255) or "
            "floating point (0..1)"
        )
    labels = arrays.get(labels_key)
    if labels is not None:
        if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise DataError(
                f"{flag}: '{labels_key}' has shape {labels.shape} and dtype {labels.dtype}, "
                f"expected {len(images)} integers from 0"
            )
        labels = labels.astype(np.int64)
    return Split(images, labels)
