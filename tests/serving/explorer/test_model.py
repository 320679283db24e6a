"""What the explorer makes of a SavedModel, and of pictures that it is given."""

import contextlib
import io
import zlib

import numpy as np
import pytest
import tensorflow as tf
import tiny
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aae_tf.errors import DataError
from aae_tf.serving.explorer.model import READERS, Model, PictureError, read_picture
from aae_tf.serving.export import export_saved_model


def _png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_size_of_a_picture_is_known_before_it_is_decoded():
    head = bytearray(_png(np.zeros((8, 8), np.uint8)))
    head[16:24] = (60_000).to_bytes(4, "big") * 2
    head[29:33] = zlib.crc32(head[12:29]).to_bytes(4, "big")
    with pytest.raises(PictureError, match="60000 x 60000 pixels; expected at most 4096 x 4096"):
        read_picture(bytes(head), (8, 8, 1))


@given(st.sampled_from(list(READERS)), st.binary(max_size=40))
def test_what_is_no_picture_behind_its_head_is_refused(head, content):
    with pytest.raises(PictureError, match="damaged"):
        read_picture(head + content, (8, 8, 1))


@given(st.data())
def test_spoilt_picture_is_refused_or_has_the_models_shape(data):
    content = bytearray(_png(tiny.images(1)[0, ..., 0]))
    for index in data.draw(st.lists(st.integers(8, len(content) - 1), max_size=3)):
        content[index] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(PictureError):
        assert read_picture(bytes(content), (6, 5, 3)).shape == (6, 5, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_mode_keep_the_pixels_of_the_models_size(mode):
    pixels = np.uint8([[0, 255], [255, 0]]) if mode == "1" else tiny.images(1)[0, ..., 0]
    if mode == "I;16":
        picture = Image.fromarray(pixels.astype(np.uint16) << 8)
    else:
        picture = Image.fromarray(pixels).convert("RGB" if mode == "CMYK" else mode)
        picture = picture.convert(mode)
    file = io.BytesIO()
    picture.save(file, "JPEG" if mode == "CMYK" else "PNG", quality=100)
    for channels in (1, 3):
        read = read_picture(file.getvalue(), (*pixels.shape, channels)).astype(int)
        assert np.abs(read - pixels[..., None]).max() <= (3 if mode == "CMYK" else 0)


def test_pictures_of_other_sizes_are_cut_to_their_middle_and_resized():
    wide = np.zeros((16, 40, 3), np.uint8)
    wide[:, 10:30] = (200, 100, 50)
    read = read_picture(_png(wide), (8, 8, 3))
    np.testing.assert_array_equal(read, np.full((8, 8, 3), (200, 100, 50), np.uint8))
    grey = read_picture(_png(wide), (8, 8, 1))
    np.testing.assert_allclose(grey, 0.299 * 200 + 0.587 * 100 + 0.114 * 50, atol=1)


def test_transparent_parts_of_a_picture_become_white():
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[2, 3] = (10, 10, 10, 255)
    read = read_picture(_png(clear), (8, 8, 1))
    assert read[2, 3, 0] == 10 and (np.delete(read.ravel(), 2 * 8 + 3) == 255).all()


def test_newest_version_of_a_model_is_taken(exported, tmp_path):
    _, folder = exported("gaussian")
    for name in ("2", "10", "x"):
        (tmp_path / name).symlink_to(folder)
    (tmp_path / "11").mkdir()
    assert Model(tmp_path).describe()["version"] == "10"


def test_model_without_codes_or_prior_is_explored_in_the_usual_range(tmp_path):
    method = tiny.method()
    method.signatures, method.default_signature = ("decode",), "decode"
    described = Model(export_saved_model(method, tmp_path)).describe()
    assert [described[key] for key in ("held_out", "prior", "extent")] == [None] * 3
    assert described["ranges"] == [(-3, 3)] * 2 and not described["encodes"]


def test_number_of_categories_is_found_where_the_export_has_no_names(exported):
    model = Model(exported("clustering")[1])
    assert model.categories == [str(number) for number in range(5)]


def test_what_is_no_model_is_refused(tmp_path):
    for folder in (tmp_path / "nothing", tmp_path):
        with pytest.raises(DataError, match=r"--model=.*: expected a folder with a SavedModel"):
            Model(folder)
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(DataError, match="a whole SavedModel, but: "):
        Model(tmp_path)


def test_model_of_another_kind_is_refused(tmp_path):
    module = tf.Module()
    module.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(DataError, match="has no signature 'decode' or 'generate'"):
        Model(tmp_path)
