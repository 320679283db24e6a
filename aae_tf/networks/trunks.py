"""What stands between images and codes: dense layers or convolutions (`--network`)."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Protocol

import keras
import tensorflow as tf
from keras import ops

from aae_tf.networks.layers import LayerFactory


class Stack(keras.layers.Layer):
    """Hidden layers one after the other, each an attribute by its name and number.

    tf.train.Checkpoint would pass over layers that are held in a list.
    """

    def __init__(self, dtype: str):
        super().__init__(name="trunk", dtype=dtype)
        self._names: tuple[str, ...] = ()

    def add(self, layer: keras.layers.Layer) -> None:
        """Puts a layer behind the others."""
        setattr(self, layer.name, layer)
        self._names += (layer.name,)

    @property
    def stack(self) -> list[keras.layers.Layer]:
        """The layers in their order."""
        return [getattr(self, name) for name in self._names]

    def build_stack(self, shape):
        """Builds the layers for an input shape; returns the last one's output shape."""
        for layer in self.stack:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        return shape


class Trunk(Stack):
    """Dense hidden layers, with batch normalisation if `norm`.

    Input shape: `(batch, features)`; hidden noise `(batch, sum(units))`, which is added to the
      layers' outputs, from the first to the last. Output shape: `(batch, units[-1])`.
    """

    def __init__(self, units: Sequence[int], layers: LayerFactory, owner: str, norm: bool = False):
        super().__init__(layers.dtype)
        self._units = tuple(units)
        for index, size in enumerate(units, start=1):
            self.add(layers.dense(size, f"hidden_{index}", owner, hidden=True, norm=norm))

    def build(self, input_shape):
        self.build_stack(input_shape)

    def call(self, features, training=False, hidden_noise=None):
        start = 0
        for layer, size in zip(self.stack, self._units, strict=True):
            features = layer(features, training=training)
            if hidden_noise is not None:
                features += ops.cast(hidden_noise[:, start : start + size], features.dtype)
                start += size
        return features


