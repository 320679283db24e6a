"""The decoder p(x|z)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from aae_tf.networks.layers import LayerFactory
from aae_tf.networks.trunks import HiddenLayers, hidden_layers


class Decoder(keras.Model):
    """Maps codes to images.

    Input shape: `(batch, latent_dim)`. Output shape: `(batch, height, width, channels)`, in 0..1
    with a sigmoid output.

    Args:
      image_shape: `(height, width, channels)`.
      latent_dim: size of the code.
      hidden: its hidden layers; sizes alone stand for dense ones.
      layers: how layers are made.
      output_activation: 'sigmoid' or 'linear' (AAE, appendix A: sigmoid on MNIST).
      batch_norm: in all layers, that of the pixels included (AAE, appendix A.2.2: on SVHN);
        hidden `Convolutions` have a setting of their own.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] | HiddenLayers = (1000, 1000),
        layers: LayerFactory | None = None,
        output_activation: str = "sigmoid",
        batch_norm: bool = False,
        name: str = "decoder",
    ):
        layers = layers or LayerFactory()
        super().__init__(name=name, dtype=layers.dtype)
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.trunk, self.pixels, self._canvas = hidden_layers(hidden).of_codes(
            self.image_shape, latent_dim, layers, name, batch_norm
        )
        self.output_activation = keras.activations.get(output_activation)
        self.built = True

    def call(self, codes, training=False):
        return self.output_activation(self.linear(codes, training))

    def linear(self, codes, training=False):
        """Images before the output's activation, such as logits."""
        features = self.trunk(codes, training=training)
        pixels = self.pixels(features, training=training)
        return self._without_border(ops.reshape(pixels, (-1, *self._canvas)))

    def _without_border(self, images):
        """The centre, where convolutions have made more than the image."""
        if tuple(self._canvas) == self.image_shape:
            return images
        height, width, _ = self.image_shape
        top, left = (self._canvas[0] - height) // 2, (self._canvas[1] - width) // 2
        return images[:, top : top + height, left : left + width]
