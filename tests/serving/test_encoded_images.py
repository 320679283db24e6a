"""Signatures that take encoded pictures."""

import io

import numpy as np
import pytest
import tensorflow as tf
import tiny
from PIL import Image

from aae_tf.serving import signatures

RANDOM = np.random.default_rng(0)


def _encoded(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _decode(*contents, shape=(8, 8, 1)):
    function = tf.function(lambda encoded: signatures.decode_images(encoded, shape))
    return function(tf.constant(list(contents), tf.string)).numpy()


def test_a_picture_of_the_models_size_comes_through_as_it_is():
    pixels = RANDOM.integers(0, 256, (8, 8), np.uint8)
    actual = _decode(_encoded(pixels))[0, ..., 0]
    np.testing.assert_array_equal(actual, np.float32(pixels) / np.float32(255))


def test_no_picture_gives_no_image():
    assert _decode().shape == (0, 8, 8, 1)


def test_pictures_of_several_kinds_and_sizes_may_come_together():
    grey, colour = (np.full(size, 100, np.uint8) for size in ((20, 30), (9, 5, 3)))
    actual = _decode(_encoded(grey), _encoded(colour, "JPEG"), _encoded(colour), shape=(8, 8, 3))
    assert actual.shape == (3, 8, 8, 3)
    np.testing.assert_allclose(actual, 100 / 255, atol=0.005)


@pytest.mark.slow
def test_colours_become_grey_for_a_grey_model():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    grey = np.asarray(Image.fromarray(red).convert("L"), np.float32) / 255
    for kind in ("PNG", "JPEG"):
        np.testing.assert_allclose(_decode(_encoded(red, kind))[0, ..., 0], grey, atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(40, 24), (24, 40), (16, 16), (8, 60)])
def test_the_centre_of_the_models_proportions_is_taken_and_shrunk(size):
    pixels = np.asarray(
        Image.fromarray(RANDOM.integers(0, 256, (6, 6), np.uint8)).resize(size[::-1])
    )
    side = min(size)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    centre = pixels[top : top + side, left : left + side]
    expected = np.asarray(Image.fromarray(centre).resize((8, 8), Image.Resampling.BILINEAR))
    actual = _decode(_encoded(pixels))[0, ..., 0]
    np.testing.assert_allclose(actual, np.float32(expected) / 255, atol=1.5 / 255)


def _claims(width, height):
    """A PNG whose header claims a size."""
    content = bytearray(_encoded(np.zeros((4, 4), np.uint8)))
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(content)


PICTURE = _encoded(RANDOM.integers(0, 256, (8, 8), np.uint8))
PHOTO = _encoded(RANDOM.integers(0, 256, (64, 64, 3), np.uint8), "JPEG")
BAD = {
    "nothing": (b"", ""),
    "text": (b"not a picture at all", "expected PNG, JPEG, BMP or GIF"),
    "a PNG cut in its header": (PICTURE[:20], "cut short"),
    "a PNG cut in its pixels": (PICTURE[: len(PICTURE) // 2], ""),
    "a JPEG cut in its header": (PHOTO[:10], ""),
    "a JPEG cut in its pixels": (PHOTO[: len(PHOTO) // 2], ""),
    "a PNG that claims a huge size": (_claims(100_000, 100_000), "expected 1 to 33554432 pixels"),
    "a PNG that claims no size": (_claims(0, 4), "expected 1 to 33554432 pixels"),
    "a PNG with a broken body": (PICTURE[:40] + b"garbage" + PICTURE[47:], ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD)
def test_what_is_no_such_picture_is_refused(case):
    content, words = BAD[case]
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        _decode(PICTURE, content)
    assert words in str(refused.value)


@pytest.mark.slow
def test_every_signature_of_images_has_a_twin_that_gives_the_same(loaded):
    model = loaded("style")
    pixels = tiny.split(3).images[..., 0]
    images, labels = tf.constant(tiny.split(3).intensities()), tf.constant([0, 1, 2], tf.int64)
    encoded = tf.constant([_encoded(each) for each in pixels])
    for name, others in (("encode", {}), ("reconstruct_labelled", {"labels": labels})):
        twin = model.signatures[f"{name}_bytes"](image_bytes=encoded, **others)
        own = model.signatures[name](images=images, **others)
        for key in own:
            np.testing.assert_allclose(twin[key], own[key], atol=1e-6)
