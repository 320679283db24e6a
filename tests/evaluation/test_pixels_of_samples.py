"""What is read from pixels: sharpness, the nearest training image, coarse pixels, blocks."""

import numpy as np
import pytest
import tiny
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d
from sklearn.neighbors import NearestNeighbors

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.evaluation import inference
from aae_tf.evaluation.sample_metrics import coarse_pixels, nearest_images, sharpness
from aae_tf.utils import evenly_spaced

LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def _images(count, *shape, seed=0):
    return np.random.default_rng(seed).random((count, *shape), np.float32)


@pytest.mark.parametrize("shape", [(3, 3, 1), (9, 7, 1), (8, 12, 3)])
def test_sharpness_is_the_variance_of_scipys_laplace_responses(shape):
    images = _images(5, *shape)
    weights = [0.2989, 0.587, 0.114] if shape[-1] == 3 else [1]
    expected = [convolve2d(image @ weights, LAPLACE, mode="valid").var() for image in images]
    np.testing.assert_allclose(sharpness(images), expected, rtol=1e-4, atol=1e-9)
    assert shape == (3, 3, 1) or min(expected) > 0.1


def test_blurred_images_are_less_sharp_and_intensities_of_twice_the_range_four_times_as_sharp():
    images = tiny.split(20, side=12).intensities()
    blurred = gaussian_filter(images, (0, 1, 1, 0))
    assert (sharpness(blurred) < 0.3 * sharpness(images)).all()
    np.testing.assert_allclose(sharpness(2 * images - 1), 4 * sharpness(images), rtol=1e-4)


@pytest.mark.parametrize("bytes_of_a_block", [4 * 64 * 7, 2**26])
def test_nearest_image_is_scikit_learns(bytes_of_a_block, monkeypatch):
    monkeypatch.setattr(inference, "BLOCK_BYTES", bytes_of_a_block)
    train, images = tiny.split(50, seed=1), _images(30, 8, 8, 1)
    search = NearestNeighbors(n_neighbors=1).fit(train.intensities().reshape(50, -1))
    expected, expected_rows = search.kneighbors(images.reshape(30, -1))
    rows, distances = nearest_images(images, train)
    np.testing.assert_array_equal(rows, expected_rows[:, 0])
    np.testing.assert_allclose(distances, expected[:, 0], rtol=1e-5)


def test_a_copied_training_image_is_at_no_distance():
    train = tiny.split(40, side=28)
    rows, distances = nearest_images(train.intensities(np.array([31, 2, 17])), train)
    assert rows.tolist() == [31, 2, 17]
    np.testing.assert_array_equal(distances, 0)


def test_coarse_pixels_are_averages_and_small_images_stay():
    images = _images(4, 32, 48, 3)
    expected = images.reshape(4, 16, 2, 16, 3, 3).mean((2, 4)).reshape(4, -1)
    np.testing.assert_allclose(coarse_pixels(images), expected, rtol=1e-5)
    small = _images(4, 8, 5, 1)
    np.testing.assert_array_equal(coarse_pixels(small), small.reshape(4, -1))


class _ReadInBlocks(Split):
    """Training images that can't be had all at once, as those in files."""

    def take(self, rows):
        if not isinstance(rows, slice):
            assert (np.diff(rows) > 0).all() and len(rows) <= inference.IMAGES_PER_BLOCK
        return Split(self.images[rows], None if self.labels is None else self.labels[rows])

    def intensities(self, rows):
        return super().intensities(rows)


def test_a_split_is_read_in_order_a_block_at_a_time(monkeypatch):
    monkeypatch.setattr(inference, "BLOCK", 16)
    split = tiny.split(50)
    streamed = _ReadInBlocks(split.images, split.labels)
    found = list(inference.blocks_of_split(streamed, ""))
    assert [len(block) for block in found] == [16, 16, 16, 2]
    np.testing.assert_array_equal(np.concatenate(found), split.intensities())
    rows = evenly_spaced(50, 20)
    some = np.concatenate(list(inference.blocks_of_split(streamed, "", rows)))
    np.testing.assert_array_equal(some, split.intensities()[rows])


def test_spaced_rows_are_different_ascending_and_reach_over_all():
    for size, count in ((10, 3), (10, 10), (7, 100), (1000, 999)):
        rows = evenly_spaced(size, count)
        assert len(rows) == min(size, count) and (np.diff(rows) > 0).all()
        assert rows[0] == 0 and size - rows[-1] <= -(-size // len(rows))


@pytest.mark.parametrize("experiment", ["gaussian", "style", "clustering", "dim_reduction"])
def test_samples_are_the_same_at_every_call_and_fewer_are_the_first_of_more(experiment):
    method = tiny.method_for(tiny.settings(experiment))
    seed = seeds.root(3)
    many, again, few = (
        np.concatenate(list(inference.blocks_of_samples(method, seed, count, "")))
        for count in (600, 600, 40)
    )
    assert many.shape == (600, 8, 8, 1) and many.dtype == np.float32
    assert many.min() >= 0 and many.max() <= 1
    np.testing.assert_array_equal(many, again)
    np.testing.assert_array_equal(few, many[:40])
    assert len(np.unique(many.reshape(600, -1), axis=0)) > 590  # blocks don't repeat each other
