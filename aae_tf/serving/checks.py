"""What a served model asks of its inputs, checked in the graph.

A wrong input gets INVALID_ARGUMENT with what was expected, where a bare network would answer
something. The checks are operations of the graph, so they hold in any server and any language.
"""

from __future__ import annotations

import tensorflow as tf

MOST_SAMPLES = 10_000  # of one request, so that none can use up a server's memory
MARGIN = 1e-6  # for intensities that were divided in another arithmetic


def check_images(values: tf.Tensor) -> tf.Tensor:
    """Images `(n, height, width, channels)`, if all are finite and in 0..1."""
    inside = tf.reduce_all((values >= -MARGIN) & (values <= 1 + MARGIN))  # false for NaN
    return _if(inside, values, "images: expected finite values from 0 to 1")


def check_codes(values: tf.Tensor, name: str = "codes") -> tf.Tensor:
    """Codes `(n, latent_dim)`, if all are finite."""
    return _if(tf.reduce_all(tf.math.is_finite(values)), values, f"{name}: expected finite values")


def check_labels(values: tf.Tensor, categories: int, beside: tf.Tensor, name: str) -> tf.Tensor:
    """Labels `(n,)`, if all are in range and there are as many as of what is beside them.

    Args:
      values: int64.
      categories: how many there are.
      beside: `(n, ...)`.
      name: of that.
    """
    inside = tf.reduce_all((values >= 0) & (values < categories))
    values = _if(inside, values, f"labels: expected labels from 0 to {categories - 1}")
    as_many = tf.equal(tf.shape(values)[0], tf.shape(beside)[0])
    return _if(as_many, values, f"labels: expected as many labels as {name}")


def check_count(value: tf.Tensor) -> tf.Tensor:
    """A number of samples, if it isn't negative and not too large."""
    inside = (value >= 0) & (value <= MOST_SAMPLES)
    return _if(inside, value, f"count: expected a number from 0 to {MOST_SAMPLES}")


def _if(condition: tf.Tensor, values: tf.Tensor, expected: str) -> tf.Tensor:
    with tf.control_dependencies([tf.debugging.Assert(condition, [expected])]):
        return tf.identity(values)
