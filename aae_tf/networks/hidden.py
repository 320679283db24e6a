"""What stands between images and codes: dense layers or convolutions (`--network`)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

import keras

from aae_tf.networks.convolutional import (
    ConvolutionalCodeTrunk,
    ConvolutionalImageTrunk,
    most_doublings,
    transposed_convolution,
)
from aae_tf.networks.dense import ImageTrunk, LayerFactory, Trunk


class HiddenLayers(Protocol):
    """Makes all of an encoder but its heads, and all of a decoder."""

    def of_images(
        self,
        image_shape: Sequence[int],
        noise_dim: int,
        style: LayerFactory,
        owner: str,
        batch_norm: bool,
    ) -> keras.layers.Layer:
        """An encoder's trunk, built: images and noise to features `(batch, trunk.size)`.

        Args:
          image_shape: `(height, width, channels)`.
          noise_dim: of the noise that it takes beside images; 0 for none.
          style: how layers are made.
          owner: name of the network.
          batch_norm: of the encoder.
        """

    def of_codes(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        style: LayerFactory,
        owner: str,
        batch_norm: bool,
    ) -> tuple[keras.layers.Layer, keras.layers.Layer, tuple[int, int, int]]:
        """A decoder's trunk and its layer of pixels, built, and the shape of these.

        The shape is `(height, width, channels)` of an image, or of one with a border around it.
        """


@dataclasses.dataclass(frozen=True)
class DenseLayers:
    """Hidden layers that are dense (AAE), with or without batch normalisation in all of them.

    Args:
      units: their sizes.
    """

    units: tuple[int, ...]

    def of_images(self, image_shape, noise_dim, style, owner, batch_norm):
        return ImageTrunk(self.units, image_shape, noise_dim, style, owner, batch_norm)

    def of_codes(self, image_shape, latent_dim, style, owner, batch_norm):
        trunk = Trunk(self.units, style, owner, batch_norm)
        trunk.build((None, latent_dim))
        size = math.prod(image_shape)
        pixels = style.layer(size, "pixels", owner, hidden=False, norm=batch_norm)
        pixels.build((None, self.units[-1]))
        return trunk, pixels, tuple(image_shape)


@dataclasses.dataclass(frozen=True)
class Convolutions:
    """Hidden layers that are convolutions, as in the WAE paper's experiments.

    An encoder's each halve height and width. A decoder's begin with a dense layer that makes a
    small map of `filters[0]` channels; each further number is that of a transposed convolution that
    doubles height and width; one of stride 1 makes the pixels. The small map's size follows from
    the image's, rounded up; where that makes too large an image its border is cut off.

    Args:
      filters: from the input to the output.
      filter_size: side of the filters, in pixels.
      batch_norm: in the hidden convolutions. A network's own `batch_norm` is that of its heads: the
        code's, the category's, the pixels'.
    """

    filters: tuple[int, ...]
    filter_size: int = 4
    batch_norm: bool = True

    def of_images(self, image_shape, noise_dim, style, owner, batch_norm):
        del batch_norm
        return ConvolutionalImageTrunk(
            self.filters, self.filter_size, image_shape, noise_dim, style, owner, self.batch_norm
        )

    def of_codes(self, image_shape, latent_dim, style, owner, batch_norm):
        if len(self.filters) - 1 > most_doublings(image_shape):
            raise ValueError(
                f"an image of {tuple(image_shape)} takes at most {most_doublings(image_shape)} "
                f"doublings. Received: filters={self.filters}"
            )
        trunk = ConvolutionalCodeTrunk(
            self.filters, self.filter_size, image_shape, style, owner, self.batch_norm
        )
        trunk.build((None, latent_dim))
        channels, inputs = image_shape[2], self.filters[-1]
        pixels = transposed_convolution(
            inputs,
            channels,
            self.filter_size,
            1,
            "pixels",
            owner,
            style,
            hidden=False,
            norm=batch_norm,
        )
        pixels.build((None, *trunk.canvas, inputs))
        return trunk, pixels, (*trunk.canvas, channels)


def hidden_layers(given: Sequence[int] | HiddenLayers) -> HiddenLayers:
    """Sizes alone stand for dense layers."""
    return DenseLayers(tuple(given)) if isinstance(given, Sequence) else given
