"""Penalties of the discriminator's gradient: closed forms, and derivatives by differences."""

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.objectives.adversarial import between, gradient_penalty, r1_penalty, slope

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(7, 3))
DIRECTION = np.array([0.5, -1.5, 2.0])
MATRIX = RNG.normal(size=(3, 3))
WEIGHTS = RNG.normal(size=(3, 5)), RNG.normal(size=5)


def _linear(points):
    return tf.linalg.matvec(points, DIRECTION) + 4.0


def _quadratic(points):
    return tf.reduce_sum(points * (points @ MATRIX), -1)


def _hidden(points, first, second):
    return tf.linalg.matvec(tf.tanh(points @ first), second)


def test_of_a_linear_critic_they_are_functions_of_its_slope_alone():
    length = np.sqrt(0.25 + 2.25 + 4.0)
    points = tf.constant(POINTS)
    np.testing.assert_allclose(r1_penalty(_linear, points), 7 * [length**2 / 2], rtol=1e-14)
    found = gradient_penalty(_linear, points)
    np.testing.assert_allclose(found, 7 * [(length - 1) ** 2], rtol=1e-13)


def test_of_a_quadratic_critic_they_are_functions_of_the_point():
    gradient = POINTS @ (MATRIX + MATRIX.T)
    points = tf.constant(POINTS)
    np.testing.assert_allclose(slope(_quadratic, points), gradient, rtol=1e-12)
    squared = (gradient**2).sum(1)
    np.testing.assert_allclose(r1_penalty(_quadratic, points), squared / 2, rtol=1e-12)
    expected = (np.sqrt(squared) - 1) ** 2
    np.testing.assert_allclose(gradient_penalty(_quadratic, points), expected, rtol=1e-10)


def test_slope_is_what_differences_of_logits_say():
    first, second = map(tf.constant, WEIGHTS)
    found = slope(lambda points: _hidden(points, first, second), tf.constant(POINTS)).numpy()
    for axis, step in enumerate(1e-6 * np.eye(3)):
        higher, lower = (_hidden(POINTS + sign * step, first, second) for sign in (1, -1))
        np.testing.assert_allclose(found[:, axis], (higher - lower) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("penalty", [r1_penalty, gradient_penalty])
def test_gradient_of_a_gradient_is_what_differences_of_the_penalty_say(penalty, compiled):
    def mean(first, second):
        return tf.reduce_mean(penalty(lambda at: _hidden(at, first, second), tf.constant(POINTS)))

    @tf.function(jit_compile=compiled)
    def gradient(*weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = mean(*weights)
        return tape.gradient(value, weights)

    found = gradient(*map(tf.constant, WEIGHTS))
    for number, weights in enumerate(WEIGHTS):
        for place in np.ndindex(weights.shape):
            ends = []
            for sign in (1, -1):
                moved = [each.copy() for each in WEIGHTS]
                moved[number][place] += sign * 1e-6
                ends.append(float(mean(*map(tf.constant, moved))))
            expected = (ends[0] - ends[1]) / 2e-6
            assert float(found[number][place]) == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_a_flat_critic_costs_nothing_or_1_and_its_gradient_is_finite(dtype):
    weights, points = tf.zeros(3, dtype), tf.constant(POINTS, dtype)
    for penalty, value in ((r1_penalty, 0), (gradient_penalty, 1)):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            found = penalty(lambda at: tf.linalg.matvec(at, weights), points)
        np.testing.assert_allclose(found, 7 * [value], atol=1e-5)
        np.testing.assert_array_equal(tape.gradient(found, weights), np.zeros(3))


def test_points_between_lie_on_the_lines_from_codes_to_samples():
    samples, codes = tf.constant(POINTS), tf.constant(RNG.normal(size=(7, 3)))
    for share, expected in ((0.0, codes), (1.0, samples), (0.25, 0.25 * samples + 0.75 * codes)):
        shares = tf.fill([7, 1], tf.constant(share, tf.float64))
        np.testing.assert_allclose(between(samples, codes, shares), expected, rtol=1e-14)
    own = between(samples, codes, tf.constant(np.linspace(0, 1, 7)[:, None]))
    np.testing.assert_array_equal(own[0], codes[0])
    np.testing.assert_array_equal(own[6], samples[6])
