"""Many images through a method's networks, a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.data.images import IMAGES_PER_BLOCK, images_at_once
from aae_tf.methods import Method
from aae_tf.objectives.reconstruction import half_squared_error
from aae_tf.utils import progress_bar

BLOCK = 1000  # images or codes at once, of dense networks
BLOCK_BYTES = 2**26  # of float32 pixels at once, of dense networks: 1000 images of 64 x 64 x 3 fit

OfBlock = Callable[[np.ndarray], np.ndarray]


class Inference:
    """Encodes and decodes whole splits; the same input gives the same bits.

    No split is ever in memory as floats. What becomes of images is kept whole, so where it is
    images again, `of_block` makes something smaller of each block's.

    Args:
      method: whose networks to use.
    """

    def __init__(self, method: Method):
        self._method = method
        self._compiled: dict[str, Callable] = {}
        # A convolution makes many numbers of each pixel; a block's are all in memory at once.
        share = 1 if method.settings.networks.network == "dense" else 10
        self._noise_block = BLOCK // share
        self._block = images_at_once(method.image_shape, BLOCK // share, BLOCK_BYTES // share)

    def encode(
        self, split: Split, seed: seeds.Seed | None = None, rows: np.ndarray | None = None
    ) -> np.ndarray:
        """Codes `(size, latent_dim)` of a split.

        Args:
          split: of images.
          seed: for draws of a random q(z|x); without it the centre of q(z|x) is taken.
          rows: of the images to encode; all without it.
        """
        size = len(split) if rows is None else len(rows)
        return self._of_images("encode", split, self._noise(seed, size), rows=rows)

    def classify(self, split: Split) -> np.ndarray:
        """q(y|x) `(size, num_categories)` of a split."""
        return self._of_images("classify", split)

    def log_classify(self, split: Split) -> np.ndarray:
        """log q(y|x) `(size, num_categories)` of a split, float64."""
        return self._of_images("log_classify", split)

    def embed(self, split: Split) -> np.ndarray:
        """Reduced representations `(size, latent_dim)` of a split."""
        return self._of_images("embed", split)

    def reconstruct(self, split: Split, of_block: OfBlock = np.asarray) -> np.ndarray:
        """Images decoded from the images' own codes, and labels where the decoder needs them."""
        blocks = self._blocks("reconstruct", split, self._labels(split))
        return np.concatenate([of_block(rebuilt) for _, rebuilt in blocks])

    def reconstruction_errors(self, split: Split) -> np.ndarray:
        """Half the squared distance of each image to its reconstruction, `(size,)`.

        In units of `Method.error_scale`.
        """
        scale = self._method.error_scale
        blocks = self._blocks("reconstruct", split, self._labels(split))
        return np.concatenate(
            [
                half_squared_error(
                    tf.constant(pixels, rebuilt.dtype) / scale, rebuilt / scale
                ).numpy()
                for pixels, rebuilt in blocks
            ]
        )

    def scores(self, split: Split) -> dict[str, np.ndarray]:
        """What `Method.scores` gives for each image, `(size,)` by name."""
        function, parts = self._function("scores"), []
        for start in range(0, max(1, len(split)), self._block):
            pixels = split.intensities(slice(start, start + self._block))
            scores = function(tf.constant(pixels, self._method.dtype))
            parts.append({name: value.numpy() for name, value in scores.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def bound(self, split: Split, seed: seeds.Seed) -> np.ndarray:
        """Distortion and divergence of a VAE's bound at one draw of q(z|x), `(size, 2)` in nats."""
        return self._of_images("bound", split, self._noise(seed, len(split)))

    def cost(self, split: Split) -> np.ndarray:
        """What it costs to rebuild each image, `(size,)`."""
        return self._of_images("reconstruction_cost", split)

    def decode(
        self, codes: np.ndarray, labels: np.ndarray | None = None, of_block: OfBlock = np.asarray
    ) -> np.ndarray:
        """Images `(size, height, width, channels)` of codes, or what `of_block` makes of them.

        Args:
          codes: `(size, latent_dim)`.
          labels: `(size,)`, the categories where the decoder takes one.
          of_block: what is kept of some of the images; all of them without it.
        """
        decode, dtype, blocks = self._function("decode"), self._method.dtype, []
        for start in range(0, max(1, len(codes)), self._block):
            inputs = [tf.constant(codes[start : start + self._block], dtype)]
            if self._method.num_categories:
                chosen = labels[start : start + self._block]
                inputs.append(tf.one_hot(chosen, self._method.num_categories, dtype=dtype))
            blocks.append(of_block(decode(*inputs).numpy()))
        return np.concatenate(blocks)

    def _noise(self, seed: seeds.Seed | None, size: int):
        """What gives a random encoder its noise, the same however large a block is."""
        dim = self._method.encoder_noise_dim if seed is not None else 0

        def noise(start, images):
            if not dim:
                return ()
            parts, at, end = [], start - start % self._noise_block, start + images.shape[0]
            for first in range(at, end, self._noise_block):
                shape = [min(self._noise_block, size - first), dim]
                folded = seeds.fold(seed, "encode", first)
                parts.append(tf.random.stateless_normal(shape, folded, dtype=self._method.dtype))
            return (tf.concat(parts, 0)[start - at : end - at],)

        return noise

    def _labels(self, split: Split):
        """What gives a decoder that needs them the labels of each block."""

        def labels(start, images):
            if split.labels is None:
                return ()
            return (tf.constant(split.labels[start : start + images.shape[0]], tf.int32),)

        return labels

    def _of_images(self, name, split, more=lambda start, images: (), rows=None):
        """What the method's function of that name gives for images and `more` of each block."""
        return np.concatenate([given for _, given in self._blocks(name, split, more, rows)])

    def _blocks(self, name, split, more, rows=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the intensities of each block, and what the function gives for them."""
        function = self._function(name)
        for start in range(0, max(1, len(split) if rows is None else len(rows)), self._block):
            chosen = slice(start, start + self._block)
            pixels = split.intensities(chosen if rows is None else rows[chosen])
            images = tf.constant(pixels, self._method.dtype)
            yield pixels, function(images, *more(start, images)).numpy()

    def _function(self, name):
        if name not in self._compiled:
            function = getattr(self._method, name)
            self._compiled[name] = tf.function(function, reduce_retracing=True, autograph=False)
        return self._compiled[name]


def blocks_of_samples(
    method: Method, seed: seeds.Seed, count: int, label: str, sampler: Any = None
) -> Iterator[np.ndarray]:
    """Yields decoded samples of the method's sampler, or of another one, clipped to 0..1.

    The same ones for the same seed, fewer being the first of more. A block of large images is
    yielded in parts.
    """
    starts = range(0, count, IMAGES_PER_BLOCK)
    size = images_at_once(method.image_shape)
    for start in progress_bar(None, "block", late=True, label=label, over=starts):
        folded = seeds.fold(seed, "sample_quality", start)
        drawn = method.draw(folded, IMAGES_PER_BLOCK, sampler)
        for at in range(0, min(IMAGES_PER_BLOCK, count - start), size):
            part = {name: value[at : at + size] for name, value in drawn.items()}
            images = np.asarray(method.decode_drawn(**part), np.float32)
            yield np.clip(images[: count - start - at], 0, 1)
