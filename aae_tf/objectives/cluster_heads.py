"""What keeps cluster heads apart."""

from __future__ import annotations

import tensorflow as tf


def head_repulsion(heads: tf.Tensor, distance: float) -> tf.Tensor:
    """Sum over pairs of heads of what they lack to the wanted distance (AAE, section 7).

    A pair further apart costs nothing; a closer one costs linearly more.

    Args:
      heads: `(count, dim)`.
      distance: eta, in units of the code.

    Returns:
      A scalar, 0 or more.
    """
    first, second = _pairs(heads.shape[0])
    gap = tf.gather(heads, first) - tf.gather(heads, second)
    # Two heads in one place have no direction to part in; the floor keeps their gradient finite.
    length = tf.sqrt(tf.maximum(tf.reduce_sum(gap**2, -1), 1e-12))
    return tf.reduce_sum(tf.nn.relu(distance - length))


def _pairs(count: int) -> tuple[list[int], list[int]]:
    pairs = [(i, j) for j in range(count) for i in range(j)]
    return [i for i, _ in pairs], [j for _, j in pairs]
