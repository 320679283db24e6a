"""In which order an epoch visits the images: a function of (seed, epoch)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf import seeds


def epoch_order(seed: seeds.Seed, epoch: int, size: int) -> tf.Tensor:
    """A permutation of 0..size-1.

    Args:
      seed: of the run.
      epoch: number of the epoch, from 0.
      size: of the training set.

    Returns:
      int32 `(size,)`.
    """
    folded = seeds.fold(seed, "data_order", epoch)
    return tf.random.experimental.stateless_shuffle(tf.range(size), folded)
