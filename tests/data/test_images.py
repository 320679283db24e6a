"""Splits: disjoint, complete, with labels beside their images, and the same in every run."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tiny
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aae_tf.data import ImageData, Split, load
from aae_tf.data.images import Framing, fixed_permutation, rows_of_splits, with_validation
from aae_tf.settings import DataSettings
from aae_tf.settings.fields import RESIZE_FILTERS


def _numbered(count):
    """Each image holds its number, and so does its label."""
    numbers = np.arange(count)
    return Split(numbers.astype(np.float32).reshape(-1, 1, 1, 1), numbers.astype(np.int64))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("count, held_out", [(60, 10), (59, 9), (66_000, 10_000)])
def test_validation_is_a_sixth_or_ten_thousand_and_nothing_is_lost(shuffle, count, held_out):
    train, validation = with_validation(_numbered(count), shuffle=shuffle)
    assert (len(train), len(validation)) == (count - held_out, held_out)
    assert sorted([*train.labels, *validation.labels]) == list(range(count))
    for split in (train, validation):
        np.testing.assert_array_equal(split.images.ravel(), split.labels)


def test_validation_without_shuffling_is_the_last():
    train, validation = with_validation(_numbered(60), shuffle=False)
    assert validation.labels.tolist() == list(range(50, 60))
    assert train.labels.tolist() == list(range(50))


def test_shuffled_validation_comes_from_everywhere_and_always_from_the_same_places():
    first, again = (with_validation(_numbered(600), shuffle=True)[1].labels for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.histogram(first, 4, (0, 600))[0].min() > 10


def test_fixed_permutation_is_the_same_in_every_release():
    assert fixed_permutation(8).tolist() == [7, 0, 2, 6, 5, 1, 4, 3]
    assert sorted(fixed_permutation(1000)) == list(range(1000))


def test_taking_rows_takes_their_labels():
    taken = _numbered(10).take(np.array([7, 2, 2]))
    assert taken.labels.tolist() == taken.images.ravel().tolist() == [7, 2, 2]
    assert Split(np.zeros((3, 2, 2, 1))).take(slice(0, 2)).labels is None


def test_bytes_become_intensities_from_0_to_1_and_floats_stay():
    pixels = np.array([0, 51, 255], np.uint8).reshape(3, 1, 1, 1)
    found = Split(pixels).intensities()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), [0, 0.2, 1])
    np.testing.assert_allclose(Split(pixels).intensities([1]).ravel(), [0.2])
    floats = pixels.astype(np.float32) / 255
    np.testing.assert_array_equal(Split(floats).intensities(), floats)


def test_description_tells_data_sets_apart():
    def described(train):
        return ImageData("some", train, train, train, ("a", "b")).describe()

    split = _numbered(5)
    found = described(split)
    assert found["sizes"] == {"train": 5, "validation": 5, "test": 5}
    assert found["image_shape"] == [1, 1, 1]
    assert found["class_names"] == ["a", "b"]
    assert described(_numbered(5)) == found
    assert described(split.take([0, 1, 2, 4, 3]))["sha256_of_train"] != found["sha256_of_train"]
    # A view with other strides is still the same images.
    assert described(_numbered(10).take(slice(0, 5))) == found


class _ReadInBlocks(Split):
    """Images that can't be had all at once, as those in files."""

    def intensities(self, rows=slice(None)):
        assert len(np.arange(len(self))[rows]) <= 16
        return super().intensities(rows)


@pytest.mark.parametrize("rows", [None, np.arange(0, 50, 2)])
def test_a_split_is_read_in_order_a_block_at_a_time(rows):
    split = _numbered(50)
    blocks = list(_ReadInBlocks(split.images).blocks("", rows, size=16))
    assert [len(block) for block in blocks] == ([16, 16, 16, 2] if rows is None else [16, 9])
    expected = split.intensities() if rows is None else split.intensities(rows)
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


def _data(train, validation, test, class_names=(), images=None):
    def split(labels):
        pixels = np.arange(len(labels) * 16, dtype=np.uint8).reshape(-1, 4, 4, 1) * 5
        return Split(pixels if images is None else images, np.array(labels))

    return ImageData("some", split(train), split(validation), split(test), class_names)


def test_classes_that_a_split_lacks_are_named():
    assert _data([0, 1, 2], [0, 1, 2], [2, 1, 0]).notes() == []
    data = _data([0, 1, 2, 2], [0, 1], [1, 1], ("ant", "bee", "cat", "dog"))
    assert data.notes() == [
        "some: no training image of class dog",
        "some: no validation image of class cat (2 to train on)",
        "some: no test image of classes ant (1 to train on), cat (2 to train on)",
    ]
    many = _data(range(20), [0], range(20)).notes()
    assert many[0].endswith("5 (1 to train on) and 14 more")


def test_labels_that_count_from_1_are_named():
    data = _data([1, 2, 3], [1, 2, 3], [1, 2, 3])
    assert data.notes() == ["some: labels count from 0; yours are 1..3"]


