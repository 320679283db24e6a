"""A network of one weight whose gradient is 1, so that each step shows the learning rate."""

from __future__ import annotations

import keras
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.data.pipeline import Feed
from aae_tf.settings import PhaseSettings
from aae_tf.training import Phase, PhaseLoss, Trainer, optimizers
from aae_tf.training.phase import no_draws


class Weight(keras.Model):
    def __init__(self, name="weight"):
        super().__init__(name=name)
        self.value = self.add_weight(shape=(), initializer="zeros", name="value")
        self.built = True


def phase(
    name="reconstruction",
    steps_per_epoch=4,
    epochs=6,
    draws=no_draws,
    metrics=None,
    begins=None,
    **how,
):
    """Descends the weight itself; `metrics` makes per-example metrics of a step's draws."""
    network = Weight()
    settings = PhaseSettings(name=name, **{"optimizer": "sgd", "momentum": 0.0, **how})
    optimizer = optimizers.build(settings, network.trainable_variables, steps_per_epoch, epochs)

    def loss(batch, drawn):
        ones = tf.ones(tf.shape(batch["images"])[0])
        return PhaseLoss(network.value * ones, metrics(batch, drawn) if metrics else {})

    return Phase(name, (network,), optimizer, loss, draws, begins=begins or {})


def trainer(*phases, count=43, batch_size=10, seed=0):
    """Without XLA; four steps to the epoch unless told otherwise."""
    root = seeds.root(seed)
    feed = Feed(tiny.images(count), batch_size, root)
    return Trainer(phases, feed, root, tf.distribute.get_strategy(), xla=False)
