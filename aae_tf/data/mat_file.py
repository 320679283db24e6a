"""A user's own images in a MATLAB file, such as the Toronto Face Database's TFD_48x48.mat."""

from __future__ import annotations

import pathlib

import numpy as np

from aae_tf.data.arrays import LAYOUT, NAMES, data_of
from aae_tf.data.images import ImageData
from aae_tf.errors import DataError


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
            there = [name for name, *_ in whosmat(file)]
            file.seek(0)
            found = loadmat(file, variable_names=NAMES)
    except NotImplementedError:
        expected = "one of version 7 or older, as save -v7 writes"
        raise DataError(f"{flag}: a .mat of version 7.3, expected {expected}") from None
    except Exception as error:  # scipy raises many kinds for what isn't such a file
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"{flag}: not a readable .mat ({reason}); expected {LAYOUT}") from None
    if not {"images", "x_train"} & set(there):
        raise DataError(f"{flag}: has {sorted(there) or 'no arrays'}, expected {LAYOUT}")
    arrays = {}
    for key, value in found.items():
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
    if whole:
        return value.astype(np.int64)
    return value
