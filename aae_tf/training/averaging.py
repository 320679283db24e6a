"""The weights and moments by which a run is evaluated and served: averages over training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from aae_tf.training.observers import Observer, Report

MOMENT_IMAGES = 1000  # of the training set, from which moments are taken


class WeightAverage:
    """Exponential moving averages of variables (Polyak averaging); not in the papers.

    After step t, from 1, an average a of a weight w becomes a + (1 - d) (w - a), where
    d = min(decay, t / (t + 9)), so that the start is soon forgotten. The moving statistics of batch
    normalisation are averaged alike.

    Args:
      live: the variables, by name.
      decay: in 0..1.
    """

    def __init__(self, live: Mapping[str, tf.Variable], decay: float):
        self._live, self._decay = dict(live), decay
        self.variables = {
            name: tf.Variable(variable, trainable=False, name="average")
            for name, variable in self._live.items()
        }

    def update(self, step) -> None:
        """Takes in the weights as they are after step number `step`, from 0."""
        done = tf.cast(step, tf.float64) + 1
        share = 1 - tf.minimum(tf.constant(self._decay, tf.float64), done / (done + 9))
        for name, average in self.variables.items():
            value = self._live[name].read_value()
            average.assign_add(tf.cast(share, value.dtype) * (value - average.read_value()))

    def adopt(self) -> None:
        """Takes the variables' present values for their averages."""
        for name, average in self.variables.items():
            average.assign(self._live[name].read_value())

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the variables have their averages' values; afterwards the live ones."""
        live = {name: variable.numpy() for name, variable in self._live.items()}
        try:
            for name, variable in self._live.items():
                variable.assign(self.variables[name].read_value())
            yield
        finally:
            for name, variable in self._live.items():
                variable.assign(live[name])


class PreciseNorm(Observer):
    """Gives an encoder the moments that it needs outside training.

    In training its moving moments average over the minibatches of all passes, also of those that
    see noisy, dropped or adversarially changed images, while what is encoded afterwards is clean.
    So they are replaced by the moments of clean training images, of one large batch by the
    weights as they are ('precise BN'; Wu & Johnson, 2021, arXiv:2105.07576, section 3). Training
    itself never reads them, and continues as it would without.

    Args:
      encoder: whose moving moments these are.
      take_in: passes images `(batch, height, width, channels)` through it as in training.
      images: of the training set, clean, in 0..1, `(count, height, width, channels)`.
      strategy: in whose scope the encoder was made; each replica sees all the images.
      average: of the weights, where networks are evaluated by it: then its moments are replaced,
        and the live ones stay.
    """

    def __init__(
        self,
        encoder: keras.Model,
        take_in: Callable[[tf.Tensor], None],
        images: np.ndarray,
        strategy: tf.distribute.Strategy,
        average: WeightAverage | None = None,
    ):
        self._norms = [
            part
            for part in encoder._flatten_layers()
            if isinstance(part, keras.layers.BatchNormalization)
        ]
        self._take_in, self._strategy, self._average = take_in, strategy, average
        self._images = tf.constant(images)
        self._pass = tf.function(self._replaced, autograph=False)

    def after_epoch(self, report: Report) -> None:
        del report
        if self._average is None:
            self._pass(self._images)
            return
        with self._average.in_place():
            self._pass(self._images)
            self._average.adopt()

    def _replaced(self, images):
        with self._without_momentum():
            self._strategy.run(self._take_in, args=(images,))

    @contextlib.contextmanager
    def _without_momentum(self) -> Iterator[None]:
        """Within it (while the pass is traced) moving moments become those of the next batch."""
        momenta = [norm.momentum for norm in self._norms]
        try:
            for norm in self._norms:
                norm.momentum = 0.0
            yield
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum
