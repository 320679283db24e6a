"""What arrays of images and labels may hold, and what becomes of it: one rule for every file."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aae_tf.arrays.files import Header
from aae_tf.errors import DataError

LAYOUT = "(n, height, width) or (n, height, width, channels)"
FEATURES = "features"  # the array that holds them, of any shape and range
CHANNELS = (1, 3)  # grey, RGB
MOST_CLASSES = 2**15  # numbers of classes size networks and tables
ROUNDING = 1e-6  # by which a float may miss what it stands for
PIXELS = (
    "uint8 (0..255) or floating point (0..1); other integers, and whole floats that go beyond 1, "
    "are taken where they lie in 0..255"
)


def check_layout(flag: str, name: str, header: Header, labels: int | None = None) -> None:
    """Checks the shape and type of images, before any are read.

    Args:
      flag: with its value, as messages begin.
      name: of the array.
      header: of the array.
      labels: how many labels there are, if that is known.

    Raises:
      DataError: if these can't be images, one in each row.
    """
    dtype, shape = header
    held = f"{flag}: '{name}' has shape {shape}"
    if dtype.hasobject or dtype.kind not in "biufc":
        raise DataError(f"{flag}: {no_numbers(name, dtype)}; expected {LAYOUT}")
    if len(shape) not in (3, 4) or 0 in shape:
        raise DataError(f"{held}, expected {LAYOUT}{as_square(shape)}")
    if len(shape) == 4 and shape[3] not in CHANNELS:
        hint = ""
        if shape[1] in CHANNELS:
            hint = f"; channels first? Then '{name}' wants transpose(0, 2, 3, 1)"
        elif shape[2] in CHANNELS:
            hint = f"; images last, as in MATLAB? Then '{name}' wants transpose(3, 0, 1, 2)"
        elif shape[3] in (2, 4):
            hint = f"; one of transparency last? Then '{name}' wants [..., :-1]"
        raise DataError(f"{held}, expected {LAYOUT} with 1 or 3 channels{hint}")
    if len(shape) == 3 and labels not in (None, shape[0]) and labels == shape[2]:
        raise DataError(
            f"{held} beside {labels} labels, expected {LAYOUT}; images last, as in MATLAB? Then "
            f"'{name}' wants transpose(2, 0, 1)"
        )
    if dtype.kind == "c":
        raise DataError(f"{flag}: '{name}' has dtype {dtype}, expected {PIXELS}")


def no_numbers(name: str, dtype: np.dtype) -> str:
    """What is said of an array of anything else."""
    held = "objects, which are never unpickled" if dtype.hasobject else str(dtype)
    return f"'{name}' is no array of numbers but of {held}"


def as_square(shape: Sequence[int]) -> str:
    """How images that were made rows of pixels become images again."""
    if len(shape) != 2:
        return ""
    for channels in CHANNELS:
        side = math.isqrt(shape[1] // channels)
        if side > 1 and side * side * channels == shape[1]:
            back = ", ".join(map(str, (-1, side, side, channels)))
            return f"; rows of pixels? Then reshape({back})"
    return ""


def pixels(flag: str, name: str, images: np.ndarray) -> np.ndarray:
    """Images as they are trained on.

    Args:
      flag: with its value, as messages begin.
      name: of the array.
      images: `(n, height, width[, channels])`, of a layout that was checked.

    Returns:
      uint8 in 0..255 or float32 in 0..1, `(n, height, width, channels)`.

    Raises:
      DataError: if pixels are of another range.
    """
    images = images[..., None] if images.ndim == 3 else images
    if images.dtype == np.uint8:
        return images
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255)
    low, high = images.min(), images.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f"{flag}: '{name}' holds NaN or infinity")
    if images.dtype.kind == "f" and low >= -ROUNDING and high <= 1 + ROUNDING:
        images = images.astype(np.float32)
        return np.clip(images, 0, 1) if low < 0 or high > 1 else images
    if low >= 0 and high <= 255:
        as_bytes = images.astype(np.uint8)
        if images.dtype.kind in "iu" or np.array_equal(as_bytes, images):
            return as_bytes
    raise DataError(
        f"{flag}: '{name}' has dtype {images.dtype} and values in {low:g}..{high:g}, expected "
        f"{PIXELS}"
    )


def check_features(flag: str, name: str, header: Header) -> None:
    """Checks the shape and type of features, before any are read.

    Raises:
      DataError: if these can't be examples, one in each row.
    """
    dtype, shape = header
    if dtype.hasobject or dtype.kind not in "biuf":
        raise DataError(f"{flag}: {no_numbers(name, dtype)}; expected (n, d) or (n, ...)")
    if len(shape) < 2 or 0 in shape:
        raise DataError(f"{flag}: '{name}' has shape {shape}, expected (n, d) or (n, ...)")
    if is_picture(shape[1:]):
        raise DataError(
            f"{flag}: '{name}' has shape {shape}, as images have; expected 'images', or another "
            f"shape, as of reshape({shape[0]}, -1)"
        )


def features(flag: str, name: str, given: np.ndarray) -> np.ndarray:
    """Features as they are trained on: float32 `(n, ...)`, as they were given.

    Args:
      flag: with its value, as messages begin.
      name: of the array.
      given: `(n, ...)`, numbers of any type and range.

    Raises:
      DataError: if some aren't finite in float32.
    """
    with np.errstate(over="ignore"):  # which is told below
        taken = np.ascontiguousarray(given, np.float32)
    flat = taken.reshape(len(taken), -1)
    wrong = np.flatnonzero(~np.isfinite(flat).all(1))
    if len(wrong):
        row = wrong[0]
        column = np.flatnonzero(~np.isfinite(flat[row]))[0]
        raise DataError(
            f"{flag}: '{name}' holds {np.asarray(given).reshape(len(given), -1)[row, column]} in "
            f"row {row}, column {column}; expected finite numbers (fill in or leave out what is "
            "missing)"
        )
    return taken


def are_features(name: str, header: Header) -> bool:
    """Whether an array of a file holds features, no images: by its name, or as rows of numbers."""
    return name == FEATURES or (name != "images" and len(header.shape) == 2)


def is_picture(shape: Sequence[int]) -> bool:
    """Whether an example of this shape is an image `(height, width, 1 or 3)`, else features."""
    return len(shape) == 3 and shape[2] in CHANNELS


def labels(flag: str, name: str, given: np.ndarray, count: int) -> np.ndarray:
    """Labels as they are trained on.

    Args:
      flag: with its value, as messages begin.
      name: of the array.
      given: `(count,)`, `(count, 1)` or MATLAB's `(1, count)`; whole numbers of any type.
      count: of images.

    Returns:
      int64 `(count,)`.

    Raises:
      DataError: if they are other numbers, or there are more or fewer.
    """
    expected = f"expected {count} integers from 0"
    if given.shape not in ((count,), (count, 1), (1, count)) or given.dtype.kind not in "biuf":
        hint = ""
        if given.ndim == 2 and len(given) == count and given.dtype.kind in "biuf":
            hint = f"; a column a class? Then '{name}' wants argmax(1)"
        raise DataError(
            f"{flag}: '{name}' has shape {given.shape} and dtype {given.dtype}, {expected}{hint}"
        )
    given = given.reshape(-1)
    if given.dtype.kind == "f":
        if not np.isfinite(given).all():
            raise DataError(f"{flag}: '{name}' holds NaN or infinity, {expected}")
        whole = np.rint(given)
        wrong = np.flatnonzero(abs(given - whole) > ROUNDING)
        if len(wrong):
            raise DataError(f"{flag}: '{name}' holds {given[wrong[0]]:g}, {expected}")
        given = whole
    # Compared as Python's integers, for which none is too large.
    check_range(flag, f"'{name}'", int(given.min()), int(given.max()), expected)
    return given.astype(np.int64)


def check_range(flag: str, name: str, low: int, high: int, expected: str) -> None:
    """Checks that labels can be class numbers, before anything is sized by them.

    Raises:
      DataError: if not.
    """
    if low < 0 or high >= MOST_CLASSES:
        shown = "..".join(str(n) if abs(n) < 10**15 else f"{float(n):.4g}" for n in (low, high))
        raise DataError(
            f"{flag}: {name}: labels count from 0; yours are {shown}, {expected} to "
            f"{MOST_CLASSES - 1} at most"
        )
