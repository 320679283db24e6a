"""From `--dataset` to images."""

from __future__ import annotations

import os
import pathlib

from aae_tf.data import image_folder, mat_file, mnist_files, npz_file, tfds_source
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
    is_tfds = name != "mnist" and not is_folder and not os.path.isfile(path)
    for flag, unset, applies, where in (
        ("image_size", 0, is_folder or is_tfds, "a folder or a TensorFlow Datasets name"),
        ("crop_size", 0, is_folder or is_tfds, "a folder or a TensorFlow Datasets name"),
        ("skip_broken_images", False, is_folder, "a folder"),
        ("train_split", "train", is_tfds, "a TensorFlow Datasets name"),
    ):
        if getattr(settings, flag) != unset and not applies:
            expected = f"{unset} unless --dataset is {where}"
            raise SettingsError(flag, getattr(settings, flag), expected)
    if settings.stream == "always" and not (is_folder or is_tfds):
        expected = "auto or never, since this data set is read into memory as a whole"
        raise SettingsError("stream", settings.stream, expected)
    if name == "mnist":
        return mnist_files.load_mnist()
    if is_folder:
        return image_folder.load_folder(path, settings)
    is_mat = path.suffix.lower() == ".mat"
    if os.path.isfile(path):
        return mat_file.load_mat(path) if is_mat else npz_file.load_npz(path)
    if is_mat or path.suffix.lower() == ".npz" or name.startswith((".", "/", "~")):
        raise DataError(f"--dataset={name}: no such file or folder")
    return tfds_source.load(settings)
