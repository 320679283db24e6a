"""A layer with batch normalisation behind it, dense or a convolution."""

from __future__ import annotations

import keras
import tensorflow as tf


class Normalized(keras.layers.Layer):
    """A linear layer, batch normalisation over all replicas, then the activation.

    Normalisation has a shift of its own, so the linear layer should have no bias.

    Input shape and output shape: those of the linear layer.

    Args:
      linear: the layer without bias and activation.
      activation: that follows, or None.
      dtype: Keras dtype policy.
      name: of the layer.
      **moments: `momentum` of the moving moments and `epsilon`, where they aren't Keras's own.
    """

    def __init__(self, linear: keras.layers.Layer, activation, dtype: str, name: str, **moments):
        super().__init__(name=name, dtype=dtype)
        self.linear = linear
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        self.norm = keras.layers.BatchNormalization(
            synchronized=several, dtype=dtype, name="norm", **moments
        )
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.linear.build(input_shape)
        self.norm.build(self.linear.compute_output_shape(input_shape))

    def compute_output_shape(self, input_shape):
        return self.linear.compute_output_shape(input_shape)

    def call(self, features, training=False):
        return self.activation(self.norm(self.linear(features), training=training))
