"""The reconstruction cost: half the squared error, summed over pixels."""

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.objectives.reconstruction import half_squared_error

RNG = np.random.default_rng(0)


def test_half_squared_error_by_hand():
    images = tf.constant([[[0.0, 1.0], [0.5, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    rebuilt = tf.constant([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]]])
    np.testing.assert_allclose(half_squared_error(images, rebuilt), [0.625, 0.5])


@pytest.mark.parametrize("shape", [(3, 28, 28, 1), (3, 5, 4, 3), (2, 7), (0, 4, 4, 1)])
def test_half_squared_error_sums_over_pixels_and_not_over_images(shape):
    images, rebuilt = RNG.random((2, *shape))
    by_hand = [
        0.5 * sum((a - b) ** 2 for a, b in zip(x.flat, y.flat, strict=True))
        for x, y in zip(images, rebuilt, strict=True)
    ]
    found = half_squared_error(tf.constant(images), tf.constant(rebuilt))
    assert found.shape == shape[:1]
    np.testing.assert_allclose(found, by_hand)


def test_gradient_is_the_difference_itself():
    images, rebuilt = (tf.constant(RNG.random((2, 4, 4, 1))) for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch(rebuilt)
        cost = half_squared_error(images, rebuilt)
    np.testing.assert_allclose(tape.gradient(cost, rebuilt), rebuilt - images)


def test_cost_of_coarse_reconstructions_is_summed_in_the_images_precision():
    images = tf.zeros((1, 28, 28, 1))
    rebuilt = tf.fill((1, 28, 28, 1), tf.constant(0.25, tf.bfloat16))
    found = half_squared_error(images, rebuilt)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, [0.5 * 784 / 16])
