"""Weights to begin with: those of another run, or of an exported model, by their names."""

from __future__ import annotations

import json
import logging
import pathlib
import re
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from aae_tf.errors import NONSENSE, SettingsError
from aae_tf.training.variables import digest, network_variables
from aae_tf.utils import plain_path, read_text

FLAG = "init_from"
NAMES = pathlib.PurePath("assets.extra", "weights.json")  # in an export, of its weights in order
OF_DATA = ("standardizer",)  # what a run takes from its own images
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_DIGESTS = "digests/.ATTRIBUTES/py_state"

logger = logging.getLogger(__name__)


def adopt(networks: Mapping[str, keras.Model], source: str) -> None:
    """Gives networks the weights that another run's, or a model's, of the same name have.

    A network that the source doesn't have keeps its own, which is said.

    Args:
      networks: of the run to be, by name.
      source: the folder of a run, whose newest checkpoint is taken, or of an export's version.

    Raises:
      SettingsError: if there is none, it is damaged, or its networks are of other shapes.
    """
    found = read(pathlib.Path(source).expanduser(), source)
    taken, kept = [], []
    for name, network in networks.items():
        if name in OF_DATA:
            continue
        variables = network_variables({name: network})
        if not any(key.startswith(f"{name}/") for key in found):
            kept.append(name)
            continue
        for key, variable in variables.items():
            there = found[key].shape if key in found else None
            if there != tuple(variable.shape):
                expected = (
                    f"networks that fit: {key} is {there} there, {tuple(variable.shape)} here"
                )
                raise SettingsError(FLAG, source, expected)
        for key, variable in variables.items():
            variable.assign(found[key])
        taken.append(name)
    if not taken:
        raise SettingsError(FLAG, source, f"a run or a model with one of {', '.join(networks)}")
    beside = f"; {', '.join(kept)}, which it lacks, from the start" if kept else ""
    logger.info("began with the weights of %s: %s%s", source, ", ".join(taken), beside)


def read(folder: pathlib.Path, source: str) -> dict[str, np.ndarray]:
    """The weights of a run's newest checkpoint (their averages, if kept), or of an export.

    Args:
      folder: of the run, or of the version.
      source: as it was given, for errors.

    Returns:
      Arrays by the names of `network_variables`.
    """
    try:
        if (folder / "settings.json").is_file():
            return _of_run(folder / "checkpoints")
        if (folder / NAMES).is_file():
            return _of_export(folder)
    except (*NONSENSE, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingsError(FLAG, source, f"a whole run or model, but: {reason}") from None
    expected = "the folder of a run, or of an exported model's version such as saved_models/mine/1"
    raise SettingsError(FLAG, source, expected)


def _of_run(checkpoints: pathlib.Path) -> dict[str, np.ndarray]:
    names = (re.fullmatch(r"ckpt-(\d+)\.index", path.name) for path in checkpoints.iterdir())
    steps = [int(name[1]) for name in names if name]
    if not steps:
        raise ValueError("it has no checkpoint yet")
    with plain_path(checkpoints) as plain:
        reader = tf.train.load_checkpoint(str(plain / f"ckpt-{max(steps)}"))
        read = {
            _plain(key.removesuffix(_VALUE)): reader.get_tensor(key)
            for key in reader.get_variable_to_shape_map()
            if key.startswith(("networks/", "averages/")) and key.endswith(_VALUE)
        }
        digests = reader.get_tensor(_DIGESTS) if reader.has_tensor(_DIGESTS) else None
    if digests is not None:
        known = json.loads(digests)[2]
        for name, value in read.items():
            if digest({name: tf.constant(value)}) != known.get(name):
                raise ValueError(f"ckpt-{max(steps)}: {name} has other values than were saved")
    networks, averages = (
        {name.removeprefix(part): v for name, v in read.items() if name.startswith(part)}
        for part in ("networks/", "averages/")
    )
    return networks | averages


def _plain(key: str) -> str:
    """A variable's name, of TensorFlow's form of it in a checkpoint."""
    part, _, name = key.partition("/variables/")
    return f"{part}/" + re.sub(r"\.(.)", lambda m: "/" if m[1] == "S" else m[1], name)


def _of_export(folder: pathlib.Path) -> dict[str, np.ndarray]:
    names = json.loads(read_text(folder / NAMES))
    with plain_path(folder) as plain:
        reader = tf.train.load_checkpoint(str(plain / "variables" / "variables"))
        return {
            str(name): reader.get_tensor(f"weights/{number}{_VALUE}")
            for number, name in enumerate(names)
        }
