"""The samples that a Parzen window is put on: decoded samples of a method's prior."""

from __future__ import annotations

import tensorflow as tf

from aae_tf import seeds
from aae_tf.evaluation.likelihood.parzen import CHUNK
from aae_tf.methods import Method

OF_CONVOLUTIONS = 100  # images that a convolutional decoder makes at once, for the memory's sake


class ModelSamples:
    """Decoded samples of the prior, each a function of the seed and of its place alone.

    Args:
      method: whose decoder and prior to use.
      seed: of the samples.
      xla: whether to compile the decoder with XLA; the prior is sampled outside.
    """

    def __init__(self, method: Method, seed: seeds.Seed, xla: bool = True):
        self._method = method
        dense = method.settings.networks.network == "dense"
        self._at_once = CHUNK if dense else OF_CONVOLUTIONS
        self._draw = tf.function(lambda number: method.draw(seeds.fold(seed, number), CHUNK))
        self._decode = tf.function(self._intensities, jit_compile=xla)

    def chunk(self, number: int) -> tf.Tensor:
        """The samples from `CHUNK` * number on, `(CHUNK, height, width, channels)` in 0..1."""
        drawn = self._draw(tf.constant(number, tf.int32))
        pieces = [
            self._decode(**{name: some[at : at + self._at_once] for name, some in drawn.items()})
            for at in range(0, CHUNK, self._at_once)
        ]
        return tf.concat(pieces, 0)

    def _intensities(self, **drawn):
        # A linear output, such as that of standardised data, may overshoot.
        return tf.clip_by_value(self._method.decode_drawn(**drawn), 0, 1)
