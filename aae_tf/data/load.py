"""From `--dataset` to images."""

from __future__ import annotations

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
    name = settings.dataset
    path = pathlib.Path(name).expanduser()
    looks_like_path = path.suffix == ".npz" or name.startswith((".", "/", "~")) or path.is_dir()
    if settings.image_size and not path.is_dir():
        raise SettingsError("image_size", settings.image_size, "0 unless --dataset is a folder")
    if name == "mnist":
        return mnist_files.load()
    if looks_like_path:
        if path.is_dir():
            return user_files.load_folder(path, settings.image_size)
        if path.is_file():
            return user_files.load_npz(path)
        raise DataError(f"--dataset={name}: no such file or folder")
    return tfds_source.load(name, settings.data_dir)
