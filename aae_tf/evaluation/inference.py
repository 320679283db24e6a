"""Many images through the networks, a block at a time."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf
import tqdm

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.methods import Method

BLOCK = 1000


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

    def _noise(self, seed: seeds.Seed | None):
        """What gives a random encoder its noise, block by block."""
        size = self._method.encoder_noise_dim if seed is not None else 0

        def noise_for(start, images):
            if not size:
                return ()
            folded = seeds.fold(seed, "encode", start)
            shape = [images.shape[0], size]
            return (tf.random.stateless_normal(shape, folded, dtype=self._method.dtype),)

        return noise_for

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

        def labels_for(start, images):
            if split.labels is None:
                return ()
            return (tf.constant(split.labels[start : start + self._block], tf.int32),)

        return self._of_images("reconstruct", split, labels_for)

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
        decode, blocks = self._function("decode"), []
        for start in range(0, len(codes), self._block):
            block = [tf.constant(codes[start : start + self._block], self._method.dtype)]
            if self._method.num_categories:
                chosen = labels[start : start + self._block]
                size, dtype = self._method.num_categories, self._method.dtype
                block.append(tf.one_hot(chosen, size, dtype=dtype))
            blocks.append(decode(*block).numpy())
        return np.concatenate(blocks)

    def _of_images(self, name, split, more=lambda start, images: ()):
        function, blocks = self._function(name), []
        for start in range(0, len(split), self._block):
            images = tf.constant(
                split.intensities(slice(start, start + self._block)), self._method.dtype
            )
            blocks.append(function(images, *more(start, images)).numpy())
        return np.concatenate(blocks)

    def _function(self, name):
        if name not in self._compiled:
            function = getattr(self._method, name)
            self._compiled[name] = tf.function(function, reduce_retracing=True)
        return self._compiled[name]


def weights_digest(method: Method) -> str:
    """SHA-256 over the bits of all weights."""
    total = hashlib.sha256()
    for network in method.networks.values():
        for variable in network.variables:
            total.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return total.hexdigest()


IMAGES_PER_BLOCK = 250  # images that go through a network at once
BLOCK_BYTES = 2**26  # of a block of pixels that a matrix product takes


def block_bar(blocks: Iterable, label: str, total: int | None = None, done: int = 0) -> Iterable:
    """The same blocks, with a bar on standard error if they take longer than a few seconds.

    Args:
      blocks: to go through.
      label: that stands before the bar.
      total: of blocks, where they don't know it or `done` ones come before them.
      done: blocks that an earlier process has done.
    """
    interval = 0.2 if sys.stderr.isatty() else 60
    return tqdm.tqdm(
        blocks,
        label,
        total,
        leave=False,
        delay=3,
        initial=done,
        mininterval=interval,
        maxinterval=interval,
        bar_format="{desc}: {percentage:3.0f}%|{bar:12}| [{remaining} left]",
    )


def note(line: str) -> None:
    """Tells the user something that the numbers don't, on standard error."""
    tqdm.tqdm.write(line, file=sys.stderr)


def rows_in_a_block(image_shape: tuple[int, ...]) -> int:
    """How many images of float32 fit into `BLOCK_BYTES`."""
    return max(1, BLOCK_BYTES // (4 * int(np.prod(image_shape))))


def each_block(split: Split, step: int, label: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (first row, intensities) of all images of a split."""
    for start in block_bar(range(0, len(split), step), label):
        yield start, split.intensities(slice(start, start + step))


def blocks_of_split(
    split: Split, label: str, rows: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yields intensities `(block, height, width, channels)` of a split, or of some rows of it."""
    if rows is None:
        for _, block in each_block(split, IMAGES_PER_BLOCK, label):
            yield block
        return
    for start in block_bar(range(0, len(rows), IMAGES_PER_BLOCK), label):
        yield split.take(rows[start : start + IMAGES_PER_BLOCK]).intensities()


def blocks_of_samples(
    method: Method, seed: seeds.Seed, count: int, label: str
) -> Iterator[np.ndarray]:
    """Yields decoded samples of the prior, clipped to 0..1.

    The same ones for the same seed, fewer being the first of more.
    """
    for start in block_bar(range(0, count, IMAGES_PER_BLOCK), label):
        drawn = method.sample(seeds.fold(seed, "sample_quality", start), IMAGES_PER_BLOCK)["images"]
        yield np.clip(np.asarray(drawn[: count - start], np.float32), 0, 1)
