"""Metrics of samples, in features and in pixels, against closed forms, scipy and scikit-learn."""

import numpy as np
import pytest
import scipy.linalg
import tiny
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d
from sklearn.neighbors import NearestNeighbors

from aae_tf import seeds
from aae_tf.evaluation import sample_metrics
from aae_tf.evaluation.inference import blocks_of_samples
from aae_tf.evaluation.sample_metrics import (
    coarse_pixels,
    frechet_distance,
    kernel_distance,
    nearest_images,
    precision_recall,
    sharpness,
)

LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def _features(count, dim, seed, shift=0.0):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, dim)) @ random.normal(size=(dim, dim)) + shift


@pytest.mark.parametrize("dim, count", [(1, 30), (2, 50), (7, 100), (20, 60)])
def test_frechet_distance_is_the_formula_with_scipys_square_root(dim, count):
    first, second = _features(count, dim, 0), _features(count + 9, dim, 1, 0.5)
    c1, c2 = (np.atleast_2d(np.cov(part.T)) for part in (first, second))
    root = scipy.linalg.sqrtm(c1 @ c2).real
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_gaussians_is_the_closed_form():
    sample = np.random.default_rng(0).normal(size=(400, 3))
    sample = (sample - sample.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(sample.T))).T
    first, second = sample * [1, 2, 3] + [1, 0, 0], sample * [2, 2, 1] + [0, 0, 2]
    assert frechet_distance(first, second) == pytest.approx((1 + 4) + (1 + 0 + 4), rel=1e-9)


def test_frechet_distance_has_no_trouble_with_fewer_samples_than_dimensions():
    few, other = _features(12, 40, 2), _features(15, 40, 3, 1.0)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-4)
    assert np.isfinite(frechet_distance(few, other)) and frechet_distance(few, other) > 1
    dead = np.concatenate([few, np.zeros((12, 3))], 1)
    assert frechet_distance(dead, dead) == pytest.approx(0, abs=1e-4)


def _double_loop(first, second):
    def kernel(x, y):
        return (x @ y / len(x) + 1) ** 3

    def pairs(part):
        rows = range(len(part))
        return np.mean([kernel(part[i], part[j]) for i in rows for j in rows if i != j])

    cross = np.mean([kernel(x, y) for x in first for y in second])
    return pairs(first) + pairs(second) - 2 * cross


@pytest.mark.parametrize("block", [7, 1000])
def test_kernel_distance_is_that_of_a_double_loop(block, monkeypatch):
    monkeypatch.setattr(sample_metrics, "FEATURES_PER_BLOCK", block)
    first, second = _features(23, 5, 4), _features(31, 5, 5, 0.3)
    expected = _double_loop(first, second)
    assert kernel_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_is_unbiased():
    random = np.random.default_rng(6)
    found = [kernel_distance(*random.normal(size=(2, 20, 2))) for _ in range(400)]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert min(found) < 0 < max(found)


def _with_scikit_learn(points, centres, neighbours):
    """The share of points within the k-th neighbour's reach of one of the centres."""
    radii = NearestNeighbors(n_neighbors=neighbours).fit(centres).kneighbors()[0][:, -1]
    pairs = NearestNeighbors(n_neighbors=len(centres)).fit(centres).kneighbors(points)
    distances, rows = pairs
    return np.mean((distances <= radii[rows]).any(1))


@pytest.mark.parametrize("neighbours, block", [(1, 1000), (3, 16), (5, 1000)])
def test_precision_and_recall_are_those_of_scikit_learns_neighbours(neighbours, block, monkeypatch):
    monkeypatch.setattr(sample_metrics, "FEATURES_PER_BLOCK", block)
    samples, images = _features(70, 4, 7), _features(90, 4, 8, 0.7)
    precision, recall = precision_recall(samples, images, neighbours)
    assert precision == _with_scikit_learn(samples, images, neighbours)
    assert recall == _with_scikit_learn(images, samples, neighbours)
    assert 0 < precision < 1 and 0 < recall < 1 and precision != recall


def test_samples_of_one_mode_are_precise_and_recall_little():
    random = np.random.default_rng(9)
    images = np.concatenate([random.normal(at, 0.1, (200, 2)) for at in (-3, 0, 3)])
    one_mode = random.normal(0, 0.1, (600, 2))
    precision, recall = precision_recall(one_mode, images)
    assert precision > 0.85 and recall < 0.4
    precision, recall = precision_recall(images, one_mode)
    assert precision < 0.4 and recall > 0.85


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
    monkeypatch.setattr(sample_metrics, "BLOCK_BYTES", bytes_of_a_block)
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


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["gaussian", "style", "dim_reduction"])
def test_samples_are_the_same_at_every_call_and_fewer_are_the_first_of_more(experiment):
    method = tiny.method_for(tiny.settings(experiment))
    seed = seeds.root(3)
    many, again, few = (
        np.concatenate(list(blocks_of_samples(method, seed, count, ""))) for count in (300, 300, 40)
    )
    assert many.shape == (300, 8, 8, 1) and many.dtype == np.float32
    assert many.min() >= 0 and many.max() <= 1
    np.testing.assert_array_equal(many, again)
    np.testing.assert_array_equal(few, many[:40])
    assert len(np.unique(many.reshape(600, -1), axis=0)) > 590  # blocks don't repeat each other
