"""A user's own images in an .npz."""

from __future__ import annotations

import pathlib
import zipfile
import zlib

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

NPZ_LAYOUT = (
    "arrays 'images' and, if there are any, 'labels'; or 'x_train', 'x_test' and, if there are "
    "any, 'y_train', 'y_test'"
)


def _without_test(name: str, everything: Split, class_names=()) -> ImageData:
    """Splits a seventh off for the test, then validation off the rest."""
    if len(everything) < SMALLEST:
        raise DataError(f"--dataset={name}: {len(everything)} images, expected {SMALLEST} or more")
    everything = everything.take(fixed_permutation(len(everything)))
    held_out = size_of_test(len(everything))
    train, validation = with_validation(everything.take(slice(held_out, None)), shuffle=False)
    return ImageData(name, train, validation, everything.take(slice(0, held_out)), class_names)


def load_npz(path: pathlib.Path) -> ImageData:
    """Reads an .npz without unpickling anything.

    Args:
      path: of a file with arrays 'images' `(n, height, width[, channels])`, uint8 in 0..255 or
        floating point in 0..1, and 'labels' `(n,)`, integers from 0; or the four arrays of Keras's
        mnist.npz, which fix the test split.

    Raises:
      DataError: if the file or one of its arrays is of another kind.
    """
    flag = f"--dataset={path}"
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(f"{flag}: not a readable .npz; expected {NPZ_LAYOUT}")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{flag}: not a readable .npz ({error})") from None
    except ValueError as error:
        if "pickle" not in str(error):
            raise DataError(f"{flag}: not a readable .npz ({error})") from None
        raise DataError(
            f"{flag}: holds Python objects, which are never unpickled; expected {NPZ_LAYOUT}"
        ) from None
    for key, value in arrays.items():
        if not isinstance(value, np.ndarray):
            raise DataError(f"{flag}: '{key}' is not an array; expected {NPZ_LAYOUT}")
    if "images" in arrays:
        return _without_test(str(path), _checked_split(flag, arrays, "images", "labels"))
    if {"x_train", "x_test"} <= set(arrays):
        both = [
            _checked_split(flag, arrays, f"x_{part}", f"y_{part}") for part in ("train", "test")
        ]
        shapes = [split.images.shape[1:] for split in both]
        if shapes[0] != shapes[1] or both[0].images.dtype != both[1].images.dtype:
            raise DataError(f"{flag}: x_train and x_test differ in shape or dtype")
        if len(both[0]) < SMALLEST or not len(both[1]):
            raise DataError(
                f"{flag}: expected {SMALLEST} or more images in x_train, some in x_test"
            )
        train, validation = with_validation(both[0], shuffle=True)
        return ImageData(str(path), train, validation, both[1])
    raise DataError(f"{flag}: has {sorted(arrays) or 'no arrays'}, expected {NPZ_LAYOUT}")


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
