"""What a reconstruction costs: squared errors, WAE's costs, and the terms of a VAE's bound.

Costs and likelihoods take images and what the decoder makes of their codes, each
`(batch, height, width, channels)`, and give a value for each image, `(batch,)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import tensorflow as tf
from tensorflow_probability import distributions as tfd

Cost = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

HUBER_DELTA = 0.1  # of the intensity, beyond which an error counts in proportion


def half_squared_error(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """Half the squared Euclidean distance `(batch,)` of images to their reconstructions.

    The sum over pixels, not their mean: a mean would shift the balance to the adversary by the
    number of pixels (AAE, appendix A.2.1).
    """
    return 0.5 * l2_squared(images, tf.cast(rebuilt, images.dtype))


def l2_squared(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """|x - y|^2 `(batch,)`, the paper's cost (WAE, section 4); with it WAE-GAN is an AAE."""
    return _sum(tf.math.squared_difference(images, rebuilt))


def l2(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """|x - y| `(batch,)`, whose gradient at 0 is taken to be 0."""
    squared = l2_squared(images, rebuilt)
    is_zero = squared == 0
    return tf.where(is_zero, tf.zeros_like(squared), tf.sqrt(tf.where(is_zero, 1.0, squared)))


def l1(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """The sum of absolute differences, `(batch,)`."""
    return _sum(tf.abs(images - rebuilt))


def huber(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """Half a difference's square up to delta = 0.1, delta (|d| - delta / 2) above; `(batch,)`."""
    difference = tf.abs(images - rebuilt)
    within = tf.minimum(difference, HUBER_DELTA)
    return _sum(within * (difference - 0.5 * within))


def cross_entropy(images: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """-x log y - (1 - x) log(1 - y) `(batch,)` in nats, with y = sigmoid(logits).

    At least the images' entropy. Of y itself it would have no gradient where a pixel is surely
    wrong.
    """
    return -bernoulli_log_likelihood(images, logits)


def ssim(images: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """1 less the structural similarity (Wang et al., 2004), times the number of values; `(batch,)`.

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


def bernoulli_log_likelihood(images: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """log p(x|z) `(batch,)` in nats of independent Bernoulli pixels, images in 0..1.

    Grey values count as the share of draws that are 1, as is usual for MNIST; it is then a bound
    and no density.
    """
    return -_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits))


def gaussian_log_likelihood(images: tf.Tensor, means: tf.Tensor, variance: float) -> tf.Tensor:
    """log p(x|z) `(batch,)` in nats of independent Gaussian pixels of one variance.

    Args:
      images: `(batch, height, width, channels)`.
      means: of the same shape.
      variance: in squared units of intensity; the WAE paper's VAE has 0.3 on CelebA, with pixels
        in -1..1, which is 0.075 in 0..1.
    """
    squared = l2_squared(images, means)
    return -0.5 * (
        squared / variance + math.prod(images.shape[1:]) * math.log(2 * math.pi * variance)
    )


def diagonal_gaussian(mean: tf.Tensor, log_variance: tf.Tensor) -> tfd.Distribution:
    """q(z|x) of moments, each `(batch, latent_dim)` (Kingma & Welling, 2014)."""
    return tfd.MultivariateNormalDiag(mean, scale_diag=tf.exp(0.5 * log_variance))


def has_closed_form(prior) -> bool:
    """Whether TFP knows KL(diagonal Gaussian || prior)."""
    if not isinstance(prior, tfd.Distribution):
        return False
    zeros = tf.zeros([1, prior.event_shape[0]], prior.dtype)
    try:
        tfd.kl_divergence(diagonal_gaussian(zeros, zeros), prior)
    except NotImplementedError:
        return False
    return True


def kl_closed_form(mean: tf.Tensor, log_variance: tf.Tensor, prior) -> tf.Tensor:
    """KL(q(z|x) || p(z)) `(batch,)` in nats by TFP's formula, of moments `(batch, latent_dim)`."""
    return tfd.kl_divergence(diagonal_gaussian(mean, log_variance), prior)


def kl_monte_carlo(mean: tf.Tensor, log_variance: tf.Tensor, codes: tf.Tensor, prior) -> tf.Tensor:
    """log q(z|x) - log p(z) at draws of q(z|x), whose expectation is the divergence.

    It differs from code to code and can be negative.

    Args:
      mean: `(batch, latent_dim)`.
      log_variance: `(batch, latent_dim)`.
      codes: one draw for each, `(batch, latent_dim)`, through which gradients flow.
      prior: with `log_prob`.

    Returns:
      `(batch,)` in nats.
    """
    posterior = diagonal_gaussian(mean, log_variance)
    return posterior.log_prob(codes) - tf.cast(prior.log_prob(codes), codes.dtype)


def _sum(per_pixel):
    """Sums over all axes but the first."""
    return tf.reduce_sum(per_pixel, axis=list(range(1, len(per_pixel.shape))))
