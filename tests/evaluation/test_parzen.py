"""The Parzen window against scikit-learn and closed forms; the choice of sigma on a grid."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

from aae_tf.evaluation import parzen
from aae_tf.evaluation.parzen import ParzenWindow, best_sigma, exact_products, is_at_an_end, moved

RNG = np.random.default_rng(0)
DIM = 20
PIXELS = 784  # of MNIST
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


@pytest.mark.parametrize("chunk, xla", [(500, True), (128, False), (7, False)])
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
    for chunk in (33, 499):
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


def test_sigmas_at_once_are_each_one_alone():
    together = _log_densities()
    for number, sigma in enumerate(SIGMAS):
        alone = _log_densities(sigmas=[sigma])[:, 0]
        np.testing.assert_allclose(together[:, number], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.05, 2.0])
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
    # At this one exp of the others' exponents less that of the near one is 0, its inverse infinite.
    sigma = 0.02
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


def _of_one_sigma(sigmas, distance):
    """Log densities at a mean squared distance per pixel of `distance`^2: best at that sigma."""
    return -PIXELS * (distance**2 / (2 * sigmas**2) + np.log(sigmas))


@pytest.mark.parametrize("best", [0.05, 0.2345, 0.36])
def test_the_best_sigma_lies_between_the_grids_points(best):
    sigma = best_sigma(parzen.SIGMAS, _of_one_sigma(parzen.SIGMAS, best))
    assert sigma == pytest.approx(best, rel=5e-3)
    # What the choice costs at 784 pixels.
    assert _of_one_sigma(np.array(best), best) - _of_one_sigma(np.array(sigma), best) < 0.05


def test_a_best_sigma_beyond_the_grid_is_looked_for_there():
    for best in (0.004, 0.03, 0.8, 5.0):
        sigmas = parzen.SIGMAS
        for _ in range(parzen.SHIFTS):
            values = _of_one_sigma(sigmas, best)
            if not is_at_an_end(values):
                break
            sigmas = moved(sigmas, values)
        assert best_sigma(sigmas, _of_one_sigma(sigmas, best)) == pytest.approx(best, rel=5e-3)


def test_at_an_end_the_end_itself_is_taken():
    rising = np.arange(len(parzen.SIGMAS), dtype=float)
    assert is_at_an_end(rising) and is_at_an_end(-rising)
    assert best_sigma(parzen.SIGMAS, rising) == parzen.SIGMAS[-1]
    assert best_sigma(parzen.SIGMAS, -rising) == parzen.SIGMAS[0]
    np.testing.assert_allclose(
        moved(parzen.SIGMAS, rising)[len(parzen.SIGMAS) // 2], parzen.SIGMAS[-1]
    )


def test_grid_is_the_same_ratio_apart_and_holds_what_the_literature_finds():
    ratios = parzen.SIGMAS[1:] / parzen.SIGMAS[:-1]
    np.testing.assert_allclose(ratios, ratios[0])
    assert parzen.SIGMAS[2] < 0.1 and parzen.SIGMAS[-3] > 0.25
