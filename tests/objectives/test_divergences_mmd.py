"""The maximum mean discrepancy, against a double loop and closed forms."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from aae_tf import seeds
from aae_tf.objectives.divergences import (
    centred,
    inverse_multiquadratic,
    mmd,
    sinkhorn,
    squared_distances,
)

KERNEL = inverse_multiquadratic(4.0)


def _draw(count, dim, *parts, dtype=tf.float64):
    return tf.random.stateless_normal([count, dim], seeds.fold(seeds.root(0), *parts), dtype=dtype)


def _by_double_loop(first, second, kernel):
    """Gretton et al.'s lemma 6, pair by pair."""

    def k(x, y):
        return float(kernel(np.sum((x - y) ** 2)))

    def within(sample):
        pairs = list(itertools.permutations(sample, 2))
        return sum(k(x, y) for x, y in pairs) / len(pairs)

    across = list(itertools.product(first, second))
    return within(first) + within(second) - 2 * sum(k(x, y) for x, y in across) / len(across)


@pytest.mark.parametrize("sizes", [(2, 2), (2, 5), (7, 4), (12, 12)])
@pytest.mark.parametrize("dim", [1, 3])
def test_mmd_is_the_double_loop_over_pairs(sizes, dim):
    first, second = (_draw(n, dim, dim, name, n) for name, n in zip("ab", sizes, strict=True))
    by_hand = _by_double_loop(first.numpy(), second.numpy(), KERNEL)
    assert float(mmd(first, second, KERNEL)) == pytest.approx(by_hand, abs=1e-12)


def test_mmd_of_pairs_of_points_by_hand():
    first, second = tf.constant([[0.0], [1.0]]), tf.constant([[2.0], [4.0]])
    # Squared distances: within 1 and 4, across 4, 16, 1 and 9; k = 4 / (4 + squared).
    by_hand = 4 / 5 + 4 / 8 - (4 / 8 + 4 / 20 + 4 / 5 + 4 / 13) / 2
    assert float(mmd(first, second, KERNEL)) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("block", [1, 3, 7, 1000])
def test_size_of_blocks_does_not_matter(block):
    first, second = _draw(20, 2, "a"), _draw(14, 2, "b")
    at_once = float(mmd(first, second, KERNEL))
    assert float(mmd(first, second, KERNEL, block=block)) == pytest.approx(at_once, abs=1e-12)


@pytest.mark.slow
def test_mmd_is_unbiased():
    one = tf.function(lambda n: mmd(_draw(10, 2, n, "a"), _draw(6, 2, n, "b"), KERNEL))
    draws = [float(one(tf.constant(n))) for n in range(1500)]
    error = np.std(draws) / math.sqrt(len(draws))
    assert abs(np.mean(draws)) < 4 * error
    assert error < 0.002  # with the diagonals the mean would be 0.1 or so
    assert min(draws) < -0.02


@pytest.mark.parametrize("shift", [0.5, 1.5])
def test_gaussian_kernel_on_shifted_gaussians_has_the_closed_form(shift):
    dim, width, count = 2, 1.5, 3000

    def kernel(squared):
        return tf.exp(-squared / (2 * width**2))

    first = _draw(count, dim, "a")
    second = _draw(count, dim, "b") + np.array([shift, 0.0])
    # x - y is N(shift, 2 I), so E k = (w^2 / (w^2 + 2))^(d/2) exp(-shift^2 / (2 (w^2 + 2))).
    same = (width**2 / (width**2 + 2)) ** (dim / 2)
    expected = 2 * same * (1 - math.exp(-(shift**2) / (2 * (width**2 + 2))))
    assert float(mmd(first, second, kernel)) == pytest.approx(expected, rel=0.1)


def test_inverse_multiquadratic_falls_from_one_to_a_half_at_its_scale():
    kernel = inverse_multiquadratic(3.0)
    squared = tf.constant([0.0, 3.0, 9.0])
    np.testing.assert_allclose(kernel(squared), [1, 0.5, 0.25], rtol=1e-6)


def test_inverse_multiquadratic_mmd_is_its_expectation_on_points_that_are_far_apart():
    first = tf.constant(np.zeros((50, 3)))
    second = tf.constant(np.tile([3.0, 0.0, 0.0], (30, 1)))
    assert float(mmd(first, second, KERNEL)) == pytest.approx(2 - 2 * 4 / (4 + 9), rel=1e-9)


def test_squared_distances_are_those_of_all_pairs_and_never_negative():
    first, second = _draw(6, 4, "a"), _draw(5, 4, "b")
    by_hand = ((first.numpy()[:, None] - second.numpy()[None]) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(first, second), by_hand, rtol=1e-9)
    far = tf.cast(first, tf.float32) + 1000
    assert float(tf.reduce_min(squared_distances(far, far))) >= 0


def test_codes_far_from_0_have_the_distances_that_they_have_around_it():
    # In float32 numbers around 100 are 8e-6 apart, and squared lengths around 30,000 are 2e-3.
    near, others = (0.01 * _draw(40, 3, name, dtype=tf.float32) for name in "ab")
    codes, prior = near + 100, others + 100
    exact = (tf.cast(each, tf.float64) for each in (codes, prior))
    first, second = (each - 100 for each in exact)
    by_hand = ((first.numpy()[:, None] - second.numpy()[None]) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(*centred(codes, prior)), by_hand, atol=1e-8)
    narrow = inverse_multiquadratic(1e-3)
    expected = float(mmd(first, second, narrow))
    assert float(mmd(codes, prior, narrow)) == pytest.approx(expected, abs=1e-5)
    regularisation = 2e-4
    expected = float(sinkhorn(first, second, regularisation))
    assert float(sinkhorn(codes, prior, regularisation)) == pytest.approx(expected, abs=1e-8)


def test_centring_takes_no_part_in_the_gradient():
    codes, prior = _draw(6, 2, "a") + 5.0, _draw(4, 2, "b")
    with tf.GradientTape() as tape:
        tape.watch(codes)
        squared = tf.reduce_sum(squared_distances(*centred(codes, prior)))
    by_hand = 2 * (4 * codes.numpy() - prior.numpy().sum(0))
    np.testing.assert_allclose(tape.gradient(squared, codes), by_hand, rtol=1e-9)


def test_gradient_pulls_codes_towards_the_prior():
    codes, prior = _draw(40, 2, "a") + 3.0, _draw(40, 2, "b")
    with tf.GradientTape() as tape:
        tape.watch(codes)
        distance = mmd(codes, prior, KERNEL)
    gradient = tape.gradient(distance, codes)
    assert np.isfinite(gradient).all()
    assert (gradient.numpy().mean(0) > 0).all()
