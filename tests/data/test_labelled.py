"""The labelled subset: balanced, of training images, a function of the seed; others are refused."""

import numpy as np
import pytest
import tiny

from aae_tf.data import ImageData, Split
from aae_tf.data.labelled import check_labels, labelled_rows
from aae_tf.data.load import load_mnist
from aae_tf.errors import DataError, SettingsError


def _data(labels, names=()):
    labels = np.asarray(labels, np.int64)
    split = Split(tiny.images(len(labels)), labels)
    return ImageData("bars", split, split, split, names)


def test_subset_has_as_many_of_each_class_and_no_image_twice():
    data = tiny.data(train=90)
    rows = labelled_rows(data, 30, run_seed=0)
    assert len(set(rows.tolist())) == 30
    assert np.bincount(data.train.labels[rows]).tolist() == [10, 10, 10]


def test_subset_is_a_function_of_the_seed():
    data = tiny.data(train=90)
    first, again, other = (labelled_rows(data, 30, run_seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_all_labels_are_all_training_images():
    data = tiny.data(train=64)
    np.testing.assert_array_equal(labelled_rows(data, None, 0), np.arange(64))


def test_no_labels_are_no_rows():
    assert len(labelled_rows(tiny.data(), 0, 0)) == 0


def test_hundred_labels_of_mnist_are_ten_of_each_digit():
    data = load_mnist()
    rows = labelled_rows(data, 100, 0)
    assert np.bincount(data.train.labels[rows]).tolist() == [10] * 10


def test_number_that_classes_cannot_share_is_refused():
    with pytest.raises(SettingsError, match="--num_labels=10: expected a multiple of 3"):
        labelled_rows(tiny.data(), 10, 0)


def test_more_labels_than_the_smallest_class_has_are_refused():
    data = _data([0] * 20 + [1] * 5)
    with pytest.raises(SettingsError, match=r"--num_labels=12: expected at most 10.*class 1 has 5"):
        labelled_rows(data, 12, 0)


def test_class_without_a_training_image_is_refused():
    data = _data([0] * 20 + [2] * 20)
    for count in (6, None):
        with pytest.raises(DataError, match="class 1 has no training image"):
            labelled_rows(data, count, 0)


def test_data_without_labels_is_refused():
    with pytest.raises(DataError, match="has no labels, which --experiment=style"):
        check_labels(tiny.data(labelled=False), "style")


def test_labels_that_training_has_not_are_refused():
    data = tiny.data()
    held_out = Split(data.test.images, data.test.labels + 1)
    with pytest.raises(DataError, match="labels from 1 to 3, expected them within 0 to 2"):
        check_labels(ImageData("bars", data.train, data.validation, held_out), "style")


def test_one_class_is_refused():
    with pytest.raises(DataError, match="one class"):
        check_labels(_data([0] * 30), "clustering")
