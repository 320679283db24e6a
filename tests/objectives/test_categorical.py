"""The cost of classification, the repulsion of heads and the divergence of shares, by hand."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from aae_tf.objectives.categorical import cross_entropy, head_repulsion, marginal_kl


def test_cross_entropy_by_hand():
    logits = np.random.default_rng(0).normal(size=(6, 4))
    labels = np.array([0, 3, 1, 2, 2, 0], np.int32)
    by_hand = [np.log(np.exp(row).sum()) - row[k] for row, k in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(cross_entropy(labels, tf.constant(logits)), by_hand, rtol=1e-12)


def test_cross_entropy_of_far_logits_is_finite():
    found = cross_entropy(np.int32([1, 0]), tf.constant([[500.0, -500.0]] * 2))
    np.testing.assert_allclose(found, [1000, 0])


def test_head_repulsion_is_linear_in_what_a_pair_lacks_and_0_beyond():
    heads = tf.constant([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]], tf.float64)  # 5, 1, sqrt(18) apart
    assert head_repulsion(heads, 0.5).numpy() == 0
    assert head_repulsion(heads, 2.0).numpy() == pytest.approx(1)
    expected = (6 - 5) + (6 - 1) + (6 - np.sqrt(18))
    assert head_repulsion(heads, 6.0).numpy() == pytest.approx(expected)


def test_head_repulsion_pushes_heads_apart():
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


def _equal(count):
    return tf.constant(np.full(count, -np.log(count)))


@pytest.mark.parametrize("shares", [[1, 1, 1, 1], [1, 2, 3, 4]])
def test_marginal_kl_is_the_divergence_of_the_mean_from_the_shares(shares):
    logits = np.random.default_rng(0).normal(size=(7, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wanted = np.array(shares) / np.sum(shares)
    expected = scipy.stats.entropy(probabilities.mean(0), wanted)
    assert expected > 0.01
    found = marginal_kl(tf.constant(probabilities), tf.constant(np.log(wanted)))
    assert found.numpy() == pytest.approx(expected, rel=1e-12)


def test_marginal_kl_is_0_at_equal_shares_and_log_of_their_number_with_one_in_use():
    assert marginal_kl(tf.constant(np.eye(5)), _equal(5)).numpy() == pytest.approx(0, abs=1e-12)
    one = np.eye(5)[[2, 2, 2]]
    assert marginal_kl(tf.constant(one), _equal(5)).numpy() == pytest.approx(np.log(5))


def test_marginal_kl_of_sampled_equal_shares_is_what_its_docstring_says():
    rng, n, k = np.random.default_rng(0), 200, 10
    drawn = (tf.constant(np.eye(k)[rng.integers(0, k, n)]) for _ in range(300))
    found = [marginal_kl(sample, _equal(k)).numpy() for sample in drawn]
    # About 9/400; the chi-squared law has a sd of sqrt(18)/400, a mean of 300 a seventeenth of it.
    assert np.mean(found) == pytest.approx((k - 1) / (2 * n), abs=0.003)


def test_marginal_kl_moves_an_even_mind_to_the_category_that_is_short():
    logits = tf.Variable([[4.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=tf.float64)
    with tf.GradientTape() as tape:
        value = marginal_kl(tf.nn.softmax(logits), _equal(3))
    slope = tape.gradient(value, logits).numpy()
    assert slope[1, 0] > 0.01 and slope[1, 1] < -0.01 and slope[1, 2] < -0.01


def test_marginal_kl_has_a_finite_gradient_where_a_category_has_no_share_at_all():
    logits = tf.Variable([[500.0, 0.0, 0.0]] * 2)
    with tf.GradientTape() as tape:
        probabilities = tf.nn.softmax(logits)
        value = marginal_kl(probabilities, tf.cast(_equal(3), tf.float32))
    assert probabilities.numpy()[:, 1:].max() == 0
    assert np.all(np.isfinite(tape.gradient(value, logits)))
