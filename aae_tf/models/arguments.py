"""What is given in Python, as settings, objects and splits."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aae_tf.arrays import is_picture, values
from aae_tf.arrays.files import Header
from aae_tf.errors import DataError
from aae_tf.settings import Settings
from aae_tf.settings.own import GIVEN

if TYPE_CHECKING:
    from aae_tf.data import ImageData, Split

NETWORKS = ("encoder", "decoder", "discriminator")
NAME = f"{GIVEN}:x"  # of data that was given


def settings_and_objects(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values by flag name, and the objects among them by the names that stand for them.

    Args:
      given: by keyword; None is as if it weren't there.
    """
    flags: dict[str, Any] = {}
    objects: dict[str, Any] = {}
    for key, value in given.items():
        if value is None:
            continue
        flag = key
        if key in NETWORKS and not isinstance(value, str):
            flag = f"{key}_network"
        if isinstance(value, (str, bool, int, float)):
            flags[flag] = str(value) if key == "num_labels" else value
        elif isinstance(value, np.generic):
            flags[flag] = value.item()
        elif isinstance(value, (tuple, list)):
            flags[flag] = tuple(value)
        else:
            flags[flag] = _name_of(key, value)
            objects[key] = value
    return flags, objects


def _name_of(key: str, value: Any) -> str:
    """The name by which an object can be imported, or one that stands for it."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if module and module != "__main__" and name.isidentifier():
        try:
            if getattr(importlib.import_module(module), name, None) is value:
                return f"{module}:{name}"
        except ImportError:
            pass
    return f"{GIVEN}:{key}"


def as_split(
    x: Any, y: Any, shape: tuple[int, ...] | None = None, class_names: tuple[str, ...] = ()
) -> Split:
    """Examples and labels as a split.

    Args:
      x: `(n, ...)`, or a Dataset of batches of such with an end.
      y: `(n,)`, or None.
      shape: that an example is to have; None for any.
      class_names: that y may hold.

    Raises:
      DataError: if x or y can't be used.
    """
    from aae_tf.data import Split

    if _is_dataset(x):
        from aae_tf.models import datasets

        x, y = datasets.read(x) if y is None else (datasets.read(x)[0], y)
    images = _examples(x, shape)
    return Split(images, None if y is None else labels(y, len(images), class_names))


def _is_dataset(x: Any) -> bool:
    return hasattr(x, "element_spec") and hasattr(x, "cardinality")


def _examples(x: Any, shape: tuple[int, ...] | None) -> np.ndarray:
    array = np.asarray(x)
    if array.dtype == object or array.dtype.kind not in "biuf":
        raise DataError(f"x: dtype {array.dtype}, expected an array of numbers (n, ...)")
    if array.ndim < 2 or 0 in array.shape[1:]:
        raise DataError(f"x: shape {array.shape}, expected (n, d), or images (n, height, width)")
    if shape is not None:
        if array.shape[1:] == shape[:-1] and is_picture(shape) and shape[2] == 1:
            array = array[..., None]
        if array.shape[1:] != shape:
            raise DataError(f"x: shape {array.shape}, expected (n, {', '.join(map(str, shape))})")
        if not len(array):
            return np.zeros((0, *shape), np.float32)
        return values.pixels("x", "x", array) if is_picture(shape) else _features(array)
    if not len(array):
        raise DataError("x: no examples, expected some")
    if _looks_like_pictures(array):
        return values.pixels("x", "x", array)
    if array.ndim > 2 and array.dtype == np.uint8:  # another layout of images, most likely
        values.check_layout("x", "x", Header(array.dtype, array.shape))
    taken = _features(array)
    return taken[..., 0] if is_picture(taken.shape[1:]) and taken.shape[3] == 1 else taken


def _features(array: np.ndarray) -> np.ndarray:
    return values.features("x", "x", array)


def _looks_like_pictures(array: np.ndarray) -> bool:
    """Whether examples are images: by their shape and range."""
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in values.CHANNELS):
        return False
    if array.dtype == np.uint8 or array.dtype == bool:
        return True
    low, high = array.min(), array.max()
    return bool(low >= -values.ROUNDING and high <= 1 + values.ROUNDING)


def labels(y: Any, count: int, names: tuple[str, ...] = ()) -> np.ndarray:
    """Labels as int64 `(count,)`; -1 stays.

    Args:
      y: whole numbers, or words of `names`.
      count: of examples.
      names: of the classes, where they have names.

    Raises:
      DataError: if they are of another kind, or there are more or fewer.
    """
    given = np.asarray(y)
    if given.dtype.kind in "US" or (given.dtype == object and names):
        numbers = {name: number for number, name in enumerate(names)}
        unknown = [word for word in given.ravel().tolist() if word not in numbers]
        if unknown:
            expected = f"of {', '.join(names[:8])}" if names else "whole numbers"
            raise DataError(f"y: {unknown[0]!r}, expected {expected}")
        given = np.array([numbers[word] for word in given.ravel().tolist()], np.int64)
    if given.shape[:1] != (count,):
        raise DataError(f"y: shape {given.shape}, expected ({count},), a label for each example")
    if given.dtype.kind in "if" and count and given.min() == -1:
        shifted = values.labels("y", "y", given + 1, count)
        return shifted - 1
    return values.labels("y", "y", given, count) if count else np.zeros(0, np.int64)


def only(split: Split, class_names: tuple[str, ...]) -> ImageData:
    """A data set of nothing but examples that were given."""
    from aae_tf.data import ImageData

    return ImageData(NAME, split, split, None, class_names)


def data_of(settings: Settings) -> ImageData:
    """The data that a run was trained on.

    Raises:
      DataError: if it was given in Python.
    """
    from aae_tf.data import load

    return load(settings.data)


def remove(folder: str) -> None:
    """Removes a folder that nobody needs any more."""
    shutil.rmtree(folder, ignore_errors=True)
