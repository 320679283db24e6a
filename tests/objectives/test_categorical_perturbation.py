"""The adversarial perturbation of an image, against matrix products and a search over others."""

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.objectives import categorical

SHAPE = (5, 2, 3, 1)
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(6, 4))
IMAGES = RNG.normal(size=SHAPE)
DIRECTION = RNG.normal(size=SHAPE)


def _softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _linear(scale=1.0, dtype=tf.float64):
    return lambda images: scale * tf.reshape(images, [-1, 6]) @ tf.constant(WEIGHTS, dtype)


def _change(logits_of, radius, dtype=tf.float64):
    images, direction = tf.constant(IMAGES, dtype), tf.constant(DIRECTION, dtype)
    return categorical.adversarial_perturbation(logits_of, images, direction, radius)


def _expected(scale, radius):
    """`radius` times the unit vector of J' F J d, for linear logits."""
    flat, start = IMAGES.reshape(-1, 6), DIRECTION.reshape(-1, 6)
    q, jacobian = _softmax(scale * flat @ WEIGHTS), scale * WEIGHTS
    rows = []
    for row in range(len(q)):
        # Rows of F sum to 0, so its diagonal is minus the rest, which loses no digits at q = 1.
        fisher = -np.outer(q[row], q[row])
        np.fill_diagonal(fisher, 0)
        np.fill_diagonal(fisher, -fisher.sum(1))
        step = jacobian @ fisher @ jacobian.T @ start[row]
        rows.append(radius * step / np.linalg.norm(step))
    return np.reshape(rows, SHAPE)


@pytest.mark.parametrize("radius", [0.3, 2.0])
def test_change_of_a_linear_model_is_a_power_iteration_with_the_fisher_information(radius):
    np.testing.assert_allclose(_change(_linear(), radius), _expected(1, radius), rtol=1e-9)


def test_change_takes_a_length_for_each_image():
    lengths = np.array([0.0, 0.3, 1.0, 2.0, 5.0]).reshape(5, 1, 1, 1)
    found = _change(_linear(), tf.constant(lengths))
    np.testing.assert_allclose(found, _expected(1, 1.0) * lengths, rtol=1e-9)


def test_distance_to_the_nearest_other_image_by_a_loop():
    others = RNG.normal(size=(9, *SHAPE[1:]))
    others[3:8] = IMAGES
    expected = [
        min(np.linalg.norm(image - other) for k, other in enumerate(others) if k != row + 3)
        for row, image in enumerate(IMAGES)
    ]
    found = categorical.nearest_distance(tf.constant(IMAGES), tf.constant(others))
    assert found.shape == (5, 1, 1, 1)
    np.testing.assert_allclose(found[:, 0, 0, 0], expected, rtol=1e-9)


def test_direction_survives_certainty_in_float32():
    # The largest probabilities are within 1e-7 of 1, where float32 can't tell them apart.
    q = _softmax(12 * IMAGES.reshape(-1, 6) @ WEIGHTS)
    assert np.any(1 - q.max(-1) < 1e-7)
    found = _change(_linear(12.0, tf.float32), 1.0, tf.float32).numpy()
    np.testing.assert_allclose(found, _expected(12, 1.0), atol=0.02)


def test_found_change_is_worse_than_nearly_all_random_ones_of_its_length():
    flat = tf.keras.layers.Dense(
        4, "tanh", kernel_initializer=tf.keras.initializers.Orthogonal(0.5, 1)
    )
    last = tf.constant(WEIGHTS[:4])

    def logits_of(images):
        return 3 * tf.cast(flat(tf.reshape(images, [-1, 6])), tf.float64) @ last

    images = tf.constant(IMAGES)
    logits = logits_of(images)
    change = _change(logits_of, 0.3)
    found = categorical.divergence(logits, logits_of(images + change)).numpy()
    draws = categorical.unit(tf.constant(RNG.normal(size=(200, *SHAPE)).reshape(-1, *SHAPE[1:])))
    others = tf.tile(images, [200, 1, 1, 1]) + 0.3 * draws
    random = categorical.divergence(tf.tile(logits, [200, 1]), logits_of(others))
    worse = found[None] > random.numpy().reshape(200, -1)
    assert worse.mean() > 0.9
    np.testing.assert_allclose(np.linalg.norm(change.numpy().reshape(5, -1), axis=1), 0.3)


def test_no_gradient_flows_through_the_change_or_the_given_probabilities():
    scale = tf.Variable(1.5, dtype=tf.float64)
    images = tf.constant(IMAGES)

    def logits_of(seen):
        return scale * _linear()(seen)

    with tf.GradientTape(persistent=True) as tape:
        change = _change(logits_of, 1.0)
        total = tf.reduce_sum(change)
        logits = logits_of(images)
        changed = logits_of(images + tf.constant(change.numpy()))
        own = categorical.divergence(logits, changed)
        other = categorical.divergence(tf.constant(logits.numpy()), changed)
    assert tape.gradient(total, scale) is None
    np.testing.assert_allclose(tape.gradient(own, scale), tape.gradient(other, scale), rtol=1e-12)
    assert abs(tape.gradient(own, scale)) > 1e-3


def test_divergence_is_that_of_kullback_and_leibler():
    logits, changed = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 4))
    p, q = _softmax(logits), _softmax(changed)
    found = categorical.divergence(tf.constant(logits), tf.constant(changed))
    np.testing.assert_allclose(found, (p * np.log(p / q)).sum(-1), rtol=1e-9)
    zero = categorical.divergence(tf.constant(logits), tf.constant(logits + 3.0))
    np.testing.assert_allclose(zero, 0, atol=1e-12)


def test_no_change_where_none_has_an_effect():
    def constant(images):
        return tf.zeros([5, 4], tf.float64) + 0 * tf.reduce_sum(images)

    np.testing.assert_array_equal(_change(constant, 2.0), np.zeros(SHAPE))
