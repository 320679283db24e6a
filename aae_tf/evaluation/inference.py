"""Many images through a method's networks, a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.data.images import IMAGES_PER_BLOCK
from aae_tf.methods import Method
from aae_tf.utils import progress_bar

BLOCK = 1000  # images or codes at once, of dense networks


class Inference:
    """Encodes and decodes whole splits; the same input gives the same bits.

    Args:
      method: whose networks to use.
    """

    def __init__(self, method: Method):
        self._method = method
        self._compiled: dict[str, Callable] = {}
        # A convolution makes many numbers of each pixel; a block's are all in memory at once.
        dense = method.settings.networks.network == "dense"
        self._block = BLOCK if dense else BLOCK // 10

    def encode(self, split: Split, seed: seeds.Seed | None = None) -> np.ndarray:
        """Codes `(size, latent_dim)` of a split.

        Args:
          split: of images.
          seed: for draws of a random q(z|x); without it the centre of q(z|x) is taken.
        """
        return self._of_images("encode", split, self._noise(seed))

    def classify(self, split: Split) -> np.ndarray:
        """q(y|x) `(size, num_categories)` of a split."""
        return self._of_images("classify", split)

    def log_classify(self, split: Split) -> np.ndarray:
        """log q(y|x) `(size, num_categories)` of a split, float64."""
        return self._of_images("log_classify", split)

    def embed(self, split: Split) -> np.ndarray:
        """Reduced representations `(size, latent_dim)` of a split."""
        return self._of_images("embed", split)

    def reconstruct(self, split: Split) -> np.ndarray:
        """Images decoded from the images' own codes, and labels where the decoder needs them."""

        def labels(start, images):
            if split.labels is None:
                return ()
            return (tf.constant(split.labels[start : start + self._block], tf.int32),)

        return self._of_images("reconstruct", split, labels)

    def bound(self, split: Split, seed: seeds.Seed) -> np.ndarray:
        """Distortion and divergence of a VAE's bound at one draw of q(z|x), `(size, 2)` in nats."""
        return self._of_images("bound", split, self._noise(seed))

    def cost(self, split: Split) -> np.ndarray:
        """What it costs to rebuild each image, `(size,)`."""
        return self._of_images("reconstruction_cost", split)

    def decode(self, codes: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Images `(size, height, width, channels)` of codes.

        Args:
          codes: `(size, latent_dim)`.
          labels: `(size,)`, the categories where the decoder takes one.
        """
        decode, dtype, blocks = self._function("decode"), self._method.dtype, []
        for start in range(0, len(codes), self._block):
            inputs = [tf.constant(codes[start : start + self._block], dtype)]
            if self._method.num_categories:
                chosen = labels[start : start + self._block]
                inputs.append(tf.one_hot(chosen, self._method.num_categories, dtype=dtype))
            blocks.append(decode(*inputs).numpy())
        return np.concatenate(blocks)

    def _noise(self, seed: seeds.Seed | None):
        """What gives a random encoder its noise, block by block."""
        size = self._method.encoder_noise_dim if seed is not None else 0

        def noise(start, images):
            if not size:
                return ()
            folded = seeds.fold(seed, "encode", start)
            shape = [images.shape[0], size]
            return (tf.random.stateless_normal(shape, folded, dtype=self._method.dtype),)

        return noise

    def _of_images(self, name, split, more=lambda start, images: ()):
        """What the method's function of that name gives for images and `more` of each block."""
        function, blocks = self._function(name), []
        for start in range(0, len(split), self._block):
            pixels = split.intensities(slice(start, start + self._block))
            images = tf.constant(pixels, self._method.dtype)
            blocks.append(function(images, *more(start, images)).numpy())
        return np.concatenate(blocks)

    def _function(self, name):
        if name not in self._compiled:
            function = getattr(self._method, name)
            self._compiled[name] = tf.function(function, reduce_retracing=True)
        return self._compiled[name]


def blocks_of_samples(
    method: Method, seed: seeds.Seed, count: int, label: str
) -> Iterator[np.ndarray]:
    """Yields decoded samples of the prior, clipped to 0..1.

    The same ones for the same seed, fewer being the first of more.
    """
    starts = range(0, count, IMAGES_PER_BLOCK)
    for start in progress_bar(None, "block", late=True, label=label, over=starts):
        drawn = method.sample(seeds.fold(seed, "sample_quality", start), IMAGES_PER_BLOCK)["images"]
        yield np.clip(np.asarray(drawn[: count - start], np.float32), 0, 1)
