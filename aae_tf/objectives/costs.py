"""Costs c(x, y) of rebuilding an image x as y, for Wasserstein auto-encoders (WAE, section 2).

Each sums over pixels, so that the weight of a penalty doesn't hang on how it is averaged; their
scales differ, and with them what a penalty weight means. Images `(batch, height, width, channels)`
with intensities in 0..1; values `(batch,)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from aae_tf.objectives.likelihood import bernoulli_log_likelihood

Cost = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

HUBER_DELTA = 0.1  # of the intensity, beyond which an error counts in proportion
SSIM_WINDOW = 11  # pixels, as Wang et al. (2004) have it


def _sum(per_pixel: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(per_pixel, axis=list(range(1, len(per_pixel.shape))))


def l2_squared(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """|x - y|^2, the paper's cost (WAE, section 4); with it WAE-GAN is an AAE."""
    return _sum(tf.math.squared_difference(images, rebuilt))


def l2(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """|x - y|, whose gradient at 0 is taken to be 0."""
    squared = l2_squared(images, rebuilt)
    is_zero = squared == 0
    return tf.where(is_zero, tf.zeros_like(squared), tf.sqrt(tf.where(is_zero, 1.0, squared)))


def l1(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """The sum of absolute differences."""
    return _sum(tf.abs(images - rebuilt))


def huber(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """Huber's: half the square of a difference up to delta = 0.1, delta (|d| - delta / 2) above."""
    difference = tf.abs(images - rebuilt)
    within = tf.minimum(difference, HUBER_DELTA)
    return _sum(within * (difference - 0.5 * within))


def cross_entropy(images: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """-x log y - (1 - x) log(1 - y), in nats, y = sigmoid(logits); at least the images' entropy.

    Of y itself it would have no gradient where a pixel is surely wrong.
    """
    return -bernoulli_log_likelihood(images, logits)


def ssim(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """1 less the structural similarity (Wang et al., 2004), times the number of values.

    The factor brings it to the scale of the sums over pixels. Images are to be of 11 x 11 or more.
    """
    count = images.shape[1] * images.shape[2] * images.shape[3]
    similarity = tf.image.ssim(images, tf.cast(rebuilt, images.dtype), max_val=1.0)
    return count * (1 - tf.cast(similarity, images.dtype))


COSTS: Mapping[str, Cost] = {
    "l2_squared": l2_squared,
    "l2": l2,
    "l1": l1,
    "huber": huber,
    "cross_entropy": cross_entropy,
    "ssim": ssim,
}
OF_LOGITS = ("cross_entropy",)  # whose second argument is what the output's sigmoid is taken of
