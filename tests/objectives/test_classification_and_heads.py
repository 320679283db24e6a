"""The cross-entropy and the cost of crowded cluster heads, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.objectives.categorical import cross_entropy, head_repulsion


def test_cross_entropy_by_hand():
    logits = np.random.default_rng(0).normal(size=(6, 4))
    labels = np.array([0, 3, 1, 2, 2, 0], np.int32)
    by_hand = [np.log(np.exp(row).sum()) - row[k] for row, k in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(cross_entropy(labels, tf.constant(logits)), by_hand, rtol=1e-12)


def test_cross_entropy_of_far_logits_is_finite():
    found = cross_entropy(np.int32([1, 0]), tf.constant([[500.0, -500.0]] * 2))
    np.testing.assert_allclose(found, [1000, 0])


def test_crowding_is_linear_in_what_a_pair_lacks_and_0_beyond():
    heads = tf.constant([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]], tf.float64)  # 5, 1, sqrt(18) apart
    assert head_repulsion(heads, 0.5).numpy() == 0
    assert head_repulsion(heads, 2.0).numpy() == pytest.approx(1)
    expected = (6 - 5) + (6 - 1) + (6 - np.sqrt(18))
    assert head_repulsion(heads, 6.0).numpy() == pytest.approx(expected)


def test_crowding_pushes_heads_apart():
    heads = tf.Variable([[0.0, 0.0], [1.0, 0.0]])
    with tf.GradientTape() as tape:
        cost = head_repulsion(heads, 2.0)
    # Downhill: the left head to the left, the right one to the right.
    slope = tf.convert_to_tensor(tape.gradient(cost, heads))
    np.testing.assert_allclose(slope, [[1, 0], [-1, 0]])


def test_heads_in_one_place_have_a_finite_gradient():
    heads = tf.Variable(tf.zeros((3, 2)))
    with tf.GradientTape() as tape:
        cost = head_repulsion(heads, 1.0)
    assert np.isfinite(tf.convert_to_tensor(tape.gradient(cost, heads))).all()
