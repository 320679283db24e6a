"""From `--dataset` to images; MNIST, which comes with the package."""

from __future__ import annotations

import gzip
import hashlib
import os
import pathlib
import zlib

import numpy as np

from aae_tf.arrays import ENDINGS, tables
from aae_tf.arrays.values import check_range
from aae_tf.data import arrays, folder, tfds
from aae_tf.data.images import Framing, ImageData, Split, with_validation
from aae_tf.errors import DataError, SettingsError
from aae_tf.settings import DataSettings
from aae_tf.settings.own import GIVEN

FOLDER = pathlib.Path(__file__).parent / "mnist"
MD5_OF_UNPACKED = {
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}


def load(settings: DataSettings) -> ImageData:
    """Loads the data set that the settings name: 'mnist', a path, or a TensorFlow Datasets name.

    Raises:
      SettingsError: if there is no such data set.
      DataError: if its files can't be used.
    """
    data = _load(settings)
    flag = data.flag
    for name, split in data.splits.items():
        if len(split) < 2:
            raise DataError(f"{flag}: {len(split)} {name} images, expected 2 or more")
        if split.labels is not None:
            # Those of a test split may all be -1 in TensorFlow Datasets, for none.
            high = int(split.labels.max())
            check_range(flag, f"labels of {name} images", 0, high, "expected integers from 0")
    return data


def framing_of(settings: DataSettings) -> Framing:
    """How the images are cropped and resized, known without the data.

    Arrays stay as they are, which the settings make sure of.
    """
    if settings.dataset.startswith(GIVEN):
        return Framing()
    if is_own(settings):
        return Framing.of(settings)
    return tfds.framing_of(settings)


def is_own(settings: DataSettings) -> bool:
    """Whether the data are the user's, in a file, a folder or Python, and not a known set's."""
    name = settings.dataset
    is_path = os.path.exists(os.path.expanduser(name)) or name.startswith((".", "/", "~"))
    is_file = name.endswith((*ENDINGS, *tables.ENDINGS))
    return name.startswith(GIVEN) or (name != "mnist" and (is_path or is_file))


def _load(settings: DataSettings) -> ImageData:
    name = settings.dataset
    if name.startswith(GIVEN):
        raise DataError(
            "--dataset: the run's data was given in Python and lies in no file; expected "
            "aae_tf.load(run_dir), and the data again"
        )
    path = pathlib.Path(os.path.expanduser(name))  # leaves ~nobody as it is
    is_folder = name != "mnist" and os.path.isdir(path)
    is_table = path.suffix.lower() in tables.ENDINGS
    is_tfds = name != "mnist" and not is_folder and not os.path.isfile(path)
    for flag, unset, applies, where in (
        ("image_size", 0, is_folder or is_tfds, "a folder or a TensorFlow Datasets name"),
        ("crop_size", 0, is_folder or is_tfds, "a folder or a TensorFlow Datasets name"),
        ("resize_filter", "auto", is_folder or is_tfds, "a folder or a TensorFlow Datasets name"),
        ("skip_broken_images", False, is_folder, "a folder"),
        ("train_split", "train", is_tfds, "a TensorFlow Datasets name"),
        ("label_column", tables.LABEL, is_table, "a .csv or .parquet"),
    ):
        if getattr(settings, flag) != unset and not applies:
            expected = f"{unset} unless --dataset is {where}"
            raise SettingsError(flag, getattr(settings, flag), expected)
    if settings.stream == "always" and (is_table or name == "mnist"):
        expected = "auto or never, since this data set is read into memory as a whole"
        raise SettingsError("stream", settings.stream, expected)
    if name == "mnist":
        return load_mnist()
    if is_folder:
        return folder.load_folder(path, settings)
    if is_table and os.path.isfile(path):
        return arrays.load_table(path, settings.label_column)
    if os.path.isfile(path):
        if path.suffix.lower() not in ENDINGS:
            kinds = ", ".join((*ENDINGS, *tables.ENDINGS))
            raise DataError(f"--dataset={name}: expected a file of the kinds {kinds}")
        return arrays.load_arrays(path, settings.stream)
    if path.suffix.lower() in (*ENDINGS, *tables.ENDINGS) or name.startswith((".", "/", "~")):
        raise DataError(f"--dataset={name}: no such file or folder")
    return tfds.load(settings)


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
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != md5:
        raise DataError(
            f"--dataset=mnist: {path} was altered (MD5 {digest}, expected {md5}); reinstall aae_tf"
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
