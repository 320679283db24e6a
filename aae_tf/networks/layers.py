"""What the networks share: seeded initial weights, and trunks of dense layers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import ops

from aae_tf.seeds import name_number
from aae_tf.settings import parse_initializer


@dataclasses.dataclass(frozen=True)
class LayerFactory:
    """How all layers of a network are made, convolutions included.

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

    def dense(
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
        kernel = self.kernel(name, owner, hidden=hidden)
        activation = self.activation if hidden else None
        if norm:
            linear = keras.layers.Dense(
                units, use_bias=False, kernel_initializer=kernel, dtype=self.dtype, name="dense"
            )
            return Normalized(linear, activation, self.dtype, name)
        return keras.layers.Dense(
            units, activation=activation, kernel_initializer=kernel, dtype=self.dtype, name=name
        )

    def kernel(
        self, name: str, owner: str, *, hidden: bool, he_scale: float = 2.0
    ) -> keras.initializers.Initializer:
        """What a layer's weights start from; arguments as for `dense`.

        Args:
          he_scale: of he_normal, where what Keras takes for the number of inputs isn't that.
        """
        seed = name_number(self.seed, owner, name)
        scheme, deviation = parse_initializer(self.initializer)
        if scheme == "normal":
            return keras.initializers.RandomNormal(stddev=deviation, seed=seed)
        if scheme == "he_normal" and hidden:
            return keras.initializers.VarianceScaling(
                he_scale, "fan_in", "truncated_normal", seed=seed
            )
        # He's scheme is made for a rectifier, which an output layer hasn't.
        return keras.initializers.GlorotUniform(seed=seed)


class Trunk(keras.layers.Layer):
    """Hidden layers one after the other, with batch normalisation if `norm`.

    Input shape: `(batch, features)`; hidden noise `(batch, sum(units))`, which is added to the
      layers' outputs, from the first to the last. Output shape: `(batch, units[-1])`.
    """

    def __init__(self, units: Sequence[int], layers: LayerFactory, owner: str, norm: bool = False):
        super().__init__(name="trunk", dtype=layers.dtype)
        self._units = tuple(units)
        for index, size in enumerate(units, start=1):
            # An attribute for each: tf.train.Checkpoint passes over layers kept in a list.
            name = f"hidden_{index}"
            setattr(self, name, layers.dense(size, name, owner, hidden=True, norm=norm))

    def build(self, input_shape):
        for index in range(1, len(self._units) + 1):
            layer = getattr(self, f"hidden_{index}")
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, features, training=False, hidden_noise=None):
        start = 0
        for index, size in enumerate(self._units, start=1):
            features = getattr(self, f"hidden_{index}")(features, training=training)
            if hidden_noise is not None:
                features += ops.cast(hidden_noise[:, start : start + size], features.dtype)
                start += size
        return features


class ImageTrunk(Trunk):
    """Hidden layers of the pixels of an image and, beside them, of noise.

    Input shape: images `(batch, *image_shape)`; noise `(batch, noise_dim)`; hidden noise as
      `Trunk`.
    Output shape: `(batch, size)`.
    """

    def __init__(
        self,
        units: Sequence[int],
        image_shape: Sequence[int],
        noise_dim: int,
        layers: LayerFactory,
        owner: str,
        norm: bool = False,
    ):
        super().__init__(units, layers, owner, norm)
        self._pixels, self._noise_dim = math.prod(image_shape), noise_dim
        self.size = units[-1]
        self.build((None, self._pixels + noise_dim))

    def call(self, images, noise=None, training=False, hidden_noise=None):
        flat = ops.reshape(images, (-1, self._pixels))
        if self._noise_dim:
            flat = ops.concatenate([flat, ops.cast(noise, flat.dtype)], axis=-1)
        return super().call(flat, training, hidden_noise)


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
