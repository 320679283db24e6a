"""Trains on one and on two logical CPU devices and prints how far apart they end, as JSON."""

import json

import numpy as np
import tiny

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.settings import ExecutionSettings
from aae_tf.training import Trainer
from aae_tf.training.checkpoints import network_variables, optimizer_variables
from aae_tf.training.distribution import make_strategy
from aae_tf.training.feed import Feed

STEPS = 20


def trained(strategy):
    """Every variable, and every curve, after some steps of all phases."""
    settings = tiny.settings(
        precision="float64", encoder="gaussian", discriminator_noise=0.3, prior="mixture"
    )
    root = seeds.root(0)
    with strategy.scope():
        method = AdversarialAutoencoder(settings, (8, 8, 1))
        feed = Feed(tiny.images(64), settings.training.batch_size, root, method.dtype)
        phases = method.phases(feed.steps_per_epoch)
    note = tiny.Notebook()
    Trainer(phases, feed, root, strategy).train(0, STEPS, 3, [note])
    variables = network_variables(method.networks) | optimizer_variables(phases)
    curves = {key: note.curve(key) for key in note.reports[0].values}
    return {key: value.numpy() for key, value in variables.items()}, curves


def refusal(batch_size, **execution):
    try:
        make_strategy(ExecutionSettings(**execution), batch_size)
    except SettingsError as error:
        return str(error)
    return "accepted"


def main():
    two = make_strategy(ExecutionSettings(replicas=2), 10)
    one = make_strategy(ExecutionSettings(replicas=1), 10)
    sizes = [one.num_replicas_in_sync, two.num_replicas_in_sync]
    first, second = trained(one), trained(two)
    found = {
        "replicas": sizes,
        "variables": {k: float(np.abs(v - second[0][k]).max()) for k, v in first[0].items()},
        "curves": {k: float(np.abs(v - second[1][k]).max()) for k, v in first[1].items()},
        "moved": float(np.ptp(first[1]["reconstruction/loss"])),
        "indivisible": refusal(9, replicas=2),
        "too_many": refusal(9, replicas=3),
        "one_device": refusal(10, strategy="one_device", replicas=2),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
