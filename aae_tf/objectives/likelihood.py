"""The two halves of the variational bound: log p(x|z) and KL(q(z|x) || p(z)) (AAE, section 2.1)."""

from __future__ import annotations

import math

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def bernoulli_log_likelihood(images: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """log p(x|z) of independent Bernoulli pixels.

    Grey values count as the share of draws that are 1, as is usual for MNIST; it is then a bound
    and no density.

    Args:
      images: `(batch, ...)` in 0..1.
      logits: of the same shape.

    Returns:
      `(batch,)` in nats.
    """
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    return -tf.reduce_sum(entropy, axis=list(range(1, len(images.shape))))


def gaussian_log_likelihood(images: tf.Tensor, means: tf.Tensor, variance: float) -> tf.Tensor:
    """log p(x|z) of independent Gaussian pixels of one variance.

    Args:
      images: `(batch, ...)`.
      means: of the same shape.
      variance: in squared units of intensity; the WAE paper's VAE has 0.3 on CelebA.

    Returns:
      `(batch,)` in nats.
    """
    axes = list(range(1, len(images.shape)))
    squared = tf.reduce_sum(tf.math.squared_difference(images, means), axis=axes)
    return -0.5 * (
        squared / variance + math.prod(images.shape[1:]) * math.log(2 * math.pi * variance)
    )


def diagonal_gaussian(mean: tf.Tensor, log_variance: tf.Tensor) -> tfd.Distribution:
    """q(z|x) of moments `(batch, latent_dim)`."""
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
    """KL(q(z|x) || p(z)) by TFP's formula, `(batch,)` in nats."""
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
