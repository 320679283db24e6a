"""Splits: disjoint, complete, with labels beside their images, and the same in every run."""

import numpy as np
import pytest

from aae_tf.data import ImageData, Split
from aae_tf.data.images import fixed_permutation, with_validation


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
