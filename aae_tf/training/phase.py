"""The phase: one loss on a minibatch and the networks that it moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from aae_tf.seeds import Seed

# Of a minibatch, as `Method.prepare` leaves it: "images" (batch, height, width, channels), "inputs"
# that the encoder sees of them, and, where a method takes labels, "labels" and "labelled_inputs".
Batch = Mapping[str, tf.Tensor]
# Random tensors by purpose, maybe nested, each with a leading axis of the batch.
Draws = Mapping[str, Any]


class PhaseLoss(NamedTuple):
    """What a phase's loss function returns.

    Attributes:
      per_example: `(batch,)`; the phase descends its mean over the global batch.
      metrics: further values to report, each `(batch,)`, by name.
    """

    per_example: tf.Tensor
    metrics: Mapping[str, tf.Tensor]


def no_draws(seed: Seed, batch_size: int) -> Draws:
    """For phases without randomness."""
    del seed, batch_size
    return {}


def no_common_draws(seed: Seed) -> Draws:
    """For phases without randomness that all examples share."""
    del seed
    return {}


@dataclasses.dataclass(frozen=True)
class Phase:
    """One step of a method on each minibatch.

    Args:
      name: such as 'reconstruction', 'discriminator' or 'generator'.
      updates: the networks whose trainable weights it moves, and no others. Moving moments aren't
        among them: those of batch normalisation move in every phase that runs the network as in
        training, the encoder's so in all of them, the decoder's where it rebuilds images.
      optimizer: its own, since the paper gives each phase its own rate and momentum.
      loss: of the examples of one replica and their draws, among which the trainer puts 'step', the
        step's number from 0, for what changes in the course of training (`warmed_up`).
      draws: makes the random tensors for the whole global batch. It runs outside the compiled step,
        because XLA would draw other numbers from the same seed, and each replica is given its
        examples' share.
      common_draws: the same for random tensors that belong to no example, such as directions; every
        replica is given all of them, among the others.
      begins: the steps, each an epoch's first, at which terms of the loss begin that weren't there
        from the start, by the term's name. Until then the draws of that name are left out; the
        trainer compiles the step anew where a term begins, so that it costs nothing before.
    """

    name: str
    updates: tuple[keras.Model, ...]
    optimizer: keras.optimizers.Optimizer
    loss: Callable[[Batch, Draws], PhaseLoss]
    draws: Callable[[Seed, int], Draws] = no_draws
    common_draws: Callable[[Seed], Draws] = no_common_draws
    begins: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def variables(self) -> list[keras.Variable]:
        """The trainable weights that the phase moves, in a fixed order."""
        return [variable for network in self.updates for variable in network.trainable_variables]


def warmed_up(weight: float, steps: float, draws: Draws, start: int = 0, dtype=tf.float32):
    """What the weight of a term of a loss has grown to at a step, evenly from 0.

    Args:
      weight: at the end.
      steps: in which it grows; 0 for a weight that is there at once.
      draws: of the step, with its number.
      start: the step from which it grows.
      dtype: of the loss.

    Returns:
      A number or a scalar tensor.
    """
    if not steps:
        return weight
    return weight * tf.minimum(tf.cast(draws["step"] - start, dtype) / steps, 1)
