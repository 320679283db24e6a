"""A user's own images in an .npz."""

from __future__ import annotations

import pathlib
import zipfile
import zlib

import numpy as np

from aae_tf.data.arrays import LAYOUT, data_of
from aae_tf.data.images import ImageData
from aae_tf.errors import DataError


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
