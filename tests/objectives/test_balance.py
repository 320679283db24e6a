"""The imbalance of categories, by hand and against scipy."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from aae_tf.objectives.balance import imbalance


def test_imbalance_is_the_divergence_of_the_mean_from_equal_shares():
    logits = np.random.default_rng(0).normal(size=(7, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = scipy.stats.entropy(probabilities.mean(0), np.full(4, 1 / 4))
    assert expected > 0.01
    assert imbalance(tf.constant(probabilities)).numpy() == pytest.approx(expected, rel=1e-12)


def test_imbalance_is_0_at_equal_shares_and_log_of_their_number_with_one_in_use():
    assert imbalance(tf.constant(np.eye(5))).numpy() == pytest.approx(0, abs=1e-12)
    one = np.eye(5)[[2, 2, 2]]
    assert imbalance(tf.constant(one)).numpy() == pytest.approx(np.log(5))


def test_imbalance_of_sampled_equal_shares_is_what_its_docstring_says():
    rng, n, k = np.random.default_rng(0), 200, 10
    found = [imbalance(tf.constant(np.eye(k)[rng.integers(0, k, n)])).numpy() for _ in range(300)]
    # About 9/400; the chi-squared law has a sd of sqrt(18)/400, a mean of 300 a seventeenth of it.
    assert np.mean(found) == pytest.approx((k - 1) / (2 * n), abs=0.003)


def test_imbalance_moves_an_even_mind_to_the_category_that_is_short():
    logits = tf.Variable([[4.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=tf.float64)
    with tf.GradientTape() as tape:
        value = imbalance(tf.nn.softmax(logits))
    slope = tape.gradient(value, logits).numpy()
    assert slope[1, 0] > 0.01 and slope[1, 1] < -0.01 and slope[1, 2] < -0.01


def test_imbalance_has_a_finite_gradient_where_a_category_has_no_share_at_all():
    logits = tf.Variable([[500.0, 0.0, 0.0]] * 2)
    with tf.GradientTape() as tape:
        probabilities = tf.nn.softmax(logits)
        value = imbalance(probabilities)
    assert probabilities.numpy()[:, 1:].max() == 0
    assert np.all(np.isfinite(tape.gradient(value, logits)))
