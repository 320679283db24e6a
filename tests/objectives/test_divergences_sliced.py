"""The sliced Wasserstein distance, against closed forms."""

import math

import numpy as np
import pytest
import tensorflow as tf

from aae_tf import seeds
from aae_tf.objectives.divergences import directions, sliced_wasserstein

ALONG = directions(4000, 3, seeds.root(1), tf.float64)


def _draw(count, dim, name):
    seed = seeds.fold(seeds.root(0), name)
    return tf.random.stateless_normal([count, dim], seed, dtype=tf.float64)


def test_directions_are_unit_vectors_without_a_preferred_direction():
    along = ALONG.numpy()
    assert along.shape == (3, 4000)
    np.testing.assert_allclose(np.linalg.norm(along, axis=0), 1)
    np.testing.assert_allclose(along.mean(1), 0, atol=5 / math.sqrt(3 * 4000))
    np.testing.assert_allclose(along @ along.T / 4000, np.eye(3) / 3, atol=5 / math.sqrt(4000) / 2)


def test_directions_are_a_function_of_the_seed():
    first, again, other = (directions(5, 2, seeds.root(n)).numpy() for n in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert first.dtype == np.float32


def test_distance_of_a_shifted_sample_is_the_shift_over_root_d():
    sample, shift = _draw(50, 3, "a"), np.array([1.0, -2.0, 2.0])
    exact = math.sqrt(np.mean((shift @ ALONG.numpy()) ** 2))
    found = float(sliced_wasserstein(sample, sample + shift, ALONG))
    assert found == pytest.approx(exact, rel=1e-9)
    assert found == pytest.approx(3 / math.sqrt(3), rel=0.03)


def test_order_within_a_sample_does_not_matter():
    first, second = _draw(50, 3, "a"), _draw(50, 3, "b")
    found = float(sliced_wasserstein(first, second, ALONG))
    assert float(sliced_wasserstein(first[::-1], second, ALONG)) == pytest.approx(found, rel=1e-12)
    assert float(sliced_wasserstein(second, first, ALONG)) == pytest.approx(found, rel=1e-12)
    assert float(sliced_wasserstein(first, first[::-1], ALONG)) == pytest.approx(0, abs=1e-12)
    assert found > 0.1


def test_distance_in_one_dimension_is_that_of_the_sorted_samples():
    first, second = tf.constant([[3.0], [0.0], [1.0]]), tf.constant([[1.0], [7.0], [2.0]])
    along = tf.constant([[1.0, -1.0]])
    by_hand = math.sqrt(((0 - 1) ** 2 + (1 - 2) ** 2 + (3 - 7) ** 2) / 3)
    assert float(sliced_wasserstein(first, second, along)) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_scaling_a_sample_in_one_dimension_costs_its_root_mean_square(scale):
    sample = _draw(1000, 1, "a")
    along = tf.constant([[1.0]], tf.float64)
    root_mean_square = math.sqrt(np.mean(sample.numpy() ** 2))
    found = float(sliced_wasserstein(sample, scale * sample, along))
    assert found == pytest.approx(abs(scale - 1) * root_mean_square, rel=1e-9)


def test_distance_of_two_gaussians_is_the_closed_form():
    count, sd, shift = 20_000, 2.5, np.array([0.0, 3.0, 0.0])
    along = ALONG[:, :100]
    first, second = _draw(count, 3, "a"), sd * _draw(count, 3, "b") + shift
    # Along a unit vector: the difference of the means squared and that of the sds squared.
    exact = math.sqrt(np.mean((shift @ along.numpy()) ** 2) + (sd - 1) ** 2)
    assert float(sliced_wasserstein(first, second, along)) == pytest.approx(exact, rel=0.01)


def test_distance_is_in_the_units_of_the_samples():
    first, second = _draw(50, 3, "a"), _draw(50, 3, "b")
    found = float(sliced_wasserstein(first, second, ALONG))
    assert float(sliced_wasserstein(10 * first, 10 * second, ALONG)) == pytest.approx(10 * found)
