"""TensorFlow Datasets by name: a real small builder, wrong names, and no network."""

import re
import time

import numpy as np
import pytest
import tiny_builder

from aae_tf.data import load, streamed
from aae_tf.errors import DataError, SettingsError
from aae_tf.settings import DataSettings


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


def _load(config, data_dir, *, prepare=True, **settings):
    if prepare:
        builder = tiny_builder.TinyPictures(config=config, data_dir=data_dir)
        builder.download_and_prepare()
    name = f"tiny_pictures/{config}"
    return load(DataSettings(dataset=name, data_dir=str(data_dir), **settings))


def _numbers(split):
    return split.images[:, 0, 0, 0].tolist()


def _check_pixels(*splits):
    for split in splits:
        assert split.images.dtype == np.uint8
        for image in split.images:
            np.testing.assert_array_equal(image, tiny_builder.pixels(int(image[0, 0, 0])))


def test_train_and_test_are_read_and_validation_is_taken_from_training(data_dir):
    data = _load("labelled", data_dir)
    assert (len(data.train), len(data.validation), len(data.test)) == (50, 10, 12)
    assert sorted(_numbers(data.train) + _numbers(data.validation)) == list(range(60))
    assert sorted(_numbers(data.test)) == list(range(60, 72))
    assert data.class_names == ("ant", "bee", "cat")
    assert data.name == "tiny_pictures/labelled"
    for split in (data.train, data.validation, data.test):
        assert split.labels.dtype == np.int64
        assert split.labels.tolist() == [n % 3 for n in _numbers(split)]
    _check_pixels(data.train, data.validation, data.test)


def test_reading_twice_gives_the_same_order(data_dir):
    first, again = (_numbers(_load("labelled", data_dir).train) for _ in range(2))
    assert first == again


def test_three_splits_are_kept(data_dir):
    data = _load("three", data_dir)
    found = [sorted(_numbers(split)) for split in (data.train, data.validation, data.test)]
    assert found == [list(range(60)), list(range(60, 69)), list(range(69, 81))]


def test_validation_serves_as_the_test_where_there_is_no_other(data_dir):
    data = _load("no_test", data_dir)
    assert sorted(_numbers(data.test)) == list(range(60, 69))
    assert sorted(_numbers(data.train) + _numbers(data.validation)) == list(range(60))


@pytest.mark.parametrize("config", ["no_train", "one_split"])
def test_data_without_train_or_test_is_refused(data_dir, config):
    with pytest.raises(DataError, match=r"has splits \[.*\], expected train and test"):
        _load(config, data_dir)


def test_labels_may_be_absent(data_dir):
    data = _load("plain", data_dir)
    assert data.train.labels is None
    assert data.class_names == ()
    _check_pixels(data.train)


def test_labels_may_be_bare_numbers(data_dir):
    data = _load("numbered", data_dir)
    assert data.train.labels.tolist() == [n % 3 for n in _numbers(data.train)]
    assert data.class_names == ()


@pytest.mark.parametrize(
    "config, expected",
    [
        ("unequal", "images differ in size .*--image_size"),
        ("channels", "may differ in their number of channels"),
        ("imageless", "has no feature 'image'"),
        ("floating", "float32.*expected .*uint8"),
    ],
)
def test_data_of_another_kind_is_refused(data_dir, config, expected):
    with pytest.raises(DataError, match=f"--dataset=tiny_pictures/{config}: .*{expected}"):
        _load(config, data_dir)


def test_image_size_brings_mixed_sizes_to_one(data_dir):
    data = _load("unequal", data_dir, image_size=4)
    assert data.image_shape == (4, 4, 1)
    found = {image[0, 0, 0] for split in (data.train, data.validation) for image in split.images}
    assert found == set(range(60))


@pytest.mark.parametrize("how", ["never", "always"])
def test_crop_larger_than_a_mixed_sizes_image_is_refused(data_dir, how):
    with pytest.raises(SettingsError, match="--crop_size=6: expected at most 4, the shorter side"):
        _load("unequal", data_dir, crop_size=6, stream=how)
    assert not list(data_dir.glob("tiny_pictures/unequal/*/packed/*.images"))
    assert not list(data_dir.glob("tiny_pictures/unequal/*/packed/.*.tmp"))


