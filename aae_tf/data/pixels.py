"""From encoded pictures of any size to uint8 images of one: decoding, cropping and resizing.

All of it is TensorFlow, so that images are the same to the bit whether they are read once into
memory or again and again by the input pipeline.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Framing:
    """Which square of an image is taken, and what side it is resized to.

    Args:
      crop: side in pixels of the square at the centre; 0 for the image's shorter side if it is to
        be resized, else for all of it.
      size: side in pixels to resize it to; 0 to leave it.
    """

    crop: int = 0
    size: int = 0

    @property
    def side(self) -> int:
        """The side of what comes out; 0 where images stay as they are."""
        return self.size or self.crop

    def shape(self, original: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what comes of an image `(height, width, channels)`."""
        return (self.side, self.side, original[2]) if self.side else tuple(original)

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Frames one image, uint8 `(height, width, channels)`; no side may be below `crop`."""
        if not self.side:
            return image
        side = self.crop or tf.minimum(tf.shape(image)[0], tf.shape(image)[1])
        image = tf.image.resize_with_crop_or_pad(image, side, side)
        if self.size:
            image = tf.image.resize(image, (self.size, self.size), antialias=True)
            image = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
        return image


def decode(content: tf.Tensor) -> tf.Tensor:
    """One image of a png, jpeg, bmp or gif, uint8 with 1 or 3 channels.

    An alpha channel is dropped; of a gif that moves the first picture is taken.
    """
    image = tf.io.decode_image(content, expand_animations=False)
    image = tf.ensure_shape(image, (None, None, None))
    return image[..., : tf.where(tf.shape(image)[-1] < 3, 1, 3)]
