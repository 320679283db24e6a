"""Likelihoods, divergences of Gaussians and the gap of moments, against scipy and numpy."""

import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from aae_tf import seeds
from aae_tf.objectives import reconstruction
from aae_tf.objectives.divergences import moment_gap
from aae_tf.priors import distributions

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((4, 5, 3, 1))
MEAN, LOG_VARIANCE = RANDOM.normal(size=(6, 3)), RANDOM.normal(size=(6, 3))


def test_bernoulli_log_likelihood_is_scipys_on_black_and_white_pixels():
    pixels, logits = (IMAGES > 0.5).astype(float), RANDOM.normal(size=IMAGES.shape)
    expected = scipy.stats.bernoulli.logpmf(pixels, 1 / (1 + np.exp(-logits))).sum((1, 2, 3))
    found = reconstruction.bernoulli_log_likelihood(tf.constant(pixels), tf.constant(logits))
    np.testing.assert_allclose(found, expected)


def test_bernoulli_log_likelihood_is_finite_for_logits_that_are_sure_and_wrong():
    found = reconstruction.bernoulli_log_likelihood(
        tf.ones([1, 2, 2, 1]), tf.fill([1, 2, 2, 1], -1e4)
    )
    assert float(found[0]) == pytest.approx(-4e4)


def test_gaussian_log_likelihood_is_scipys():
    means = RANDOM.random(IMAGES.shape)
    expected = scipy.stats.norm.logpdf(IMAGES, means, math.sqrt(0.3)).sum((1, 2, 3))
    found = reconstruction.gaussian_log_likelihood(tf.constant(IMAGES), tf.constant(means), 0.3)
    np.testing.assert_allclose(found, expected)


def test_gaussian_likelihood_of_variance_one_is_the_aaes_error_up_to_a_constant():
    from aae_tf.objectives.reconstruction import half_squared_error

    means = RANDOM.random(IMAGES.shape)
    found = reconstruction.gaussian_log_likelihood(tf.constant(IMAGES), tf.constant(means), 1.0)
    constant = 0.5 * IMAGES[0].size * math.log(2 * math.pi)
    np.testing.assert_allclose(-found - constant, half_squared_error(IMAGES, means))


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_closed_form_divergence_is_that_of_two_gaussians(scale):
    prior = distributions.gaussian(3, scale, tf.float64)
    variance = np.exp(LOG_VARIANCE)
    terms = (variance + MEAN**2) / scale**2 - 1 - LOG_VARIANCE + 2 * math.log(scale)
    found = reconstruction.kl_closed_form(tf.constant(MEAN), tf.constant(LOG_VARIANCE), prior)
    np.testing.assert_allclose(found, 0.5 * terms.sum(1))


def test_closed_form_is_known_for_the_gaussian_and_not_for_the_mixture():
    assert reconstruction.has_closed_form(distributions.gaussian(2))
    assert not reconstruction.has_closed_form(distributions.ring_mixture())
    assert not reconstruction.has_closed_form(object())


def test_monte_carlo_divergence_has_the_closed_form_for_mean():
    prior, count = distributions.gaussian(3, 2.0, tf.float64), 20_000
    mean, log_variance = (tf.constant(np.tile(m[:1], (count, 1))) for m in (MEAN, LOG_VARIANCE))
    noise = tf.random.stateless_normal([count, 3], seeds.root(0), dtype=tf.float64)
    codes = mean + tf.exp(0.5 * log_variance) * noise
    found = reconstruction.kl_monte_carlo(mean, log_variance, codes, prior).numpy()
    exact = float(reconstruction.kl_closed_form(mean[:1], log_variance[:1], prior)[0])
    error = found.std() / math.sqrt(count)
    assert abs(found.mean() - exact) < 4 * error
    assert error < 0.02


def test_moment_gap_is_numpys():
    codes, samples = RANDOM.normal(size=(9, 3)), 2 * RANDOM.normal(size=(7, 3)) + 1
    expected = ((codes.mean(0) - samples.mean(0)) ** 2).mean() + (
        (np.cov(codes, rowvar=False) - np.cov(samples, rowvar=False)) ** 2
    ).mean()
    assert float(moment_gap(tf.constant(codes), tf.constant(samples))) == pytest.approx(expected)
