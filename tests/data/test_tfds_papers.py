"""Data sets of the papers by name: real builders on made-up files in the upstream formats."""

import itertools

import numpy as np
import pytest
import upstream_files
from PIL import Image

from aae_tf.data import load
from aae_tf.errors import SettingsError
from aae_tf.settings import DataSettings


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("celeb_a")
    upstream_files.celeb_a(folder)
    return folder


def _load(name, folder, **settings):
    return load(DataSettings(dataset=name, data_dir=str(folder), **settings))


def _splits(data):
    return data.train, data.validation, data.test


def _expected(number, crop=140, size=64, by=Image.Resampling.LANCZOS):
    """Pillow's crop and antialiased resize of a face."""
    top, left = (218 - crop) // 2, (178 - crop) // 2
    image = Image.fromarray(upstream_files.face(number))
    square = image.crop((left, top, left + crop, top + crop))
    return np.asarray(square.resize((size, size), by)).astype(int)


def _number(image):
    """The number of a face, from the middle of its slope."""
    middle = image.shape[0] // 2
    return round(float(image[middle - 1 : middle + 1, :, 0].mean()) - 20)


@pytest.mark.slow
def test_celeb_a_is_cropped_and_resized_as_the_paper_does(faces):
    data = _load("celeb_a", faces)
    assert data.image_shape == (64, 64, 3)
    assert data.train.images.dtype == np.uint8 and data.train.labels is None
    for split in _splits(data):
        for image in split.images[:10]:
            np.testing.assert_allclose(image, _expected(_number(image)), atol=1)


@pytest.mark.slow
def test_all_splits_of_celeb_a_are_mixed_and_split_anew(faces):
    data = _load("celeb_a", faces)
    numbers = [[_number(image) for image in split.images] for split in _splits(data)]
    assert [len(split) for split in numbers] == [160, 20, 20]
    assert sorted(itertools.chain(*numbers)) == list(range(200))
    for split in numbers:
        official = np.digitize(split, [100, 160])
        assert len(set(official.tolist())) == 3
    again = _load("celeb_a", faces)
    assert again.describe() == data.describe()


@pytest.mark.slow
def test_flags_go_before_the_papers_way_each_on_its_own(faces):
    small = _load("celeb_a", faces, image_size=32)
    image = small.test.images[0]
    assert small.image_shape == (32, 32, 3)
    np.testing.assert_allclose(image, _expected(_number(image), size=32), atol=1)
    blurred = _load("celeb_a", faces, resize_filter="bilinear").test.images[0]
    by = Image.Resampling.BILINEAR
    np.testing.assert_allclose(blurred, _expected(_number(blurred), by=by), atol=1)
    narrow = _load("celeb_a", faces, crop_size=100)
    assert narrow.image_shape == (64, 64, 3)
    image = narrow.test.images[0]
    np.testing.assert_allclose(image, _expected(_number(image), crop=100), atol=1)


def test_crop_larger_than_the_faces_is_refused(faces):
    with pytest.raises(SettingsError, match="--crop_size=179: expected at most 178"):
        _load("celeb_a", faces, crop_size=179)


def test_celeb_a_has_no_choice_of_split(faces):
    with pytest.raises(SettingsError, match="--train_split=test: expected train, since all splits"):
        _load("celeb_a", faces, train_split="test")


@pytest.mark.slow
def test_streamed_celeb_a_is_the_same(faces):
    memory, streamed = (_load("celeb_a", faces, stream=how) for how in ("never", "always"))
    assert not isinstance(streamed.train.images, np.ndarray)
    assert streamed.describe() == memory.describe()
    for one, other in zip(_splits(streamed), _splits(memory), strict=True):
        np.testing.assert_array_equal(one.images[:], other.images)
    memory, streamed = (
        _load("celeb_a", faces, stream=how, resize_filter="bilinear") for how in ("never", "always")
    )
    np.testing.assert_array_equal(streamed.train.images[:], memory.train.images)


def test_binarized_mnist_is_black_and_white_and_has_no_labels(tmp_path):
    random = np.random.default_rng(0)
    pixels = {
        split: random.integers(0, 2, (size, 784))
        for split, size in {"train": 40, "validation": 10, "test": 12}.items()
    }
    upstream_files.binarized_mnist(tmp_path, pixels)
    data = _load("binarized_mnist", tmp_path)
    assert data.image_shape == (28, 28, 1) and data.num_classes == 0
    for split, name in zip(_splits(data), pixels, strict=True):
        found = split.images.reshape(len(split), -1)
        assert set(np.unique(found)) == {0, 255}
        assert sorted(map(bytes, found)) == sorted(
            map(bytes, (255 * pixels[name]).astype(np.uint8))
        )
        assert split.intensities().max() == 1


def test_cifar10_is_read_with_its_labels(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (120, 32, 32, 3), np.uint8)
    labels = np.arange(120) % 10
    upstream_files.cifar10(tmp_path, images, labels)
    data = _load("cifar10", tmp_path)
    assert [len(split) for split in _splits(data)] == [50, 10, 60]
    label_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for split in _splits(data):
        assert [label_of[image.tobytes()] for image in split.images] == split.labels.tolist()
    assert data.class_names[9] == "truck"
    assert _load("cifar10", tmp_path, image_size=16).image_shape == (16, 16, 3)


def test_fashion_mnist_is_read_with_its_labels(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (80, 28, 28, 1), np.uint8)
    upstream_files.fashion_mnist(tmp_path, images, np.arange(80) % 10, train=60)
    data = _load("fashion_mnist", tmp_path)
    assert [len(split) for split in _splits(data)] == [50, 10, 20]
    assert data.class_names[0] == "T-shirt/top"
    shown = {image.tobytes() for split in _splits(data) for image in split.images}
    assert shown == {image.tobytes() for image in images}
