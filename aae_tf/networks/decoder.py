"""The decoder p(x|z)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import ops

from aae_tf.networks.dense import DenseStyle, Trunk


class Decoder(keras.Model):
    """Maps codes to images.

    Input shape: `(batch, latent_dim)`. Output shape: `(batch, height, width, channels)`, in 0..1
    with a sigmoid output.

    Args:
      image_shape: `(height, width, channels)`.
      latent_dim: size of the code.
      units: sizes of the hidden layers.
      style: how the dense layers are made.
      output_activation: 'sigmoid' or 'linear' (AAE, appendix A: sigmoid on MNIST).
      batch_norm: in all layers, that of the pixels included (AAE, appendix A.2.2: on SVHN).
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        units: Sequence[int] = (1000, 1000),
        style: DenseStyle | None = None,
        output_activation: str = "sigmoid",
        batch_norm: bool = False,
        name: str = "decoder",
    ):
        style = style or DenseStyle()
        super().__init__(name=name, dtype=style.dtype)
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.trunk = Trunk(units, style, name, batch_norm)
        self.pixels = style.layer(
            math.prod(self.image_shape), "pixels", name, hidden=False, norm=batch_norm
        )
        self.output_activation = keras.activations.get(output_activation)
        self.trunk.build((None, latent_dim))
        self.pixels.build((None, units[-1]))
        self.built = True

    def call(self, codes, training=False):
        return self.output_activation(self.linear(codes, training))

    def linear(self, codes, training=False):
        """Images before the output's activation, such as logits."""
        features = self.trunk(codes, training=training)
        pixels = self.pixels(features, training=training)
        return ops.reshape(pixels, (-1, *self.image_shape))
