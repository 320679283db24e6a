"""Settings, images and trainers small enough that a test of them takes a moment."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import tensorflow as tf

from aae_tf import experiments, seeds
from aae_tf.data import ImageData, Split
from aae_tf.data.pipeline import Feed
from aae_tf.methods import Method
from aae_tf.methods.build import labelled_for, method_class
from aae_tf.settings import override
from aae_tf.training import Observer, Trainer
from aae_tf.training.variables import network_variables, optimizer_variables

SMALL = {
    "encoder_units": "16,8",
    "decoder_units": "16",
    "encoder_filters": "4,6",
    "decoder_filters": "6,4",
    "discriminator_units": "16",
    "batch_size": 10,
    "epochs": 3,
    "discriminator_noise": 0.0,
}


def settings(experiment="gaussian", recipe=None, **changes):
    """The experiment's settings with small networks; `changes` by flag name."""
    start = experiments.settings_of(experiment, recipe)
    schedules = {f"{phase.name}_schedule": "constant" for phase in start.phases}
    small = {**SMALL, **schedules}
    return override(start, {**small, **changes})


def images(count, side=8, seed=0):
    """uint8 `(count, side, side, 1)`: three kinds of bright bars on dark noise."""
    drawn = np.random.default_rng(seed).integers(0, 60, (count, side, side, 1))
    for number in range(count):
        top = number % 3 * side // 4
        drawn[number, top : top + 2, 1:-1] += 180
    return drawn.astype(np.uint8)


def split(count, side=8, seed=0, labelled=True):
    labels = np.arange(count, dtype=np.int64) % 3
    return Split(images(count, side, seed), labels if labelled else None)


def data(train=64, validation=40, test=20, labelled=True):
    parts = [split(n, seed=n, labelled=labelled) for n in (train, validation, test)]
    return ImageData("bars", *parts, ("top", "middle", "bottom") if labelled else ())


CLASSES = 3


def method(**changes):
    """An untrained method on 8 x 8 images."""
    return method_for(settings(**changes))


def method_for(chosen, side=8):
    """The method of the settings' experiment, on images of three classes."""
    return method_class(chosen)(chosen, (side, side, 1), CLASSES)


@dataclasses.dataclass
class Rig:
    """A method with all that trains it; `reset` brings its first state back."""

    method: Method
    phases: tuple
    feed: Feed
    trainer: Trainer
    root: tf.Tensor

    def __post_init__(self):
        self.variables = network_variables(self.method.networks) | optimizer_variables(self.phases)
        self._first = {name: variable.numpy() for name, variable in self.variables.items()}

    def reset(self):
        for name, variable in self.variables.items():
            variable.assign(self._first[name])
        self.trainer.stop_requested = False

    def phase(self, name):
        return next(phase for phase in self.phases if phase.name == name)

    def only(self, *names):
        """A trainer of these phases alone, uncompiled."""
        phases = [phase for phase in self.phases if phase.name in names]
        strategy = tf.distribute.get_strategy()
        return Trainer(phases, self.feed, self.root, strategy, False, self.method.prepare)

    def first_batch(self):
        batch = self.feed.batch(self.feed.order(0), tf.constant(0))
        return self.method.prepare(batch, self.root)

    def weights(self):
        """Copies of every network's weights by network and path."""
        return {
            name: {variable.path: variable.numpy() for variable in network.variables}
            for name, network in self.method.networks.items()
        }


def rig(count=64, xla=False, **changes):
    """A method on `count` images, with its feed, phases and trainer."""
    chosen = settings(**changes)
    root = seeds.root(chosen.training.seed)
    made = method_for(chosen)
    train = split(count)
    held_out = split(10)
    labels = labelled_for(made, ImageData("bars", train, held_out, held_out), replicas=1)
    feed = Feed(train.images, chosen.training.batch_size, root, made.dtype, labels)
    phases = made.phases(feed.steps_per_epoch)
    trainer = Trainer(phases, feed, root, tf.distribute.get_strategy(), xla, made.prepare)
    return Rig(made, phases, feed, trainer, root)


@contextlib.contextmanager
def eagerly():
    """Runs functions step by step: for a few steps that is sooner than to trace them."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


class Notebook(Observer):
    """Writes down what it is told."""

    def __init__(self, after_call=lambda report: None):
        self.reports, self.epochs, self.diverged = [], [], []
        self._after_call = after_call

    def after_call(self, report):
        self.reports.append(report)
        self._after_call(report)

    def after_epoch(self, report):
        self.epochs.append(report.step)

    def after_diverging(self, step, key):
        self.diverged.append((step, key))

    def curve(self, key):
        """A metric's value at every step."""
        return np.concatenate(
            [report.values[key] for report in self.reports if key in report.values]
        )
