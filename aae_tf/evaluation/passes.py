"""Many images through the networks, a block at a time."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.methods import Method

BLOCK = 1000


class Passes:
    """Encodes and decodes whole splits; the same input gives the same bits.

    Args:
      method: whose networks to use.
    """

    def __init__(self, method: Method):
        self._method = method
        self._encode = tf.function(method.encode, reduce_retracing=True)
        self._decode = tf.function(method.decode, reduce_retracing=True)

    def encode(self, split: Split, seed: seeds.Seed | None = None) -> np.ndarray:
        """Codes `(size, latent_dim)` of a split.

        Args:
          split: of images.
          seed: for draws of a random q(z|x); without it the centre of q(z|x) is taken.
        """
        size = self._method.encoder_noise_dim if seed is not None else 0
        blocks = []
        for start in range(0, len(split), BLOCK):
            images = tf.constant(split.intensities(slice(start, start + BLOCK)), self._method.dtype)
            noise = None
            if size:
                folded = seeds.fold(seed, "encode", start)
                shape = [images.shape[0], size]
                noise = tf.random.stateless_normal(shape, folded, dtype=self._method.dtype)
            blocks.append(self._encode(images, noise).numpy())
        return np.concatenate(blocks)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Images `(size, height, width, channels)` of codes."""
        blocks = [
            self._decode(tf.constant(codes[start : start + BLOCK], self._method.dtype)).numpy()
            for start in range(0, len(codes), BLOCK)
        ]
        return np.concatenate(blocks)
