"""A user's folder of images: three layouts, sizes, channels, and files that are no images."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from aae_tf.data import load
from aae_tf.data.streamed import StreamedImages
from aae_tf.errors import DataError, SettingsError
from aae_tf.settings import DataSettings

ENCODERS = {".png": tf.io.encode_png, ".jpg": tf.io.encode_jpeg, ".jpeg": tf.io.encode_jpeg}


def _image(number, shape=(6, 5, 1)):
    """An image that tells its number."""
    image = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
    image[0, 0] = number
    return image


def _write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ENCODERS[path.suffix.lower()](tf.constant(image)).numpy())


def _load(folder, **settings):
    return load(DataSettings(dataset=str(folder), **settings))


def _numbers(split):
    return split.images[:, 0, 0, 0].tolist()


def _sizes(data):
    return [len(split) for split in (data.train, data.validation, data.test)]


def _all_numbers(data):
    return sorted(n for s in (data.train, data.validation, data.test) for n in _numbers(s))


def test_flat_folder_has_no_labels(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number}.png", _image(number))
    data = _load(tmp_path)
    assert _sizes(data) == [30, 6, 6]
    assert data.image_shape == (6, 5, 1)
    assert data.class_names == ()
    assert data.train.labels is None
    assert _all_numbers(data) == list(range(42))
    for image in data.train.images:
        np.testing.assert_array_equal(image, _image(int(image[0, 0, 0])))
    assert _numbers(_load(tmp_path).train) == _numbers(data.train)


def test_folders_of_classes_give_labels_in_alphabetical_order(tmp_path):
    names = ("cat", "ant", "bee")
    for number in range(42):
        _write(tmp_path / names[number % 3] / f"{number}.png", _image(number))
    data = _load(tmp_path)
    assert data.class_names == ("ant", "bee", "cat")
    assert _all_numbers(data) == list(range(42))
    for split in (data.train, data.validation, data.test):
        assert [names[n % 3] for n in _numbers(split)] == [
            data.class_names[label] for label in split.labels
        ]


def _with_splits(folder, sizes):
    number = 0
    for split, size in sizes.items():
        for _ in range(size):
            _write(folder / split / "ab"[number % 2] / f"{number}.png", _image(number))
            number += 1


def test_folders_of_splits_fix_the_splits(tmp_path):
    _with_splits(tmp_path, {"train": 36, "validation": 5, "test": 7})
    data = _load(tmp_path)
    assert sorted(_numbers(data.train)) == list(range(36))
    assert sorted(_numbers(data.validation)) == list(range(36, 41))
    assert sorted(_numbers(data.test)) == list(range(41, 48))
    assert data.class_names == ("a", "b")
    for split in (data.train, data.validation, data.test):
        assert split.labels.tolist() == [n % 2 for n in _numbers(split)]


def test_validation_is_taken_from_training_where_it_has_no_folder(tmp_path):
    _with_splits(tmp_path, {"train": 36, "test": 7})
    data = _load(tmp_path)
    assert _sizes(data) == [30, 6, 7]
    assert sorted(_numbers(data.train) + _numbers(data.validation)) == list(range(36))
    assert sorted(_numbers(data.test)) == list(range(36, 43))


@pytest.mark.parametrize(
    "sizes", [{"train": 36}, {"test": 36}, {"train": 20, "test": 20}, {"fit": 36, "test": 7}]
)
def test_folders_of_splits_without_enough_to_train_or_test_are_refused(tmp_path, sizes):
    _with_splits(tmp_path, sizes)
    with pytest.raises(DataError, match=r"split folders \[.*expected 'train' .*and 'test'"):
        _load(tmp_path)


def test_split_folder_of_unknown_name_is_not_dropped_in_silence(tmp_path):
    _with_splits(tmp_path, {"train": 36, "test": 7, "extra": 9})
    with pytest.raises(DataError, match="extra"):
        _load(tmp_path)


def test_images_at_several_depths_are_refused(tmp_path):
    for number in range(42):
        _write(tmp_path / ("a" if number else "") / f"{number}.png", _image(number))
    with pytest.raises(DataError, match=r"42 images at folder depths \[0, 1\]"):
        _load(tmp_path)


@pytest.mark.parametrize("count", [0, 29])
def test_too_few_images_are_refused(tmp_path, count):
    for number in range(count):
        _write(tmp_path / f"{number}.png", _image(number))
    with pytest.raises(DataError, match=f"{count} images"):
        _load(tmp_path)


def test_jpegs_and_capital_endings_are_read_and_what_systems_leave_is_left_alone(tmp_path):
    (tmp_path / ".thumbnails").mkdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png", ".thumbnails/0.png"):
        (tmp_path / name).write_text("no image")
    for number in range(42):
        ending = (".jpg", ".jpeg", ".JPG")[number % 3]
        _write(tmp_path / f"{number}{ending}", np.full((8, 8, 1), 6 * number, np.uint8))
    data = _load(tmp_path)
    assert data.image_shape == (8, 8, 1)
    means = sorted(
        image.mean() for s in (data.train, data.validation, data.test) for image in s.images
    )
    np.testing.assert_allclose(means, 6 * np.arange(42), atol=2)


@pytest.mark.parametrize("channels, left", [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_grey_stays_grey_and_colour_stays_colour_without_transparency(tmp_path, channels, left):
    for number in range(42):
        _write(tmp_path / f"{number}.png", _image(number, (6, 5, channels)))
    data = _load(tmp_path)
    assert data.image_shape == (6, 5, left)
    image = data.train.images[0]
    original = _image(int(image[0, 0, 0]), (6, 5, channels))
    if channels in (3, 4):
        np.testing.assert_array_equal(image, original[..., :3])


@pytest.mark.parametrize("grey", [0, 41])
def test_colour_is_not_lost_to_one_grey_image_among_the_files(tmp_path, grey):
    for number in range(42):
        _write(tmp_path / f"{number:02}.png", _image(number, (6, 5, 1 if number == grey else 3)))
    assert _load(tmp_path).image_shape == (6, 5, 3)


def test_images_of_differing_sizes_are_refused_with_the_way_out(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number:02}.png", _image(number, (6, 5 + (number == 13), 1)))
    with pytest.raises(DataError, match=r"13\.png is \(6, 6, 1\), .*\(6, 5, 1\).*--image_size"):
        _load(tmp_path)


def test_image_size_crops_the_centre_and_resizes(tmp_path):
    for number in range(42):
        image = np.zeros((8, 20 if number % 2 else 8, 1), np.uint8)
        if number % 2:
            image[:, :6] = image[:, -6:] = 255  # beyond the centre
        image[:4] = np.maximum(image[:4], 100)
        _write(tmp_path / f"{number}.png", image)
    data = _load(tmp_path, image_size=4)
    assert data.image_shape == (4, 4, 1)
    assert data.train.images.dtype == np.uint8
    for image in data.train.images:
        np.testing.assert_array_equal(image[0], 100)
        np.testing.assert_array_equal(image[-1], 0)


def test_image_size_enlarges_too(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number}.png", np.full((4, 4, 3), 5 * number, np.uint8))
    data = _load(tmp_path, image_size=9)
    assert data.image_shape == (9, 9, 3)
    assert all(len(np.unique(image)) == 1 for image in data.train.images)


@pytest.mark.slow
def test_crop_size_cuts_the_centre_out_and_image_size_resizes_that(tmp_path):
    images = {}
    for number in range(42):
        shape = (20 + number % 3, 30, 3) if number % 2 else (33, 21, 3)
        images[number] = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
        _write(tmp_path / f"{number:02}.png", images[number])
    squares = set()
    for image in images.values():
        top, left = (image.shape[0] - 16) // 2, (image.shape[1] - 16) // 2
        squares.add(image[top : top + 16, left : left + 16].tobytes())
    data = _load(tmp_path, crop_size=16)
    splits = (data.train, data.validation, data.test)
    assert {image.tobytes() for split in splits for image in split.images} == squares
    small = _load(tmp_path, crop_size=16, image_size=5)
    for square, image in zip(data.train.images, small.train.images, strict=True):
        expected = Image.fromarray(square).resize((5, 5), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(image.astype(int), np.asarray(expected), atol=1)


def test_crop_larger_than_an_image_is_refused_with_its_name(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number:02}.png", _image(number, (9, 8 - (number == 7), 1)))
    with pytest.raises(SettingsError, match=r"--crop_size=8: expected at most 7, .* of .*07\.png"):
        _load(tmp_path, crop_size=8, image_size=4)


BROKEN = [b"", b"no image", b"\x89PNG\r\n\x1a\n and no more"]


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize("name", ["00.png", "41.png"])
def test_file_that_is_no_image_is_named(tmp_path, name, content):
    for number in range(42):
        _write(tmp_path / f"{number:02}.png", _image(number))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        DataError, match=rf"{name} can't be decoded as an image \(.*\); .*--skip_broken"
    ):
        _load(tmp_path)


def test_picture_cut_short_is_broken(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number:02}.jpg", _image(number, (40, 40, 3)))
    whole = (tmp_path / "05.jpg").read_bytes()
    (tmp_path / "05.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"05\.jpg can't be decoded"):
        _load(tmp_path)


def test_file_of_another_kind_is_named(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number:02}.png", _image(number))
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match=r"notes\.txt is not an image .*--skip_broken_images"):
        _load(tmp_path)
    (tmp_path / "more.csv").write_text("no image")
    with pytest.raises(DataError, match=r"more\.csv \(and 1 more\) is not an image"):
        _load(tmp_path)


def test_broken_files_and_others_are_skipped_and_counted_on_request(tmp_path):
    for number in range(45):
        _write(tmp_path / f"{number:02}.png", _image(number))
    for number, content in zip((3, 17, 44), BROKEN, strict=True):
        (tmp_path / f"{number:02}.png").write_bytes(content)
    (tmp_path / "notes.txt").write_text("no image")
    data = _load(tmp_path, skip_broken_images=True)
    assert _all_numbers(data) == sorted(set(range(45)) - {3, 17, 44})
    assert data.skipped == ("03.png", "17.png", "44.png", "notes.txt")
    assert data.describe()["skipped_files"] == 4
    assert data.notes() == [f"{tmp_path}: read 42 of 46 files: 3 broken .png, 1 .txt"]


def test_files_are_named_only_where_some_were_skipped(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number:02}.png", _image(number))
    data = _load(tmp_path, skip_broken_images=True)
    assert data.notes() == [] and "skipped_files" not in data.describe()
    assert data.describe() == _load(tmp_path).describe()


def test_too_few_images_left_are_refused(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number:02}.png", _image(number))
    for number in range(13):
        (tmp_path / f"{number:02}.png").write_bytes(b"")
    with pytest.raises(DataError, match="29 images, expected 30"):
        _load(tmp_path, skip_broken_images=True)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["flat", "splits"])
def test_streamed_folder_is_the_same_to_the_bit(tmp_path, layout):
    for number in range(60):
        split = ("train", "train", "train", "test")[number // 2 % 4]
        where = {"flat": ".", "splits": f"{split}/{'ab'[number % 2]}"}
        ending, channels = (".png", ".jpg")[number % 2], 1 + 2 * (number % 3 > 0)
        image = _image(number, (20 + number % 5, 24, channels))
        _write(tmp_path / where[layout] / f"{number:02}{ending}", image)
    memory, streamed = (_load(tmp_path, image_size=9, stream=how) for how in ("never", "always"))
    assert isinstance(memory.train.images, np.ndarray)
    assert isinstance(streamed.train.images, StreamedImages)
    assert streamed.describe() == memory.describe()
    assert "streams" in streamed.notes()[0] and not memory.notes()
    for name in ("train", "validation", "test"):
        some, expected = getattr(streamed, name), getattr(memory, name)
        np.testing.assert_array_equal(some.images[:], expected.images)
        np.testing.assert_array_equal(some.labels, expected.labels)
    assert isinstance(streamed.validation.images, np.ndarray)
    assert isinstance(streamed.test.images, np.ndarray)
