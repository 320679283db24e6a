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

from aae_tf.client.model import Refused
from aae_tf.data.decoding import HEADS
from aae_tf.errors import DataError
from aae_tf.methods.build import method_class
from aae_tf.serving.explorer.model import Model
from aae_tf.serving.export import export_saved_model


def _png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """A model of images (6, 5, 3)."""
    chosen = tiny.settings()
    method = method_class(chosen)(chosen, (6, 5, 3), 0)
    return Model(export_saved_model(method, tmp_path_factory.mktemp("coloured")))


@pytest.mark.slow
def test_size_of_a_picture_is_known_before_it_is_decoded(coloured):
    head = bytearray(_png(np.zeros((8, 8), np.uint8)))
    head[16:24] = (60_000).to_bytes(4, "big") * 2
    head[29:33] = zlib.crc32(head[12:29]).to_bytes(4, "big")
    with pytest.raises(Refused, match="expected 1 to 33554432 pixels in a picture"):
        coloured.read_picture(bytes(head))


@given(st.sampled_from(HEADS), st.binary(max_size=40))
def test_what_is_no_picture_behind_its_head_is_refused(coloured, head, content):
    with pytest.raises(Refused):
        coloured.read_picture(head + content)


@given(st.data())
def test_spoilt_picture_is_refused_or_has_the_models_shape(coloured, data):
    content = bytearray(_png(tiny.images(1)[0, ..., 0]))
    for index in data.draw(st.lists(st.integers(8, len(content) - 1), max_size=3)):
        content[index] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(Refused):
        assert coloured.read_picture(bytes(content)).shape == (6, 5, 3)


def test_pictures_of_other_sizes_are_cut_to_their_middle_and_resized(coloured):
    wide = np.zeros((18, 40, 3), np.uint8)
    wide[:, 12:28] = (200, 100, 50)
    read = coloured.read_picture(_png(wide))
    np.testing.assert_array_equal(read, np.full((6, 5, 3), (200, 100, 50), np.uint8))


def test_transparency_is_dropped_as_in_training(coloured):
    clear = np.zeros((6, 5, 4), np.uint8)
    clear[2, 3] = (10, 20, 30, 0)
    np.testing.assert_array_equal(coloured.read_picture(_png(clear)), clear[..., :3])


def test_export_without_a_decoder_of_its_own_reads_pictures_too(coloured, monkeypatch):
    monkeypatch.setattr(coloured._local, "decode_pictures", lambda encoded: None)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    np.testing.assert_array_equal(coloured.read_picture(_png(pixels)), pixels)
    with pytest.raises(Refused, match=r"^images: expected PNG, JPEG, BMP or GIF pictures$"):
        coloured.read_picture(b"no picture")


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


@pytest.mark.slow
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
