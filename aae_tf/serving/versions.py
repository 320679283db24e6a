"""The versions of an exported model, as they lie below its folder."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from aae_tf.errors import DataError


def versions_of(model: pathlib.Path) -> list[int]:
    """The versions of a model that hold a SavedModel, ascending."""
    found = model.glob("*/saved_model.pb")
    return sorted(int(file.parent.name) for file in found if is_version(file.parent))


def is_version(folder: pathlib.Path) -> bool:
    """Whether a folder's name is a version's number."""
    return folder.name.isascii() and folder.name.isdigit()


def load(model: pathlib.Path):
    """Loads a SavedModel.

    Args:
      model: its folder, or that of its versions, of which the newest is taken.

    Returns:
      The loaded model and the folder that it came from.

    Raises:
      DataError: if there is none, or it can't be loaded.
    """
    folder = newest(model)
    try:
        return tf.saved_model.load(str(folder)), folder
    except Exception as error:  # of as many classes as there are ways of being broken
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"--model={folder}: expected a whole SavedModel, but: {reason}") from error


def newest(model: pathlib.Path) -> pathlib.Path:
    """The SavedModel's own folder, given that or the folder of its versions."""
    if (model / "saved_model.pb").is_file():
        return model
    versions = versions_of(model)
    if not versions:
        raise DataError(
            f"--model={model}: expected a folder with a SavedModel, as saved_models/gaussian or "
            "saved_models/gaussian/1"
        )
    return model / str(versions[-1])
