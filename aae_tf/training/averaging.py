"""A moving average of weights over training, by which a run is judged and served."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import tensorflow as tf


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
        """Within it the variables have their averages' values; afterwards their own, to the bit."""
        kept = {name: variable.numpy() for name, variable in self._live.items()}
        try:
            for name, variable in self._live.items():
                variable.assign(self.variables[name].read_value())
            yield
        finally:
            for name, variable in self._live.items():
                variable.assign(kept[name])
