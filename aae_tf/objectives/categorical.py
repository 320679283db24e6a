"""Objectives on q(y|x): the AAE's own, and two more that ask for clusters.

The AAE's are the cost of classification (section 5) and the repulsion of cluster heads (section 7).
Not in the paper are the divergence of the categories' shares, and virtual adversarial training: how
much q(y|x) changes under the small change of the image that changes it most (Miyato et al., 2018,
arXiv:1704.03976, section 3).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from aae_tf.objectives.divergences import squared_distances

# How far the power iteration steps to see a direction's effect on the logits, in units of a pixel:
# small beside any radius, and large enough for differences of logits in float32.
PROBE = 0.01


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """-log q(y|x) of the true class (AAE, section 5, the semi-supervised classification phase).

    Args:
      labels: integers `(batch,)`.
      logits: `(batch, classes)`.

    Returns:
      `(batch,)` in nats; log of the number of classes for equal logits.
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def head_repulsion(heads: tf.Tensor, distance: float) -> tf.Tensor:
    """Sum over pairs of heads of what they lack to a distance eta (AAE, section 7).

    A pair further apart costs nothing; a closer one costs linearly more.

    Args:
      heads: `(count, dim)`.
      distance: eta, in units of the code.

    Returns:
      A scalar, 0 or more.
    """
    pairs = np.tril_indices(heads.shape[0], -1)  # each once
    second, first = (index.astype(np.int32) for index in pairs)
    gap = tf.gather(heads, first) - tf.gather(heads, second)
    # Two heads in one place have no direction to part in; the floor keeps their gradient finite.
    length = tf.sqrt(tf.maximum(tf.reduce_sum(gap**2, -1), 1e-12))
    return tf.reduce_sum(tf.nn.relu(distance - length))


def marginal_kl(probabilities: tf.Tensor, log_shares: tf.Tensor) -> tf.Tensor:
    """KL of the mean of q(y|x) over a minibatch from p(y); the AAE paper has no such term.

    For equal shares it is log K less the entropy of the mean, which regularized information
    maximization rewards (Krause et al., 2010, who also have the divergence from other shares; with
    virtual adversarial training, Hu et al., 2017, arXiv:1702.08720).

    Args:
      probabilities: q(y|x) `(batch, categories)`.
      log_shares: log p(y) `(categories,)`.

    Returns:
      A scalar in nats, from 0 to minus the least log share. Of a minibatch of n drawn from p(y)
      over K categories it is about (K - 1) / 2n, not 0.
    """
    mean = tf.reduce_mean(probabilities, 0)
    return tf.reduce_sum(tf.math.xlogy(mean, mean) - mean * log_shares)


def adversarial_perturbation(
    logits_of: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    direction: tf.Tensor,
    radius: float | tf.Tensor,
) -> tf.Tensor:
    """The change of each image that moves q(y|x) most, by one power iteration (section 3.3).

    To second order KL(q(y|x) || q(y|x + r)) is r' J' F J r / 2, with J the logits' Jacobian and
    F = diag(q) - q q' the softmax's Fisher information. The step takes J' F J d, where J d is a
    difference of logits, so that nearly certain categories lose no digits.

    Args:
      logits_of: maps images to logits `(batch, classes)`.
      images: `(batch, height, width, channels)`.
      direction: normal draws, shaped as the images: where the iteration starts.
      radius: Euclidean length of the change of each image, in units of a pixel; one for all, or of
        a shape such as `(batch, 1, 1, 1)`.

    Returns:
      Shaped as the images, each of length `radius`; 0 where no change has any effect. No gradient
      flows through it.
    """
    start = unit(direction)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = logits_of(images)
        effect = tf.stop_gradient((logits_of(images + PROBE * start) - logits) / PROBE)
        # Counted from the likeliest category, or its difference to the mean would be lost.
        likeliest = tf.argmax(logits, -1)
        effect -= tf.expand_dims(tf.gather(effect, likeliest, batch_dims=1), -1)
        probabilities = tf.stop_gradient(tf.nn.softmax(logits))
        mean = tf.reduce_sum(probabilities * effect, -1, keepdims=True)
        seen = tf.reduce_sum(probabilities * (effect - mean) * logits)
    return radius * unit(tf.stop_gradient(tape.gradient(seen, images)))


def nearest_distance(images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Euclidean distance of each image to the nearest of others but itself.

    Hu et al. (2017, arXiv:1702.08720) take the radius in proportion to the distance of the tenth
    neighbour in the whole data: where images lie close, small changes matter.

    Args:
      images: `(batch, height, width, channels)`.
      others: `(count, height, width, channels)`, 2 or more, the images among them.

    Returns:
      `(batch, 1, 1, 1)` in units of a pixel; up to rounding 0 for an image that is there twice.
      No gradient flows through it.
    """
    rows, columns = (tf.reshape(each, [each.shape[0], -1]) for each in (images, others))
    squared = squared_distances(tf.stop_gradient(rows), tf.stop_gradient(columns))
    # The least is an image's distance to itself.
    second = -tf.math.top_k(-squared, 2).values[:, 1]
    return tf.reshape(tf.sqrt(second), [-1] + [1] * (len(images.shape) - 1))


def divergence(logits: tf.Tensor, changed: tf.Tensor) -> tf.Tensor:
    """KL(q(y|x) || q(y|x + r)), whose first argument is taken as given (section 3.2).

    Args:
      logits: of the images `(batch, classes)`; no gradient flows to them.
      changed: of the changed images `(batch, classes)`.

    Returns:
      `(batch,)` in nats, 0 or more up to rounding.
    """
    given = tf.nn.log_softmax(tf.stop_gradient(logits))
    return tf.reduce_sum(tf.exp(given) * (given - tf.nn.log_softmax(changed)), -1)


def unit(vectors: tf.Tensor) -> tf.Tensor:
    """Each vector of a batch at Euclidean length 1; 0 stays 0."""
    axes = list(range(1, len(vectors.shape)))
    # Gradients of nearly certain categories are tiny: their squares would fall below float32.
    scaled = tf.math.divide_no_nan(vectors, tf.reduce_max(tf.abs(vectors), axes, keepdims=True))
    return tf.math.divide_no_nan(scaled, tf.sqrt(tf.reduce_sum(scaled**2, axes, keepdims=True)))
