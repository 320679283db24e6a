"""What the networks share: a trunk of dense layers and seeded initial weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf

from aae_tf.seeds import name_number
from aae_tf.settings import parse_initializer


@dataclasses.dataclass(frozen=True)
class DenseStyle:
    """How all dense layers of a network are made.

    Args:
      activation: of the hidden layers.
      initializer: of the weights, as in `settings.parse_initializer`. Biases start at 0.
      dtype: Keras dtype policy, such as 'float32' or 'mixed_bfloat16'.
      seed: of the initial weights; each layer's is folded from it and the layer's name.
    """

    activation: str = "relu"
    initializer: str = "he_normal"
    dtype: str = "float32"
    seed: int = 0

    def layer(
        self, units: int, name: str, owner: str, *, hidden: bool, norm: bool = False
    ) -> keras.layers.Layer:
        """A dense layer.

        Args:
          units: its size.
          name: of the layer.
          owner: its network's name, so that no two layers start alike.
          hidden: whether the activation follows.
          norm: whether batch normalisation stands before it.
        """
        seed = name_number(self.seed, owner, name)
        scheme, deviation = parse_initializer(self.initializer)
        if scheme == "normal":
            kernel = keras.initializers.RandomNormal(stddev=deviation, seed=seed)
        elif scheme == "he_normal" and hidden:
            kernel = keras.initializers.HeNormal(seed=seed)
        else:  # He's scheme is made for a rectifier, which an output layer hasn't
            kernel = keras.initializers.GlorotUniform(seed=seed)
        activation = self.activation if hidden else None
        if norm:
            return NormalizedDense(units, activation, kernel, self.dtype, name)
        return keras.layers.Dense(
            units, activation=activation, kernel_initializer=kernel, dtype=self.dtype, name=name
        )


class NormalizedDense(keras.layers.Layer):
    """A dense layer, batch normalisation over all replicas, then the activation.

    Normalisation has a shift of its own, so the dense layer has no bias.

    Input shape: `(batch, features)`. Output shape: `(batch, units)`.
    """

    def __init__(self, units, activation, kernel_initializer, dtype, name):
        super().__init__(name=name, dtype=dtype)
        self.dense = keras.layers.Dense(
            units, use_bias=False, kernel_initializer=kernel_initializer, dtype=dtype, name="dense"
        )
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        self.norm = keras.layers.BatchNormalization(synchronized=several, dtype=dtype, name="norm")
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.norm.build(self.dense.compute_output_shape(input_shape))

    def compute_output_shape(self, input_shape):
        return self.dense.compute_output_shape(input_shape)

    def call(self, features, training=False):
        return self.activation(self.norm(self.dense(features), training=training))


class Trunk(keras.layers.Layer):
    """Hidden layers one after the other, with batch normalisation if `norm`.

    Input shape: `(batch, features)`. Output shape: `(batch, units[-1])`.
    """

    def __init__(self, units: Sequence[int], style: DenseStyle, owner: str, norm: bool = False):
        super().__init__(name="trunk", dtype=style.dtype)
        self._depth = len(units)
        for index, size in enumerate(units, start=1):
            # An attribute for each: tf.train.Checkpoint passes over layers kept in a list.
            name = f"hidden_{index}"
            setattr(self, name, style.layer(size, name, owner, hidden=True, norm=norm))

    def build(self, input_shape):
        for index in range(1, self._depth + 1):
            layer = getattr(self, f"hidden_{index}")
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, features, training=False):
        for index in range(1, self._depth + 1):
            features = getattr(self, f"hidden_{index}")(features, training=training)
        return features
