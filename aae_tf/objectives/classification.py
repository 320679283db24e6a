"""The cost of a wrong class, on logits."""

from __future__ import annotations

import tensorflow as tf


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """-log q(y|x) of the true class (AAE, section 5, the semi-supervised classification phase).

    Args:
      labels: integers `(batch,)`.
      logits: `(batch, classes)`.

    Returns:
      `(batch,)` in nats; log of the number of classes for equal logits.
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
