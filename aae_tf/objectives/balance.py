"""How far a categorical code is from using its categories as often as it should."""

from __future__ import annotations

import tensorflow as tf


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
