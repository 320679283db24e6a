"""A user's own cost or divergence, tried out before training as training calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from aae_tf.errors import SettingsError
from aae_tf.utils import load_function

ORDER = ("first", "second")


def load_and_try(
    flag: str, spec: str, wanted: str, arguments: Sequence[tf.Tensor], moved: int
) -> tuple[Callable, tf.Tensor]:
    """The function, and what it gives of these arguments.

    Args:
      flag: whose value it is, for the error.
      spec: 'package.module:function'.
      wanted: what it has to be, in words.
      arguments: to try it out on.
      moved: which of them training moves: with respect to it there has to be a gradient.

    Raises:
      SettingsError: if it can't be imported, raises an error, or is no function that TensorFlow
        can put in a graph and take the gradient of.
    """
    function = load_function(flag, spec)

    @tf.function
    def gradient(*given):
        with tf.GradientTape() as tape:
            tape.watch(given[moved])
            value = tf.convert_to_tensor(function(*given))
        return tape.gradient(value, given[moved])

    try:
        value = tf.convert_to_tensor(function(*arguments))
    except Exception as error:  # a user's function may raise anything
        raise SettingsError(flag, spec, f"{wanted}; it raised {error!r}") from None
    try:
        found = gradient(*arguments)
    except Exception as error:  # whatever of it is no operation of TensorFlow's
        last = str(error).strip().rpartition("\n")[2].strip()  # the others are where it was
        said = f"{type(error).__name__}: {last}"
        expected = f"{wanted}, of TensorFlow's operations; in a graph it raised {said}"
        raise SettingsError(flag, spec, expected) from None
    if found is None:
        expected = f"{wanted}; it has no gradient with respect to the {ORDER[moved]}"
        raise SettingsError(flag, spec, expected)
    return function, value