@pytest.mark.parametrize(
    "images, words",
    [
        (np.arange(48, dtype=np.uint8) % 2, "pixels are all in 0..1 of 0..255"),
        (np.arange(48, dtype=np.uint8) % 16, "pixels are all in 0..15 of 0..255"),
        (np.arange(48, dtype=np.uint8) % 16 + 240, "pixels are all in 240..255 of 0..255"),
        (np.arange(48, dtype=np.float32) / 48 / 255, "pixels are all in 0..0.00383987 of 0..1"),
        (np.arange(48, dtype=np.uint8) % 17, None),
        (np.arange(48, dtype=np.float32) / 48, None),
    ],
)
def test_pixels_that_hardly_use_their_range_get_a_note(images, words):
    notes = _data([0, 1, 2], [0, 1, 2], [0, 1, 2], images=images.reshape(3, 4, 4, 1)).notes()
    assert (words in notes[0]) if words else notes == []


def test_rows_of_splits_are_a_function_of_the_size_where_every_class_is_trained_on():
    for size in (42, 1000):
        expected = rows_of_splits(size, None)
        for rows in (expected, rows_of_splits(size, np.arange(size) % 3)):
            for some, other in zip(rows, expected, strict=True):
                np.testing.assert_array_equal(some, other)
        assert sorted(np.concatenate(expected)) == list(range(size))


@given(st.integers(30, 90), st.integers(2, 40), st.integers(0, 99))
def test_every_class_has_a_training_image_and_sizes_stay(size, classes, seed):
    labels = np.random.default_rng(seed).integers(0, classes, size)
    labels[seed % size] = classes  # one image alone
    rows, expected = rows_of_splits(size, labels), rows_of_splits(size, None)
    assert [len(some) for some in rows] == [len(some) for some in expected]
    assert sorted(np.concatenate(rows)) == list(range(size))
    if len(set(labels)) < size / 2:
        assert set(labels[rows[0]]) == set(labels)


def test_class_of_two_files_is_trained_on_and_missed_by_name(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (200, 4, 4), np.uint8)
    held_out = np.concatenate(rows_of_splits(200, None)[1:])
    labels = np.arange(200) % 9
    labels[held_out[:2]] = 9
    np.savez(tmp_path / "rare.npz", images=images, labels=labels)
    data = load(DataSettings(dataset=str(tmp_path / "rare.npz")))
    assert data.num_classes == 10 and (data.train.labels == 9).sum() == 1
    assert "no test image of class 9 (1 to train on)" in " ".join(data.notes())


def test_changed_pixels_or_labels_of_any_split_are_seen():
    data = _data([0, 1, 2], [0, 1, 2], [0, 1, 2])
    described = data.describe()
    for name, split in data.splits.items():
        other = dataclasses.replace(split, labels=split.labels[::-1].copy())
        changed = dataclasses.replace(data, **{name: other}).describe()
        differing = {key for key in described if described[key] != changed[key]}
        assert differing == {"sha256_of_labels"}
        other = dataclasses.replace(split, images=split.images ^ np.uint8(1))
        changed = dataclasses.replace(data, **{name: other}).describe()
        differing = {key for key in described if described[key] != changed[key]}
        assert differing == {f"sha256_of_{name}"}


def _natural(side=140):
    """Pixels whose spectrum falls as that of photographs does, uint8 `(side, side, 3)`.

    None is near black or white: Pillow clips what overshoots between its two passes.
    """
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    noise = np.random.default_rng(0).normal(size=(3, side, side))
    smooth = np.fft.ifft2(np.fft.fft2(noise) / np.maximum(frequencies, 1 / side)).real
    return np.clip(127 + 20 * smooth / smooth.std(), 0, 255).astype(np.uint8).transpose(1, 2, 0)


def _laplace_variance(pixels):
    grey = np.asarray(pixels, float).mean(-1)
    edges = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return np.var(edges - 4 * grey[1:-1, 1:-1])


@pytest.mark.parametrize("side", [64, 200])
@pytest.mark.parametrize("name", RESIZE_FILTERS)
def test_filters_are_pillows_of_the_same_name_within_a_level(name, side):
    image = _natural()
    kind = Image.Resampling[name.upper().rstrip("3")]
    expected = np.asarray(Image.fromarray(image).resize((side, side), kind)).astype(int)
    found = Framing(0, side, name)(tf.constant(image)).numpy()
    np.testing.assert_allclose(found, expected, atol=1)
    assert _laplace_variance(found) == pytest.approx(_laplace_variance(expected), rel=0.01)


def test_a_bilinear_face_is_less_sharp_than_lanczos_makes_it():
    # Pillow's ANTIALIAS, by which the WAE paper's code resizes CelebA, is its LANCZOS.
    image = _natural()
    papers = Image.fromarray(image).resize((64, 64), Image.Resampling.LANCZOS)
    bilinear, lanczos = (
        _laplace_variance(Framing(0, 64, name)(tf.constant(image)).numpy())
        for name in ("bilinear", "lanczos3")
    )
    assert 0.4 < bilinear / _laplace_variance(papers) < 0.7
    assert lanczos / _laplace_variance(papers) == pytest.approx(1, abs=0.01)


def test_data_given_in_python_are_shown_by_their_argument():
    data = dataclasses.replace(tiny.data(), name="__python__:x")
    assert data.summary().startswith("x, given in Python: 124 images, 8x8x1, 3 classes: ")
    assert data.describe()["name"] == "__python__:x"
    dark = Split(np.zeros((40, 4, 4, 1), np.uint8))
    (note,) = ImageData("__python__:x", dark, dark, None).notes()
    assert note.startswith("x, given in Python: pixels")
    assert tiny.data().flag == "--dataset=bars" and data.flag == "x"
