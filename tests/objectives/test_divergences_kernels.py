"""The kernels of the maximum mean discrepancy, against closed forms and integrals."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import tensorflow as tf

from aae_tf import seeds
from aae_tf.objectives import divergences
from aae_tf.objectives.divergences import mmd

SQUARED = np.linspace(0, 30, 60)


def _draw(count, dim, *parts):
    folded = seeds.fold(seeds.root(0), *parts)
    return tf.random.stateless_normal([count, dim], folded, dtype=tf.float64)


def test_multiscale_is_the_mean_of_the_seven_scales_of_the_authors_code():
    by_hand = np.mean(
        [s * 6.0 / (s * 6.0 + SQUARED) for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)], axis=0
    )
    np.testing.assert_allclose(divergences.multiscale(6.0)(tf.constant(SQUARED)), by_hand)


def test_gaussian_falls_by_e_at_its_scale():
    found = divergences.gaussian(3.0)(tf.constant([0.0, 3.0, 6.0]))
    np.testing.assert_allclose(found, np.exp([0, -1, -2]), rtol=1e-6)


def _shape_of(dim):
    """phi_d(s) from the kernel, whose width and factor are taken off."""
    gamma = (4 / 300) ** 0.4
    kernel = divergences.cramer_wold(dim)
    return kernel(tf.constant(4 * gamma * SQUARED)).numpy() * 2 * math.sqrt(math.pi * gamma)


KUMMER = [(1, 1e-9), (2, 1e-9), (3, 5e-6), (4, 1e-6), (5, 1e-6), (8, 1e-7), (19, 1e-8), (20, 0.012)]


@pytest.mark.parametrize("dim, margin", KUMMER)
def test_cramer_wold_shape_is_kummers_function(dim, margin):
    # Knop et al., 2020: phi_d(s) = 1F1(1/2; d/2; -s).
    exact = scipy.special.hyp1f1(0.5, dim / 2, -SQUARED)
    np.testing.assert_allclose(_shape_of(dim), exact, rtol=margin, atol=1e-12)


@pytest.mark.parametrize("dim", [3, 8, 19])
def test_kummers_function_holds_from_0_to_codes_far_away_in_either_precision(dim):
    s = np.append(0, np.logspace(-4, 6, 200))
    exact = scipy.special.hyp1f1(0.5, dim / 2, -s)
    np.testing.assert_allclose(divergences.kummer(tf.constant(s), dim), exact, rtol=5e-6)
    single = divergences.kummer(tf.constant(s, tf.float32), dim)
    np.testing.assert_allclose(single, exact, rtol=2e-5)


@pytest.mark.parametrize("dim", [3, 8, 19])
def test_gradient_of_kummers_function_is_kummers_function(dim):
    s = tf.constant(np.append(0, np.logspace(-4, 4, 100)))
    with tf.GradientTape() as tape:
        tape.watch(s)
        value = divergences.kummer(s, dim)
    exact = -scipy.special.hyp1f1(1.5, dim / 2 + 1, -s.numpy()) / dim
    np.testing.assert_allclose(tape.gradient(value, s), exact, rtol=2e-4, atol=1e-12)


@pytest.mark.parametrize("dim, off", [(3, 0.13), (8, 0.033), (20, 0.0105)])
def test_asymptotic_form_is_off_by_as_much_as_is_said(dim, off):
    s = np.logspace(-3, 6, 200)
    exact = scipy.special.hyp1f1(0.5, dim / 2, -s)
    found = divergences.asymptotic_kummer(tf.constant(s), dim).numpy()
    assert np.abs(found / exact - 1).max() == pytest.approx(off, rel=0.1)


def test_cramer_wold_in_one_dimension_compares_smoothed_densities():
    gamma = (4 / 300) ** 0.4
    first, second = np.array([0.0, 0.7, 2.0]), np.array([0.3, 1.1])

    def smoothed(points, x):
        gaps = (x[:, None] - points) ** 2
        return (np.exp(-gaps / (2 * gamma)) / math.sqrt(2 * math.pi * gamma)).mean(1)

    x = np.linspace(-5, 7, 20_001)
    gap = smoothed(first, x) - smoothed(second, x)
    integral = scipy.integrate.trapezoid(gap**2, x)

    kernel = divergences.cramer_wold(1)

    def mean(a, b):  # all pairs, the diagonal too: the distance of the two samples themselves
        return float(tf.reduce_mean(kernel(tf.constant((a[:, None] - b) ** 2))))

    found = mean(first, first) + mean(second, second) - 2 * mean(first, second)
    assert found == pytest.approx(integral, rel=1e-6)


def test_cramer_wold_keeps_its_shape_under_a_change_of_units():
    near, far = divergences.cramer_wold(5), divergences.cramer_wold(5, deviation=3.0)
    np.testing.assert_allclose(
        far(tf.constant(9 * SQUARED)), near(tf.constant(SQUARED)) / 3, rtol=1e-12
    )


def _expected_gaussian_mmd(dim, scale, shift, deviation):
    """MMD of N(0, I) and N(shift, deviation^2 I) with k = exp(-r^2 / scale), in closed form."""

    def mean(variance, squared_shift):  # x - y is N(shift, variance I)
        total = scale + 2 * variance
        return (scale / total) ** (dim / 2) * math.exp(-squared_shift / total)

    return mean(2, 0) + mean(2 * deviation**2, 0) - 2 * mean(1 + deviation**2, dim * shift**2)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [4, 16, 64])
def test_gaussian_mmd_has_its_closed_form_for_expectation_whatever_the_batch(batch):
    dim, kernel = 3, divergences.gaussian(6.0)

    @tf.function
    def one(number):
        codes = 0.3 + 1.4 * _draw(batch, dim, "codes", number)
        return mmd(codes, _draw(batch, dim, "prior", number), kernel)

    found = [float(one(tf.constant(number))) for number in range(12_000 // batch)]
    error = np.std(found) / math.sqrt(len(found))
    expected = _expected_gaussian_mmd(dim, 6.0, 0.3, 1.4)
    assert abs(np.mean(found) - expected) < 4 * error
    assert error < 0.1 * expected
