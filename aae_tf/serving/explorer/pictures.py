"""PNG and JPEG in, PNG out: pictures as strangers send them, and as browsers show them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

LARGEST_SIDE = 4096  # pixels of a picture that is read
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class PictureError(ValueError):
    """A picture can't be used; the message says why."""


def read_picture(content: bytes, image_shape: Sequence[int]) -> np.ndarray:
    """A picture as the model wants images: its middle, of the model's proportions, resized.

    Args:
      content: of a PNG or JPEG file; what is transparent becomes white.
      image_shape: `(height, width, channels)`, channels 1 or 3.

    Returns:
      uint8 `image_shape`; the file's own pixels if it has that size.

    Raises:
      PictureError: if it isn't a picture of those kinds, damaged or too large.
    """
    height, width, channels = image_shape
    try:
        # Before any pixel is decoded: a small file can hold a huge picture.
        found = _size(content)
        if not 1 <= min(found) <= max(found) <= LARGEST_SIDE:
            raise PictureError(
                f"the picture has {found[1]} x {found[0]} pixels; expected at most "
                f"{LARGEST_SIDE} x {LARGEST_SIDE}"
            )
        pixels = _decode(content, channels)
    except (tf.errors.OpError, struct.error):
        raise PictureError("the picture is damaged; expected a whole PNG or JPEG file") from None
    pixels = _middle(pixels, height / width)
    if pixels.shape[:2] != (height, width):
        pixels = tf.image.resize(pixels, (height, width), antialias=True).numpy()
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def _size(content):
    """Height and width from the head of the file."""
    if content.startswith(PNG):
        width, height = struct.unpack(">II", content[16:24])
        return height, width
    if content.startswith(JPEG):
        return tuple(tf.io.extract_jpeg_shape(content).numpy()[:2].tolist())
    raise PictureError("not a picture that can be read; expected a PNG or JPEG file")


def _decode(content, channels):
    """float32 `(height, width, channels)` in 0..255."""
    if content.startswith(JPEG):
        return tf.io.decode_jpeg(content, channels=channels).numpy().astype(np.float32)
    pixels = tf.io.decode_png(content, channels=4).numpy().astype(np.float32)
    colours, opaque = pixels[..., :3], pixels[..., 3:] / 255
    colours = colours * opaque + 255 * (1 - opaque)
    if channels == 3 or np.array_equal(colours.min(-1), colours.max(-1)):
        return colours[..., :channels]
    return tf.image.rgb_to_grayscale(colours).numpy()


def _middle(pixels, proportion):
    """The largest part at the centre whose height is so many times its width."""
    height, width = pixels.shape[:2]
    tall = min(height, max(1, round(width * proportion)))
    wide = min(width, max(1, round(height / proportion)))
    top, left = (height - tall) // 2, (width - wide) // 2
    return pixels[top : top + tall, left : left + wide]


def picture_url(image: np.ndarray) -> str:
    """An image, uint8 `(height, width, 1 or 3)`, as the data URL of a PNG."""
    content = tf.io.encode_png(image).numpy()
    return "data:image/png;base64," + base64.b64encode(content).decode()
