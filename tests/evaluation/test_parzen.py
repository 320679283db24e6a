"""The streaming Parzen window against scikit-learn, closed forms and itself in other chunks."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

from aae_tf.evaluation import parzen
from aae_tf.evaluation.parzen import ParzenWindow, exact_products

RNG = np.random.default_rng(0)
DIM = 20
SAMPLES = RNG.random((500, DIM), np.float32)
IMAGES = RNG.random((70, DIM), np.float32)
CENTRE = IMAGES.mean(0)
SIGMAS = (0.15, 0.3, 1.0)


def _log_densities(images=IMAGES, samples=SAMPLES, sigmas=SIGMAS, chunk=500, centre=None, **more):
    """Through chunks of one size, the last one filled up with numbers that mean nothing."""
    centre = images.mean(0) if centre is None else centre
    window = ParzenWindow(images, centre, sigmas, **more)
    sums = window.start()
    for start in range(0, len(samples), chunk):
        some = samples[start : start + chunk]
        filled = np.full((chunk, samples.shape[1]), 0.5, np.float32)
        filled[: len(some)] = some
        sums = window.add(sums, tf.constant(filled), len(some))
    assert sums.count == len(samples)
    return window.log_densities(sums)


def _of_sklearn(images=IMAGES, samples=SAMPLES, sigmas=SIGMAS):
    # In one leaf, that is without its tree, which is wrong by hundreds of nats in many dimensions.
    fitted = [
        KernelDensity(bandwidth=s, leaf_size=len(samples)).fit(samples.astype(np.float64))
        for s in sigmas
    ]
    return np.stack([kde.score_samples(images.astype(np.float64)) for kde in fitted], -1)


@pytest.mark.parametrize("xla", [True, False])
@pytest.mark.parametrize("chunk", [500, 128, 7])
def test_equals_scikit_learns_kernel_density(chunk, xla):
    found = _log_densities(chunk=chunk, xla=xla)
    assert found.shape == (70, 3) and found.dtype == np.float64
    np.testing.assert_allclose(found, _of_sklearn(), rtol=0, atol=1e-4)


def test_equals_scikit_learn_in_the_pixels_of_mnist_and_at_a_small_sigma():
    # Sparse, in 0..1, and 784 numbers each: what the paper's numbers are taken on.
    blobs = RNG.random((300, 784), np.float32) * (RNG.random((300, 784)) < 0.2)
    images, samples = blobs[:60], np.clip(blobs[60:] + 0.05, 0, 1)
    sigmas = (0.1, 0.2)
    found = _log_densities(images, samples, sigmas, chunk=100)
    expected = _of_sklearn(images, samples, sigmas)
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-3)
    np.testing.assert_allclose(found.mean(0), expected.mean(0), rtol=0, atol=3e-4)


def test_does_not_hang_on_the_size_of_chunks():
    whole = _log_densities(sigmas=[0.3, 1.0])
    for chunk in (33, 250, 499):
        found = _log_densities(sigmas=[0.3, 1.0], chunk=chunk)
        np.testing.assert_allclose(found, whole, rtol=0, atol=1e-5)


def test_does_not_hang_on_the_size_of_tiles(monkeypatch):
    whole = _log_densities()
    monkeypatch.setattr(parzen, "TILE", 16)
    np.testing.assert_allclose(_log_densities(), whole, rtol=0, atol=1e-5)


def test_does_not_hang_on_the_centre():
    for centre in (np.zeros(DIM), np.ones(DIM), SAMPLES[0]):
        found = _log_densities(centre=centre)
        np.testing.assert_allclose(found, _log_densities(), rtol=0, atol=1e-4)


def test_does_not_hang_on_the_order_of_samples():
    np.testing.assert_allclose(
        _log_densities(samples=SAMPLES[::-1], chunk=60), _log_densities(chunk=60), atol=1e-5
    )


def test_several_sigmas_at_once_are_each_one_alone():
    together = _log_densities()
    for number, sigma in enumerate(SIGMAS):
        alone = _log_densities(sigmas=[sigma])[:, 0]
        np.testing.assert_allclose(together[:, number], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 2.0])
def test_samples_that_are_all_one_point_give_its_gaussian(sigma):
    point = RNG.random(DIM).astype(np.float32)
    found = _log_densities(samples=np.tile(point, (300, 1)), sigmas=[sigma], chunk=128)[:, 0]
    squares = np.square(IMAGES.astype(np.float64) - point).sum(1)
    expected = -squares / (2 * sigma**2) - DIM / 2 * math.log(2 * math.pi * sigma**2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_image_far_from_all_samples_has_a_finite_log_density():
    # exp(-d^2 / (2 sigma^2)) is 0 in float64 for all of these.
    far = np.concatenate([IMAGES, np.full((1, DIM), 40, np.float32)])
    found = _log_densities(far, sigmas=[0.01, 0.1], centre=CENTRE)
    assert np.isfinite(found).all()
    squares = np.square(far[:, None].astype(np.float64) - SAMPLES[None]).sum(-1)
    for number, sigma in enumerate((0.01, 0.1)):
        assert np.exp(-squares[-1].min() / (2 * sigma**2)) == 0
        scale = DIM / 2 * math.log(2 * math.pi * sigma**2)
        expected = logsumexp(-squares / (2 * sigma**2), 1) - math.log(500) - scale
        np.testing.assert_allclose(found[:, number], expected, rtol=1e-5)


def test_one_near_sample_counts_whenever_it_comes():
    near = IMAGES[:1] + np.float32(1e-3)
    sigma = (
        0.02  # at which exp of the others' exponents less its own is 0, and the inverse infinite
    )
    scale = DIM / 2 * math.log(2 * math.pi * sigma**2)
    expected = -DIM * 1e-6 / (2 * sigma**2) - math.log(501) - scale
    for samples in ([near, SAMPLES], [SAMPLES, near]):
        found = _log_densities(samples=np.concatenate(samples), sigmas=[sigma], chunk=100)
        assert found[0, 0] == pytest.approx(expected, abs=2e-3)


def test_sums_are_left_as_they_were_and_do_not_grow_with_the_samples():
    window = ParzenWindow(IMAGES, CENTRE, SIGMAS)
    first = window.add(window.start(), tf.constant(SAMPLES))
    before = first.largest.copy(), first.weights.copy()
    last = first
    for _ in range(20):
        last = window.add(last, tf.constant(SAMPLES))
    assert last.count == 21 * 500
    assert last.largest.shape == (70,) and last.weights.shape == (70, 3)
    np.testing.assert_array_equal(first.largest, before[0])
    np.testing.assert_array_equal(first.weights, before[1])
    # The same samples again and again are the same density.
    np.testing.assert_allclose(window.log_densities(last), window.log_densities(first), atol=1e-9)


def test_images_of_any_shape_and_type_are_taken():
    shaped = _log_densities(
        IMAGES.reshape(70, 5, 4, 1).astype(np.float64), centre=CENTRE.reshape(5, 4, 1)
    )
    np.testing.assert_allclose(shaped, _log_densities(), rtol=0, atol=1e-9)


def test_tensor_float_32_is_off_for_the_products_only():
    config = tf.config.experimental
    before = config.tensor_float_32_execution_enabled()
    with exact_products():
        assert not config.tensor_float_32_execution_enabled()
    assert config.tensor_float_32_execution_enabled() == before
