"""How far a categorical code is from using its categories equally."""

from __future__ import annotations

import tensorflow as tf


def imbalance(probabilities: tf.Tensor) -> tf.Tensor:
    """KL of the mean of q(y|x) over a minibatch from equal shares; the AAE paper has no such term.

    It is log K less the entropy of the mean, which regularized information maximization rewards
    (Krause et al., 2010; with virtual adversarial training, Hu et al., 2017, arXiv:1702.08720).

    Args:
      probabilities: q(y|x) `(batch, categories)`.

    Returns:
      A scalar in nats, from 0 to the log of the number of categories. Of a minibatch of n from
      equal shares of K it is about (K - 1) / 2n, not 0.
    """
    share = tf.reduce_mean(probabilities, 0)
    categories = tf.cast(tf.shape(share)[0], share.dtype)
    return tf.reduce_sum(tf.math.xlogy(share, share)) + tf.math.log(categories)
