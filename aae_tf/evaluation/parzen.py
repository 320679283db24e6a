"""The Gaussian Parzen window, as a sum over samples that come chunk by chunk (AAE, section 3).

log p(x) = log mean_i exp(-|x - s_i|^2 / (2 sigma^2)) - d/2 log(2 pi sigma^2) over samples s_i of d
pixels. Of the samples nothing stays but, for each image x, the largest exponent so far and sums
relative to it, so that memory is the same for ten thousand samples and for ten million.

With a centre taken off both, |x - s|^2 is |x|^2 + |s|^2 - 2 x.s of small numbers: the products are
one matrix product in float32, the norms are summed in float64.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.arrays import is_picture
from aae_tf.methods import Method
from aae_tf.utils import evenly_spaced

CHUNK = 2000  # samples that are decoded and compared at once
TILE = 1000  # images that they are compared with at once: 8 MB of products
# Neighbours differ by a sixth, which a spline bridges to well below 0.1 nats on MNIST.
SIGMAS = np.geomspace(0.04, 0.4, 16)
SHIFTS = 4  # how often the grid is moved, by its half, to get around the best sigma
CONVOLVED_AT_ONCE = 100  # samples that a convolutional decoder makes, to spare memory
CHECKED_IMAGES, CHECKED_SAMPLES = 100, 10_000  # of the error of float32, at most


class ModelSamples:
    """Decoded samples of the prior, each a function of the seed and of its number alone.

    Args:
      method: whose decoder and prior to use.
      seed: of the samples.
      xla: whether to compile the decoder with XLA; the prior is sampled outside.
    """

    def __init__(self, method: Method, seed: seeds.Seed, xla: bool = True):
        self._method = method
        dense = method.settings.networks.network == "dense"
        self._at_once = CHUNK if dense else CONVOLVED_AT_ONCE
        self._draw = tf.function(
            lambda number: self._codes(seeds.fold(seed, number)), autograph=False
        )
        self._decode = tf.function(self._intensities, jit_compile=xla, autograph=False)

    def chunk(self, number: int) -> tf.Tensor:
        """The samples from `CHUNK` * number on, `(CHUNK, height, width, channels)`."""
        drawn = self._draw(tf.constant(number, tf.int32))
        pieces = [
            self._decode(**{name: some[at : at + self._at_once] for name, some in drawn.items()})
            for at in range(0, CHUNK, self._at_once)
        ]
        return tf.concat(pieces, 0)

    def _codes(self, seed):
        return self._method.draw(seed, CHUNK, self._method.prior)

    def _intensities(self, **drawn):
        decoded = self._method.decode_drawn(**drawn)
        # A linear output, such as that of standardised pixels, may overshoot.
        return tf.clip_by_value(decoded, 0, 1) if is_picture(decoded.shape[1:]) else decoded


@dataclasses.dataclass(frozen=True)
class Sums:
    """Sums over the samples so far.

    Args:
      count: how many they are.
      largest: the largest x.s - |s|^2 / 2 of each image, float64 `(images,)`.
      weights: sums of exp((x.s - |s|^2 / 2 - largest) / sigma^2), float64 `(images, sigmas)`.
    """

    count: int
    largest: np.ndarray
    weights: np.ndarray


class ParzenWindow:
    """Log densities of images under equal Gaussians around samples, for several sigmas at once.

    Args:
      images: intensities, `(n, d)` or of any shape `(n, ...)` of d numbers each.
      centre: a point amid images and samples, of d numbers. The result hangs on it by rounding
        alone.
      sigmas: standard deviations of the Gaussians, in intensity.
      xla: whether to compile with XLA.
    """

    def __init__(
        self, images: np.ndarray, centre: np.ndarray, sigmas: Sequence[float], xla: bool = True
    ):
        self._centre = np.asarray(centre, np.float64).reshape(-1)
        self.sigmas = np.asarray(sigmas, np.float64)
        self._inverse = self.sigmas**-2
        self._prepare, self._reduce = _compiled(xla)
        self._half_norms = np.empty(len(images))
        self._tiles = []
        size = min(TILE, len(images))
        for start in range(0, len(images), size):
            some = images[start : start + size]
            # The last tile is filled up, since each shape is compiled apart.
            tile = np.zeros((size, len(self._centre)), np.float32)
            tile[: len(some)] = some.reshape(len(some), -1) - self._centre
            # Norms are those of the rounded points: they fit the products to the last digit.
            norms = np.square(tile[: len(some)], dtype=np.float64).sum(1)
            self._half_norms[start : start + size] = 0.5 * norms
            self._tiles.append(tf.constant(tile))

    def start(self) -> Sums:
        """The sums over no sample."""
        size = len(self._half_norms)
        return Sums(0, np.full(size, -np.inf), np.zeros((size, len(self.sigmas))))

    def add(self, sums: Sums, samples: tf.Tensor, count: int | None = None) -> Sums:
        """The sums and a chunk of samples more, as new sums.

        Args:
          sums: over the samples before.
          samples: intensities `(chunk, d)`, or `(chunk, ...)` of d numbers each.
          count: how many of the chunk, from its first on, there are; all by default.
        """
        count = len(samples) if count is None else count
        with exact_products():
            flat = tf.reshape(samples, [len(samples), -1])
            centred, half_norms = self._prepare(flat, tf.constant(self._centre), tf.constant(count))
            inverse = tf.constant(self._inverse, tf.float32)
            parts = [self._reduce(tile, centred, half_norms, inverse) for tile in self._tiles]
        size = len(self._half_norms)
        largest = np.concatenate([part[0].numpy() for part in parts])[:size].astype(np.float64)
        weights = np.concatenate([part[1].numpy() for part in parts], 1).T[:size]
        top = np.maximum(sums.largest, largest)
        before = np.exp(np.multiply.outer(sums.largest - top, self._inverse))
        new = np.exp(np.multiply.outer(largest - top, self._inverse))
        return Sums(sums.count + count, top, sums.weights * before + weights * new)

    def log_densities(self, sums: Sums) -> np.ndarray:
        """log p(x) of each image at each sigma, float64 `(n, sigmas)`, in nats."""
        exponents = np.multiply.outer(sums.largest - self._half_norms, self._inverse)
        scale = len(self._centre) / 2 * np.log(2 * math.pi * self.sigmas**2)
        return np.log(sums.weights) + exponents - math.log(sums.count) - scale


@functools.cache
def _compiled(xla: bool):
    """What is done with a chunk of samples, and with it and each tile of images."""

    @tf.function(jit_compile=xla, autograph=False)
    def prepare(samples, centre, count):
        rounded = tf.cast(tf.cast(samples, tf.float64) - centre, tf.float32)
        half_norms = 0.5 * tf.reduce_sum(tf.square(tf.cast(rounded, tf.float64)), 1)
        # A sample at infinity weighs nothing.
        left_out = tf.range(samples.shape[0]) >= count
        half_norms = tf.where(left_out, tf.constant(np.inf, tf.float64), half_norms)
        return rounded, tf.cast(half_norms, tf.float32)

    @tf.function(jit_compile=xla, autograph=False)
    def reduce(images, samples, half_norms, inverse):
        exponents = tf.matmul(images, samples, transpose_b=True) - half_norms
        largest = tf.reduce_max(exponents, 1)
        below = exponents - largest[:, None]
        sums = [tf.reduce_sum(tf.exp(below * factor), 1) for factor in tf.unstack(inverse)]
        return largest, tf.stack(sums)

    return prepare, reduce


@contextlib.contextmanager
def exact_products() -> Iterator[None]:
    """Keeps GPUs from rounding what they multiply to the ten bits of TensorFloat-32."""
    config = tf.config.experimental
    before = config.tensor_float_32_execution_enabled()
    config.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        config.enable_tensor_float_32_execution(before)


def best_sigma(sigmas: np.ndarray, log_likelihoods: np.ndarray) -> float:
    """The sigma of the largest log-likelihood, between a grid's points by a cubic spline.

    Args:
      sigmas: ascending, evenly spaced in their logarithm, `(n,)`.
      log_likelihoods: means over images, in nats, `(n,)`.

    Returns:
      A sigma between the neighbours of the grid's best one; at the grid's ends that end itself.
    """
    from scipy.interpolate import CubicSpline

    best = int(np.argmax(log_likelihoods))
    if is_at_an_end(log_likelihoods):
        return float(sigmas[best])
    logs = np.log(sigmas)
    fine = np.linspace(logs[best - 1], logs[best + 1], 2001)
    return float(np.exp(fine[np.argmax(CubicSpline(logs, log_likelihoods)(fine))]))


def is_at_an_end(log_likelihoods: np.ndarray) -> bool:
    """Whether the best sigma may lie beyond the grid."""
    return int(np.argmax(log_likelihoods)) in (0, len(log_likelihoods) - 1)


def moved(sigmas: np.ndarray, log_likelihoods: np.ndarray) -> np.ndarray:
    """The grid moved so that the end that is best becomes its middle."""
    return sigmas * (sigmas[int(np.argmax(log_likelihoods))] / sigmas[len(sigmas) // 2])


def error_of_float32(
    images: np.ndarray,
    centre: np.ndarray,
    sigma: float,
    samples: ModelSamples,
    count: int,
    xla: bool = True,
) -> float:
    """The largest difference, in nats, that rounding makes to log p(x).

    It is taken over up to 100 evenly spaced images and up to 10,000 samples, and against squared
    distances that are summed in float64 from the pixels' differences.

    Args:
      images: `(n, d)` in 0..1.
      centre: as for `ParzenWindow`.
      sigma: of the window.
      samples: of the window.
      count: of them.
      xla: as for `ParzenWindow`.
    """
    from scipy.spatial.distance import cdist
    from scipy.special import logsumexp

    some = images[evenly_spaced(len(images), CHECKED_IMAGES)]
    window = ParzenWindow(some, centre, [sigma], xla)
    sums, exponents, left = window.start(), [], min(count, CHECKED_SAMPLES)
    for number in range(math.ceil(left / CHUNK)):
        chunk = samples.chunk(number)
        inside = min(CHUNK, left - number * CHUNK)
        sums = window.add(sums, chunk, inside)
        wide = np.asarray(chunk[:inside], np.float64).reshape(inside, -1)
        squares = cdist(some.astype(np.float64), wide, "sqeuclidean")
        exponents.append(squares / (-2 * sigma**2))
    scale = some.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
    exact = logsumexp(np.concatenate(exponents, 1), axis=1) - math.log(left) - scale
    return float(np.abs(window.log_densities(sums)[:, 0] - exact).max())
