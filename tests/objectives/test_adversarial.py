"""Adversarial losses on logits: values, signs, and no underflow."""

import math

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.objectives.adversarial import discriminator_loss, generator_loss

LOGITS = np.array([-8.0, -1.0, 0.0, 0.3, 5.0])
OTHERS = np.array([2.0, -3.0, 0.0, 7.0, -0.5])


def _sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def test_discriminator_loss_is_minus_log_d_of_prior_minus_log_one_minus_d_of_codes():
    found = discriminator_loss(tf.constant(LOGITS), tf.constant(OTHERS))
    by_hand = -np.log(_sigmoid(LOGITS)) - np.log(1 - _sigmoid(OTHERS))
    np.testing.assert_allclose(found, by_hand, rtol=1e-10)


def test_generator_loss_is_minus_log_d_and_not_log_one_minus_d():
    found = generator_loss(tf.constant(LOGITS))
    np.testing.assert_allclose(found, -np.log(_sigmoid(LOGITS)), rtol=1e-10)


def test_losses_of_a_discriminator_that_cannot_tell():
    zeros = tf.zeros(3)
    np.testing.assert_allclose(discriminator_loss(zeros, zeros), 3 * [2 * math.log(2)], rtol=1e-6)
    np.testing.assert_allclose(generator_loss(zeros), 3 * [math.log(2)], rtol=1e-6)


def _value_and_gradient(loss, logit, dtype):
    logits = tf.constant([logit], dtype)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits)
    return float(value[0]), float(tape.gradient(value, logits)[0])


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.bfloat16])
@pytest.mark.parametrize("logit", [-1000.0, 1000.0])
def test_losses_and_gradients_neither_overflow_nor_vanish_at_large_logits(dtype, logit):
    wrong, right = max(-logit, 0), max(logit, 0)
    zeros = tf.zeros(1, dtype)
    for loss, value, gradient in (
        (generator_loss, wrong, -1.0 if wrong else 0.0),
        (lambda x: discriminator_loss(x, zeros) - zeros, wrong, -1.0 if wrong else 0.0),
        (lambda x: discriminator_loss(zeros, x) - zeros, right, 1.0 if right else 0.0),
    ):
        found = _value_and_gradient(loss, logit, dtype)
        assert found == (pytest.approx(value, abs=1, rel=0.005), pytest.approx(gradient, abs=1e-6))


@pytest.mark.parametrize("logit", [-6.0, 0.0, 6.0])
def test_generators_gradient_is_d_minus_one(logit):
    _, gradient = _value_and_gradient(generator_loss, logit, tf.float64)
    assert gradient == pytest.approx(_sigmoid(logit) - 1, rel=1e-9)
