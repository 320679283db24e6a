"""Held-out images beside an export: small, and only of sets that anybody may pass on."""

import numpy as np
import pytest
import tiny

from aae_tf.data import Split
from aae_tf.runs.export import _held_out_codes, images_may_go, small_images
from aae_tf.settings import DataSettings
from aae_tf.settings.own import GIVEN


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mnist", True),
        ("fashion_mnist", True),
        ("celeb_a", False),  # by its licence
        ("ours_in_tfds", False),
        ("mine.npz", False),
        ("./mnist", False),
        (GIVEN, False),
    ],
)
def test_images_go_along_where_anybody_may_pass_them_on(empty_folder, name, expected):
    (empty_folder / "mnist").mkdir()  # which isn't what --dataset=mnist reads
    assert images_may_go(DataSettings(dataset=name)) == expected


def test_a_folder_of_ones_own_called_like_an_open_set_is_ones_own(empty_folder):
    (empty_folder / "fashion_mnist").mkdir()
    assert not images_may_go(DataSettings(dataset="fashion_mnist"))


@pytest.mark.parametrize("with_images", [True, False])
def test_images_go_with_the_codes_only_where_they_may(with_images):
    described = _held_out_codes(tiny.method(), tiny.data(), with_images)
    assert ("sheet" in described) == ("tile" in described) == with_images
    assert len(described["codes"]) == 40


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_averaged_down(channels):
    images = np.zeros((3, 128, 256, channels), np.uint8)
    images[1, :, 128:] = 200
    images[2, ::2] = 100
    small = small_images(Split(images), np.array([1, 2]))
    assert small.shape == (2, 32, 64, channels) and small.dtype == np.uint8
    assert (small[0, :, :32] == 0).all() and (small[0, :, 32:] == 200).all()
    assert (small[1] == 50).all()


def test_small_images_stay_as_they_are():
    split, rows = tiny.split(9), np.array([0, 4, 8])
    np.testing.assert_array_equal(small_images(split, rows), split.images[rows])


def test_features_have_no_images():
    assert small_images(Split(np.zeros((4, 14), np.float32)), np.arange(4)) is None
