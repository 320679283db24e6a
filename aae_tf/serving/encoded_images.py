"""From encoded pictures, as clients send them, to a model's images; all in the graph."""

from __future__ import annotations

import tensorflow as tf

LARGEST_IMAGE_SIDE = 4096  # pixels; a small file can hold a picture that no memory does
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def decode_images(encoded: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Images of encoded PNG or JPEG pictures of any size.

    Of each picture the centre of the model's proportions is taken and resized, smoothed where it
    shrinks; colours become grey, or grey three equal colours, as the model needs.

    Args:
      encoded: strings `(n,)`.
      image_shape: `(height, width, channels)` of the model, with 1 or 3 channels.

    Returns:
      float32 `(n, height, width, channels)` in 0..1. Whatever is no such picture, or has a side of
      more than 4096 pixels, makes the whole request INVALID_ARGUMENT.
    """
    spec = tf.TensorSpec(image_shape, tf.float32)
    return tf.map_fn(lambda one: _decode_one(one, image_shape), encoded, fn_output_signature=spec)


def _decode_one(content, image_shape):
    is_png = tf.strings.substr(content, 0, len(PNG)) == PNG
    is_jpeg = tf.strings.substr(content, 0, len(JPEG)) == JPEG
    known = tf.debugging.Assert(is_png | is_jpeg, ["images: expected PNG or JPEG pictures"])
    with tf.control_dependencies([known]):
        height, width = tf.cond(is_png, lambda: _png_size(content), lambda: _jpeg_size(content))
    fits = (
        (height >= 1)
        & (width >= 1)
        & (height <= LARGEST_IMAGE_SIDE)
        & (width <= LARGEST_IMAGE_SIDE)
    )
    expected = f"images: expected sides from 1 to {LARGEST_IMAGE_SIDE} pixels"
    with tf.control_dependencies([tf.debugging.Assert(fits, [expected])]):
        content = tf.identity(content)
    channels = image_shape[2]
    image = tf.cond(
        is_png,
        lambda: tf.io.decode_png(content, channels),
        lambda: tf.io.decode_jpeg(content, channels),
    )
    return _framed(tf.ensure_shape(image, (None, None, channels)), image_shape)


def _png_size(content):
    """Height and width as the first chunk of a PNG names them."""
    length = tf.debugging.Assert(tf.strings.length(content) >= 24, ["images: a PNG is cut short"])
    with tf.control_dependencies([length]):
        digits = tf.cast(tf.io.decode_raw(tf.strings.substr(content, 16, 8), tf.uint8), tf.int64)
    weights = tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
    width, height = tf.unstack(tf.linalg.matvec(tf.reshape(digits, [2, 4]), weights))
    return height, width


def _jpeg_size(content):
    shape = tf.io.extract_jpeg_shape(content, output_type=tf.int32)
    return tf.cast(shape[0], tf.int64), tf.cast(shape[1], tf.int64)


def _framed(image, image_shape):
    """The centre of the wanted proportions, at the wanted size, in 0..1."""
    wanted_height, wanted_width, _ = image_shape
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    crop_height = tf.minimum(height, _rounded(width * wanted_height, wanted_width))
    crop_width = tf.minimum(width, _rounded(height * wanted_width, wanted_height))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    image = image[top : top + crop_height, left : left + crop_width]
    resized = tf.image.resize(image, (wanted_height, wanted_width), antialias=True)
    # Rounded to bytes, as the pictures that a model is trained on are.
    return tf.clip_by_value(tf.round(resized), 0, 255) / 255


def _rounded(number, divisor):
    return tf.maximum((2 * number + divisor) // (2 * divisor), 1)