class ImageTrunk(Trunk):
    """Dense hidden layers of the pixels of an image and, beside them, of noise.

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


class ConvolutionalImageTrunk(Stack):
    """Convolutions of stride 2 one after the other, then all features of all pixels in a row.

    Noise comes in as one more channel of the image, whose pixels are learned linear functions of
    it, so that every layer is a function of image and noise.

    Input shape: images `(batch, *image_shape)`; noise `(batch, noise_dim)`.
    Output shape: `(batch, size)`.

    Args:
      hidden: the convolutions.
      image_shape: `(height, width, channels)`.
      noise_dim: 0 for a network of the image alone.
      layers: how layers are made.
      owner: name of the network.
    """

    def __init__(
        self,
        hidden: Convolutions,
        image_shape: Sequence[int],
        noise_dim: int,
        layers: LayerFactory,
        owner: str,
    ):
        super().__init__(layers.dtype)
        height, width, channels = image_shape
        self._plane, self._noise_dim = (height, width, 1), noise_dim
        if noise_dim:
            self.noise_channel = layers.dense(height * width, "noise_channel", owner, hidden=False)
        size, norm = hidden.filter_size, hidden.batch_norm
        for index, filters in enumerate(hidden.filters, start=1):
            self.add(layers.convolution(filters, size, f"down_{index}", owner, norm=norm))
        self.build((None, height, width, channels))

    def build(self, input_shape):
        *start, channels = input_shape
        if self._noise_dim:
            self.noise_channel.build((None, self._noise_dim))
            channels += 1
        self.size = math.prod(self.build_stack((*start, channels))[1:])

    def call(self, images, noise=None, training=False):
        features = images
        if self._noise_dim:
            plane = ops.reshape(self.noise_channel(noise), (-1, *self._plane))
            features = ops.concatenate([images, ops.cast(plane, images.dtype)], axis=-1)
        features = _at_least_one(features)
        for layer in self.stack:
            features = layer(features, training=training)
        return ops.reshape(features, (-1, self.size))[: ops.shape(images)[0]]


class ConvolutionalCodeTrunk(Stack):
    """A dense layer that gives a small map of features, then doublings of its height and width.

    Input shape: `(batch, features)`. Output shape: `(batch, *canvas, filters[-1])`, where the
    canvas is the image's height and width, rounded up to what doublings reach.

    Args:
      hidden: filters of the small map, then of each doubling. The dense layer has no batch
        normalisation, as in the paper's code.
      image_shape: `(height, width, channels)`.
      layers: how layers are made.
      owner: name of the network.
    """

    def __init__(
        self, hidden: Convolutions, image_shape: Sequence[int], layers: LayerFactory, owner: str
    ):
        super().__init__(layers.dtype)
        filters, size, norm = hidden.filters, hidden.filter_size, hidden.batch_norm
        doublings = len(filters) - 1
        sides = [starting_size(side, doublings) for side in image_shape[:2]]
        self._small = (*sides, filters[0])
        self.canvas = tuple(side * 2**doublings for side in sides)
        self.start = layers.dense(math.prod(self._small), "start", owner, hidden=True)
        for index, (inputs, outputs) in enumerate(itertools.pairwise(filters), start=1):
            up = layers.transposed_convolution(
                inputs, outputs, size, 2, f"up_{index}", owner, hidden=True, norm=norm
            )
            self.add(up)

    def build(self, input_shape):
        self.start.build(input_shape)
        self.build_stack((None, *self._small))

    def call(self, codes, training=False):
        features = ops.reshape(self.start(codes), (-1, *self._small))
        for layer in self.stack:
            features = layer(features, training=training)
        return features


class HiddenLayers(Protocol):
    """Makes all of an encoder but its heads, and all of a decoder."""

    def of_images(
        self,
        image_shape: Sequence[int],
        noise_dim: int,
        layers: LayerFactory,
        owner: str,
        batch_norm: bool,
    ) -> keras.layers.Layer:
        """An encoder's trunk, built: images and noise to features `(batch, trunk.size)`.

        Args:
          image_shape: `(height, width, channels)`.
          noise_dim: of the noise that it takes beside images; 0 for none.
          layers: how layers are made.
          owner: name of the network.
          batch_norm: of the encoder.
        """

    def of_codes(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        layers: LayerFactory,
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

    def of_images(self, image_shape, noise_dim, layers, owner, batch_norm):
        return ImageTrunk(self.units, image_shape, noise_dim, layers, owner, batch_norm)

    def of_codes(self, image_shape, latent_dim, layers, owner, batch_norm):
        trunk = Trunk(self.units, layers, owner, batch_norm)
        trunk.build((None, latent_dim))
        size = math.prod(image_shape)
        pixels = layers.dense(size, "pixels", owner, hidden=False, norm=batch_norm)
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

    def of_images(self, image_shape, noise_dim, layers, owner, batch_norm):
        del batch_norm
        return ConvolutionalImageTrunk(self, image_shape, noise_dim, layers, owner)

    def of_codes(self, image_shape, latent_dim, layers, owner, batch_norm):
        if len(self.filters) - 1 > most_doublings(image_shape):
            raise ValueError(
                f"an image of {tuple(image_shape)} takes at most {most_doublings(image_shape)} "
                f"doublings. Received: filters={self.filters}"
            )
        trunk = ConvolutionalCodeTrunk(self, image_shape, layers, owner)
        trunk.build((None, latent_dim))
        channels, inputs = image_shape[2], self.filters[-1]
        pixels = layers.transposed_convolution(
            inputs, channels, self.filter_size, 1, "pixels", owner, hidden=False, norm=batch_norm
        )
        pixels.build((None, *trunk.canvas, inputs))
        return trunk, pixels, (*trunk.canvas, channels)


def hidden_layers(given: Sequence[int] | HiddenLayers) -> HiddenLayers:
    """Sizes alone stand for dense layers."""
    return DenseLayers(tuple(given)) if isinstance(given, Sequence) else given


def starting_size(side: int, doublings: int) -> int:
    """The least size that covers a side once it has been doubled so many times."""
    return -(-side // 2**doublings)


def most_doublings(image_shape: Sequence[int]) -> int:
    """How often one pixel can be doubled until it covers an image, and no further."""
    return (max(image_shape[:2]) - 1).bit_length()


def _at_least_one(images):
    """The images, or a black one where there is none.

    TensorFlow's oneDNN kernel gives a convolution of no images the shape of what went in, which no
    layer behind it can take; and a reshape that puts it right is optimised away from a graph.
    """
    if images.shape[0]:
        return images
    missing = tf.maximum(1 - tf.shape(images)[0], 0)
    # By tf.pad, TF Lite's converter would lose the number of channels.
    black = tf.zeros([missing, *images.shape[1:]], images.dtype)
    return tf.concat([images, black], 0)