@pytest.mark.slow
def test_data_too_large_for_memory_is_streamed_and_the_same(data_dir, monkeypatch):
    in_memory = _load("labelled", data_dir)
    monkeypatch.setattr(streamed, "LARGEST_IN_MEMORY", 50 * 16)
    assert isinstance(_load("labelled", data_dir).train.images, np.ndarray)
    monkeypatch.setattr(streamed, "LARGEST_IN_MEMORY", 50 * 16 - 1)
    data = _load("labelled", data_dir)
    assert isinstance(data.train.images, streamed.StreamedImages)
    assert data.describe() == in_memory.describe()
    np.testing.assert_array_equal(data.train.images[:], in_memory.train.images)
    np.testing.assert_array_equal(data.train.labels, in_memory.train.labels)
    np.testing.assert_array_equal(data.validation.images, in_memory.validation.images)
    assert isinstance(_load("labelled", data_dir, stream="never").train.images, np.ndarray)


def test_data_larger_than_the_machine_is_refused_if_it_must_not_be_streamed(data_dir, monkeypatch):
    monkeypatch.setattr(streamed.os, "sysconf", lambda name: 28)
    with pytest.raises(DataError, match=r"GiB of pixels with --stream=never, expected at most"):
        _load("labelled", data_dir, stream="never")


def test_many_held_out_images_are_streamed_and_the_same(data_dir, monkeypatch):
    held = _load("labelled", data_dir)
    monkeypatch.setattr(streamed, "HELD_OUT_IN_MEMORY", 12 * 16 - 1)
    read = _load("labelled", data_dir)
    assert isinstance(read.test.images, streamed.PackedImages)
    assert isinstance(read.train.images, np.ndarray)
    assert read.describe() == held.describe()
    assert np.array_equal(read.test.labels, held.test.labels)


def test_files_in_the_manual_folder_are_used(tmp_path):
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual" / "first_number.txt").write_text("100")
    data = _load("manual", tmp_path, prepare=False)
    assert sorted(_numbers(data.train) + _numbers(data.validation)) == list(range(100, 160))


@pytest.mark.parametrize("leftovers", [False, True])
def test_data_that_cannot_be_had_fails_soon_and_says_how_to_bring_it(tmp_path, leftovers, capsys):
    if leftovers:  # as an earlier attempt leaves them
        (tmp_path / "downloads").mkdir()
        (tmp_path / "downloads" / "half.tmp").write_bytes(b"half")
    start = time.perf_counter()
    with pytest.raises(DataError) as caught:
        _load("far", tmp_path, prepare=False)
    assert time.perf_counter() - start < 15
    message = str(caught.value)
    assert message.startswith(f"--dataset=tiny_pictures/far: not prepared in {tmp_path}")
    assert f"'tfds build tiny_pictures/far --data_dir={tmp_path}'" in message
    assert f"{tmp_path / 'manual'} and run this again" in message
    assert "\n" not in message
    assert not list(tmp_path.glob("tiny_pictures/*/1*"))


@pytest.mark.parametrize(
    "name, suggested",
    [
        ("fashion_mnst", "fashion_mnist"),
        ("cifar-10", "cifar10"),
        ("minst", "mnist"),
        ("mnst", "mnist"),
    ],
)
def test_unknown_name_is_refused_with_the_nearest(tmp_path, name, suggested):
    said = f"--dataset={name}: .*did you mean .*{suggested}"
    with pytest.raises(SettingsError, match=said) as caught:
        load(DataSettings(dataset=name, data_dir=str(tmp_path)))
    near = str(caught.value).partition("did you mean ")[2].rstrip("?").split(" or ")
    assert len(near) == len(set(near))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "no_such_data_set_at_all",
        "my images",
        "a/b/c",
        "tiny_pictures/none",
        "tiny_pictures/labelled:9.9.9",
        "huggingface:some",
        "some:other",
    ],
)
def test_names_that_can_mean_nothing_are_refused(tmp_path, name):
    with pytest.raises(SettingsError, match="expected mnist, a TensorFlow Datasets name, a folder"):
        load(DataSettings(dataset=name, data_dir=str(tmp_path)))


@pytest.mark.parametrize(
    "config, split, expected",
    [
        ("three", "train+test", "splits other than validation and test, which evaluate the run"),
        ("three", "train+validation", "splits other than validation and test"),
        ("labelled", "test", "splits other than test, which evaluate the run"),
        ("three", "train+train", "train once"),
    ],
)
def test_training_on_what_evaluates_the_run_is_refused(data_dir, config, split, expected):
    with pytest.raises(
        SettingsError, match=re.escape(f"--train_split={split}: ") + ".*" + expected
    ):
        _load(config, data_dir, train_split=split)
