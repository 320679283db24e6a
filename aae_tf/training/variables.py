"""The variables of a run by name, their digest, and what tells one network's from another's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from aae_tf.training.phase import Phase

_IN_FILES = "networks/variables/"  # as TensorFlow's names of weights in a checkpoint begin


def network_variables(networks: Mapping[str, keras.Model]) -> dict[str, tf.Variable]:
    """Every weight of the networks, 'encoder/trunk/hidden_1/kernel' and so on.

    Named one by one, since tf.train.Checkpoint on its own passes in silence over layers that a
    Keras model holds in a list or a dict. Weights of users' networks go by their number.
    """
    return {
        f"{name}/{_number_or_path(number, variable, _is_numbered(network))}": variable.value
        for name, network in networks.items()
        for number, variable in enumerate(network.weights)
    }


def _is_numbered(network: keras.Model) -> bool:
    return getattr(network, "numbered", False)


def _number_or_path(number: int, variable: keras.Variable, is_numbered: bool) -> str:
    """Keras puts into a path how many layers of a kind the process has made before."""
    return f"{number:03}" if is_numbered else variable.path


def optimizer_variables(phases: Iterable[Phase]) -> dict[str, tf.Variable]:
    """Every variable of the phases' optimizers, each phase's under its name."""
    named = {}
    for phase in phases:
        is_numbered = any(map(_is_numbered, phase.updates))
        for number, variable in enumerate(phase.optimizer.variables):
            ending = "" if is_numbered else f"/{variable.path}"
            named[f"{phase.name}/{number:03}{ending}"] = variable.value
    return named


def averaged_variables(networks: Mapping[str, keras.Model]) -> dict[str, tf.Variable]:
    """Those of the `network_variables` that have an average: no counters."""
    variables = network_variables(networks)
    return {name: value for name, value in variables.items() if value.dtype.is_floating}


def digest(variables: Mapping[str, tf.Variable]) -> str:
    """SHA-256 over names, shapes, dtypes and bits of the variables."""
    total = hashlib.sha256()
    for name in sorted(variables):
        value = np.ascontiguousarray(variables[name].numpy())
        total.update(f"{name} {value.shape} {value.dtype}".encode())
        total.update(value.tobytes())
    return total.hexdigest()


def network_shapes(shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """The shapes of `network_variables` in a checkpoint.

    Args:
      shapes: of all that is in the file, by TensorFlow's names.
    """
    found = {}
    for key, shape in shapes.items():
        if key.startswith(_IN_FILES):
            name = key.removeprefix(_IN_FILES).partition("/")[0]
            found[name.replace(".S", "/").replace("..", ".")] = tuple(shape)
    return found


def other_network(
    stored: Mapping[str, tuple[int, ...]], here: Mapping[str, tuple[int, ...]]
) -> str | None:
    """What to say where a network at hand isn't the run's, by the shapes of weights; None else.

    Args:
      stored: the run's.
      here: of the networks at hand.
    """
    differing = sorted(key for key in stored | here if stored.get(key) != here.get(key))
    if not differing:
        return None
    network = differing[0].partition("/")[0]
    run, given = (
        ", ".join(str(of[key]) for key in sorted(of) if key.startswith(f"{network}/"))
        for of in (stored, here)
    )
    return (
        f"{network} is another network than the run's: weights of shapes {_shortened(given)}, "
        f"expected {_shortened(run)}"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}..."
