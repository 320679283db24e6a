"""From `--dataset` to images."""

from __future__ import annotations

import os
import pathlib

from aae_tf.data import mnist_files, tfds_source, user_files
from aae_tf.data.images import ImageData
from aae_tf.errors import DataError, SettingsError
from aae_tf.settings import DataSettings


def load(settings: DataSettings) -> ImageData:
    """Loads the data set that the settings name: 'mnist', a path, or a TensorFlow Datasets name.

    Raises:
      SettingsError: if there is no such data set.
      DataError: if its files can't be used.
    """
    data = _load(settings)
    for split, images in (("validation", data.validation), ("test", data.test)):
        if len(images) < 2:
            raise DataError(
                f"--dataset={data.name}: {len(images)} {split} images, expected 2 or more"
            )
    return data


def _load(settings: DataSettings) -> ImageData:
    name = settings.dataset
    path = pathlib.Path(os.path.expanduser(name))  # leaves ~nobody as it is
    is_folder = name != "mnist" and os.path.isdir(path)
    if settings.image_size and not is_folder:
        raise SettingsError("image_size", settings.image_size, "0 unless --dataset is a folder")
    is_tfds = name != "mnist" and not is_folder and not os.path.isfile(path)
    if settings.train_split != "train" and not is_tfds:
        expected = "train unless --dataset is a TensorFlow Datasets name"
        raise SettingsError("train_split", settings.train_split, expected)
    if name == "mnist":
        return mnist_files.load()
    if is_folder:
        return user_files.load_folder(path, settings.image_size)
    if os.path.isfile(path):
        return user_files.load_npz(path)
    if path.suffix.lower() == ".npz" or name.startswith((".", "/", "~")):
        raise DataError(f"--dataset={name}: no such file or folder")
    return tfds_source.load(name, settings.data_dir, settings.train_split)
