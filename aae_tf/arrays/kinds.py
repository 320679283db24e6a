"""What kind of examples a data set has, before it is read."""

from __future__ import annotations

import os
import pathlib

from aae_tf.arrays import tables
from aae_tf.arrays.files import ENDINGS, open_arrays
from aae_tf.arrays.values import FEATURES, are_features
from aae_tf.errors import DataError


def holds_features(dataset: str) -> bool:
    """Whether `--dataset` names a file of features: a table, or arrays that are no images.

    Args:
      dataset: the setting's value. What can't be read is left to whoever loads it.
    """
    path = pathlib.Path(os.path.expanduser(dataset))
    if not path.is_file():
        return False
    if path.suffix.lower() in tables.ENDINGS:
        return True
    if path.suffix.lower() not in ENDINGS:
        return False
    try:
        with open_arrays(f"--dataset={dataset}", path) as file:
            names = (FEATURES, "images", "x_train", "")
            name = next((name for name in names if name in file.names), None)
            return name is not None and are_features(name, file.header(name))
    except DataError:
        return False
