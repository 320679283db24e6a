"""log q(y|x), by which clusters are named after their surest image."""

import numpy as np
import tensorflow as tf

from aae_tf.networks.encoder import log_probabilities


def test_log_probabilities_are_those_of_a_softmax():
    logits = np.random.default_rng(0).normal(scale=5, size=(50, 7)).astype(np.float32)
    wide = logits.astype(np.float64)
    expected = wide - np.log(np.exp(wide).sum(-1, keepdims=True))
    found = log_probabilities(tf.constant(logits)).numpy()
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_two_equally_probable_categories_have_half_each():
    found = log_probabilities(tf.constant([[3.0, 3.0, -900.0]])).numpy()[0]
    np.testing.assert_allclose(found[:2], np.log([0.5, 0.5]), rtol=1e-15)


def test_images_whose_probability_is_1_in_float64_are_told_apart():
    """As a trained encoder's are: else the first of them would name the cluster."""
    logits = tf.constant([[40.0, 0.0, 0.0], [300.0, 0.0, 0.0], [60.0, 0.0, 0.0]])
    found = log_probabilities(logits).numpy()[:, 0]
    assert (found < 0).all()
    np.testing.assert_array_equal(np.argsort(found), [0, 2, 1])
