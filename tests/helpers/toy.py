"""A network of one weight whose gradient is 1 or given, so that a step shows the learning rate."""

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
    slopes=None,
    scaled=False,
    **how,
):
    """Descends the weight itself.

    Args:
      metrics: makes per-example metrics of a step's draws.
      slopes: makes per-example gradients of a batch and a step's draws; else they are 1.
      scaled: whether the loss is scaled.
    """
    network = Weight()
    settings = PhaseSettings(name=name, **{"optimizer": "sgd", "momentum": 0.0, **how})
    weights = network.trainable_variables
    optimizer = optimizers.build(settings, weights, steps_per_epoch, epochs, scaled)

    def loss(batch, drawn):
        given = slopes(batch, drawn) if slopes else tf.ones(tf.shape(batch["images"])[0])
        return PhaseLoss(network.value * given, metrics(batch, drawn) if metrics else {})

    return Phase(name, (network,), optimizer, loss, draws, begins=begins or {})


def trainer(*phases, count=43, batch_size=10, seed=0, xla=False, strategy=None):
    """Four steps to the epoch unless told otherwise."""
    root = seeds.root(seed)
    feed = Feed(tiny.images(count), batch_size, root)
    return Trainer(phases, feed, root, strategy or tf.distribute.get_strategy(), xla=xla)


def overflowing(steps, slope=1e38):
    """Slopes of 1, but at these steps that of the last example of the last replica overflows."""

    def slopes(batch, drawn):
        size = tf.shape(batch["images"])[0]
        bad = tf.reduce_any(tf.equal(drawn["step"], steps))
        replica = tf.distribute.get_replica_context()
        is_last = replica.replica_id_in_sync_group == replica.num_replicas_in_sync - 1
        last = tf.equal(tf.range(size), size - 1) & is_last
        return tf.where(bad & last, tf.constant(slope), 1.0)

    return slopes
