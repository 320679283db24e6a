"""The losses of the discriminator and of the encoder as its adversary, on logits.

softplus(-l) = -log sigmoid(l) and softplus(l) = -log(1 - sigmoid(l)), neither of which underflows.
"""

from __future__ import annotations

import tensorflow as tf


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
