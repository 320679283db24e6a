"""Stateless seeds: every random draw is a function of (run seed, step, purpose).

A `Seed` is an int32 tensor of shape `(2,)`, as the `tf.random.stateless_*` functions and TFP take.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import tensorflow as tf

Seed: TypeAlias = tf.Tensor


def root(run_seed: int) -> Seed:
    """The seed that all others of a run are folded from."""
    return tf.constant([run_seed, 0x5EED], tf.int32)


def fold(seed: Seed, *parts: str | int | tf.Tensor) -> Seed:
    """Derives a seed for each different sequence of parts.

    Args:
      seed: int32 `(2,)`.
      *parts: names of purposes, or numbers such as the step (an integer or an int32 tensor).

    Returns:
      int32 `(2,)`.
    """
    for part in parts:
        number = name_number(part) if isinstance(part, str) else part
        seed = tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int32))
    return seed


def name_number(*names: object) -> int:
    """A number below 2**31 for a purpose's name, the same in every process and release."""
    text = "/".join(map(str, names)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") & 0x7FFFFFFF
