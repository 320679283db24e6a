"""A file gives a served model the pixels and the code that it gives in training, to the bit."""

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets
import tiny
import upstream_files
from PIL import Image

from aae_tf.data import framing_of, load, tfds
from aae_tf.data.folder import FolderImages
from aae_tf.data.images import Framing, Split
from aae_tf.methods.build import method_class
from aae_tf.runs.train import train
from aae_tf.serving.explorer.model import Model
from aae_tf.serving.export import export_saved_model
from aae_tf.serving.signatures import decode_images
from aae_tf.settings import DataSettings
from aae_tf.settings.fields import RESIZE_FILTERS

FRAMINGS = [(0, 0), (0, 8), (0, 40), (16, 0), (16, 8), (15, 8), (16, 21)]
OTHER_FILTERS = [(0, 8, name) for name in RESIZE_FILTERS] + [(16, 21, "lanczos3")]


def _file(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _contents(size):
    """Pictures of all kinds, of one size or of different ones, of which one is turned."""
    random = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = []
    for number, kind in enumerate(["PNG", "JPEG", "BMP", "GIF", "JPEG"] * 2):
        shape = size or tuple(random.integers(20, 50, 2))
        pixels = random.integers(0, 256, (*shape, 3), np.uint8)
        options = {"exif": exif} if number == 4 and not size else {}
        contents.append(_file(pixels, kind, **options))
    return contents


@pytest.mark.slow
@pytest.mark.parametrize("framing", FRAMINGS + OTHER_FILTERS)
def test_pixels_are_those_of_training_under_every_framing(tmp_path, framing):
    framing = Framing(*framing)
    contents = _contents(None if framing.side else (22, 27))
    files = [tmp_path / f"{number}.img" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    shape = framing.shape((22, 27, 3))
    trained = Split(FolderImages(files, shape, framing)[:]).intensities()
    served = tf.function(lambda encoded: decode_images(encoded, shape, framing))
    np.testing.assert_array_equal(served(tf.constant(contents)), trained)


@pytest.mark.parametrize("name", ["celeb_a", "CelebA", "celeb_a:2.1.0"])
def test_a_face_is_cropped_and_resized_as_its_paper_says(name):
    framing = framing_of(DataSettings(dataset=name))
    assert framing == tfds.PREPARATIONS["celeb_a"].framing == Framing(140, 64, "lanczos3")
    flags = DataSettings(dataset=name, crop_size=100)
    assert framing_of(flags) == Framing(100, 64, "lanczos3")
    flags = DataSettings(dataset=name, image_size=32, resize_filter="bilinear")
    assert framing_of(flags) == Framing(140, 32, "bilinear")


def test_data_sets_without_a_framing_have_none():
    for name in ("mnist", "cifar10", "celeb_a.npz", "celeb_a/some.mat", "./celeb_a"):
        assert framing_of(DataSettings(dataset=name)) == Framing()
        asked = DataSettings(dataset=name, image_size=9, resize_filter="bicubic")
        assert framing_of(asked) == Framing(0, 9, "bicubic")


@pytest.mark.slow
def test_faces_give_the_pixels_that_training_has_of_the_same_files(tmp_path):
    upstream_files.celeb_a(tmp_path)
    settings = DataSettings(dataset="celeb_a", data_dir=str(tmp_path))
    data = load(settings)
    trained = {image.tobytes() for image in data.train.intensities()}
    builder = tensorflow_datasets.builder("celeb_a", data_dir=str(tmp_path))
    skip = {"image": tensorflow_datasets.decode.SkipDecoding()}
    contents = [e["image"] for e in builder.as_dataset(split="train", decoders=skip).take(40)]
    framing = framing_of(settings)
    served = decode_images(tf.stack(contents), data.image_shape, framing).numpy()
    held_out = np.concatenate([data.validation.intensities(), data.test.intensities()])
    trained |= {image.tobytes() for image in held_out}
    assert {image.tobytes() for image in served} <= trained


@pytest.mark.slow
def test_code_of_a_file_is_the_same_in_training_signature_and_explorer(tmp_path):
    chosen, framing = tiny.settings(), Framing(16, 8)
    method = method_class(chosen)(chosen, (8, 8, 3), 0)
    version = export_saved_model(method, tmp_path / "model", framing=framing)
    contents = _contents(None)
    files = [tmp_path / f"{number}.img" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    trained = Split(FolderImages(files, (8, 8, 3), framing)[:])
    model = tf.saved_model.load(str(version))
    expected = model.signatures["encode"](images=tf.constant(trained.intensities()))["codes"]
    served = model.signatures["encode_bytes"](image_bytes=tf.constant(contents))["codes"]
    np.testing.assert_array_equal(served, expected)
    explored = Model(version)
    for content, image in zip(contents, trained.images, strict=True):
        np.testing.assert_array_equal(explored.read_picture(content), image)
    small = _file(np.zeros((15, 40, 3), np.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected sides of 16 or more"):
        model.signatures["encode_bytes"](image_bytes=tf.constant([small]))


@pytest.mark.slow
def test_export_of_a_run_has_the_framing_of_its_settings(tmp_path):
    random = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    contents = [_file(random.integers(0, 256, (30, 40, 3), np.uint8), "JPEG") for _ in range(42)]
    for number, content in enumerate(contents):
        (folder / f"{number:02}.jpg").write_bytes(content)
    framed = {"crop_size": 24, "image_size": 8, "resize_filter": "lanczos3"}
    chosen = tiny.settings(dataset=str(folder), **framed, epochs=1)
    outcome = train(chosen, tmp_path / "run", tmp_path / "models")
    model = tf.saved_model.load(str(outcome.saved_model))
    data = load(chosen.data)
    images = np.concatenate([s.intensities() for s in (data.train, data.validation, data.test)])
    served = model.decode_pictures(tf.constant(contents)).numpy()
    assert {image.tobytes() for image in served} == {image.tobytes() for image in images}
    bilinear = load(dataclasses.replace(chosen.data, resize_filter="auto")).train.intensities()
    assert not {image.tobytes() for image in served} & {image.tobytes() for image in bilinear}
