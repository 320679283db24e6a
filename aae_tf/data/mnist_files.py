"""The MNIST that travels in the package (see mnist/ORIGIN.md for origin and licence)."""

from __future__ import annotations

import gzip
import hashlib
import pathlib
import zlib

import numpy as np

from aae_tf.data.images import ImageData, Split, with_validation
from aae_tf.errors import DataError

FOLDER = pathlib.Path(__file__).parent / "mnist"
MD5_OF_UNPACKED = {
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}


def read_checked(path: pathlib.Path, md5: str) -> bytes:
    """The unpacked content of a gzip file.

    Raises:
      DataError: if the file is missing, truncated, or doesn't have that checksum.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"--dataset=mnist: {path} is missing; reinstall aae_tf") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"--dataset=mnist: {path} can't be unpacked ({error}); reinstall aae_tf"
        ) from None
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(
            f"--dataset=mnist: {path} was altered (MD5 {found}, expected {md5}); reinstall aae_tf"
        )
    return content


def load_mnist(folder: pathlib.Path = FOLDER) -> ImageData:
    """50,000 training, 10,000 validation (the last of the official 60,000) and 10,000 test."""

    def split(prefix):
        name = f"{prefix}-images-idx3-ubyte.gz"
        pixels = read_checked(folder / name, MD5_OF_UNPACKED[name])
        name = f"{prefix}-labels-idx1-ubyte.gz"
        labels = read_checked(folder / name, MD5_OF_UNPACKED[name])
        images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28, 1)
        return Split(images, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64))

    train, validation = with_validation(split("train"), shuffle=False)
    return ImageData("mnist", train, validation, split("t10k"), tuple("0123456789"))
