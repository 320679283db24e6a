"""The losses of the discriminator and of the encoder as its adversary, on logits.

softplus(-l) = -log sigmoid(l) and softplus(l) = -log(1 - sigmoid(l)), neither of which underflows.

And penalties of the discriminator's gradient with respect to what it sees, none of which the AAE's
paper has. Their critic maps points `(batch, dim)` to logits `(batch,)`, each of its own point.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Critic = Callable[[tf.Tensor], tf.Tensor]


def discriminator_loss(prior_logits: tf.Tensor, code_logits: tf.Tensor) -> tf.Tensor:
    """-log D(z) - log(1 - D(E(x))) (AAE, section 1.1).

    Args:
      prior_logits: logits of samples of the prior, `(batch,)`; these are the positives.
      code_logits: logits of codes, `(batch,)`.

    Returns:
      `(batch,)` in nats; 2 log 2 for a discriminator that can't tell.
    """
    return tf.nn.softplus(-prior_logits) + tf.nn.softplus(code_logits)


def generator_loss(code_logits: tf.Tensor) -> tf.Tensor:
    """-log D(E(x)), the non-saturating form (Goodfellow et al., 2014, section 3).

    Args:
      code_logits: logits of codes, `(batch,)`.

    Returns:
      `(batch,)` in nats; log 2 for a discriminator that can't tell.
    """
    return tf.nn.softplus(-code_logits)


def r1_penalty(critic: Critic, samples: tf.Tensor) -> tf.Tensor:
    """|grad D(z)|^2 / 2 at the positives (Mescheder et al., 2018, arXiv:1801.04406, equation 9).

    Args:
      critic: D.
      samples: of the prior, `(batch, dim)`.

    Returns:
      `(batch,)`, 0 where the critic is flat.
    """
    return tf.reduce_sum(slope(critic, samples) ** 2, -1) / 2


def gradient_penalty(critic: Critic, points: tf.Tensor) -> tf.Tensor:
    """(|grad D(z)| - 1)^2 (WGAN-GP: Gulrajani et al., 2017, arXiv:1704.00028, equation 3).

    Args:
      critic: D.
      points: between samples and codes, `(batch, dim)` (see `between`).

    Returns:
      `(batch,)`, 0 where the critic climbs by 1 per unit of the code.
    """
    # A length of 0 has no gradient; the floor keeps it finite.
    length = tf.sqrt(tf.maximum(tf.reduce_sum(slope(critic, points) ** 2, -1), 1e-12))
    return (length - 1) ** 2


def between(samples: tf.Tensor, codes: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Points on the lines from codes to samples (WGAN-GP, algorithm 1), `(batch, dim)`.

    Args:
      samples: `(batch, dim)`.
      codes: `(batch, dim)`.
      shares: of the sample in each point, in 0..1, `(batch, 1)`.
    """
    return shares * samples + (1 - shares) * codes


def slope(critic: Critic, points: tf.Tensor) -> tf.Tensor:
    """The gradient of each point's logit with respect to the point, `(batch, dim)`."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(points)
        # No logit depends on another's point, so the sum's gradient has each logit's own.
        total = tf.reduce_sum(critic(points))
    return tape.gradient(total, points)
