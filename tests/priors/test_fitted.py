"""Fits to codes: their densities are scikit-learn's, their samples follow them."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from aae_tf import seeds
from aae_tf.priors import fitted
from aae_tf.priors.fitted import GaussianSum, fit_kernels, fit_mixture

SEED = seeds.root(5)
CENTRES = np.array([[-4.0, 0.0, 100.0], [3.0, 2.0, 100.5], [0.0, -5.0, 99.0]])
SDS = np.array([[0.3, 1.0, 0.02], [0.5, 0.2, 0.01], [1.0, 1.0, 0.03]])
SHARES = np.array([0.5, 0.3, 0.2])


def _codes(count, seed=0):
    """Three clusters, far from the origin and narrow in one dimension."""
    random = np.random.default_rng(seed)
    which = random.choice(3, count, p=SHARES)
    return (CENTRES[which] + SDS[which] * random.normal(size=(count, 3))).astype(np.float32)


@pytest.fixture(scope="module")
def mixture():
    return fit_mixture(_codes(3000), 3, seed=1)


@pytest.fixture(scope="module")
def kernels():
    return fit_kernels(_codes(800), _codes(300, seed=1))


def test_a_mixture_finds_the_clusters_that_there_are(mixture):
    order = np.argsort(-mixture.weights)
    np.testing.assert_allclose(mixture.weights[order], SHARES, atol=0.03)
    np.testing.assert_allclose(mixture.means[order], CENTRES, atol=0.15)
    covariances = mixture.scales @ np.swapaxes(mixture.scales, 1, 2)
    sds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))[order]
    np.testing.assert_allclose(sds, SDS, rtol=0.15)
    mixture.check(3)


def test_density_of_a_mixture_is_scikit_learns(mixture):
    codes = _codes(50, seed=2).astype(float)
    theirs = GaussianMixture(3)
    theirs.weights_, theirs.means_ = mixture.weights, mixture.means
    inverse = np.linalg.inv(mixture.scales)
    theirs.precisions_cholesky_ = np.swapaxes(inverse, 1, 2)
    ours = mixture.distribution(tf.float64).log_prob(codes)
    np.testing.assert_allclose(ours, theirs.score_samples(codes), rtol=1e-9)


def test_density_of_kernels_is_scikit_learns_at_the_same_bandwidth(kernels):
    codes = _codes(50, seed=2).astype(float)
    sd = kernels.means.std(0)
    (width,) = set(np.round(kernels.scales / sd, 9))
    theirs = KernelDensity(bandwidth=width).fit(kernels.means / sd)
    expected = theirs.score_samples(codes / sd) - np.log(sd).sum()
    found = kernels.distribution(tf.float64).log_prob(codes)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_density_of_kernels_is_the_same_in_blocks_and_for_any_shape(kernels, monkeypatch):
    codes, density = _codes(24, seed=3), kernels.distribution()
    whole = density.log_prob(codes).numpy()
    monkeypatch.setattr(fitted, "NUMBERS_IN_BLOCK", 5 * 800 * 3)
    np.testing.assert_allclose(density.log_prob(codes), whole, rtol=1e-5)
    shaped = density.log_prob(codes.reshape(2, 12, 3))
    np.testing.assert_allclose(shaped.numpy().reshape(-1), whole, rtol=1e-5)


def test_the_bandwidth_is_the_best_for_held_out_codes(kernels):
    """Neither Scott's, which is too wide for clusters, nor so narrow that it keeps the codes."""
    sd, held_out = kernels.means.std(0), _codes(300, seed=1)
    scott = 800 ** (-1 / 7)
    scores = {}
    for share in fitted.SHARES_OF_SCOTT:
        theirs = KernelDensity(bandwidth=share * scott).fit(kernels.means / sd)
        scores[share] = theirs.score_samples(held_out / sd).mean()
    best = max(scores, key=scores.get)
    np.testing.assert_allclose(kernels.scales, best * scott * sd, rtol=1e-9)
    assert min(scores) < best < 1


@pytest.mark.parametrize("name", ["mixture", "kernels"])
def test_samples_are_like_the_codes_and_hang_on_the_seed_alone(name, request):
    density = request.getfixturevalue(name).distribution()
    draw = tf.function(lambda count, seed: density.sample(count, seed=seed))
    drawn = draw(tf.constant(20_000), SEED).numpy()
    np.testing.assert_array_equal(drawn, density.sample(20_000, seed=SEED))
    assert drawn.shape == (20_000, 3) and drawn.dtype == np.float32
    assert (drawn[:100] != draw(tf.constant(100), seeds.root(6)).numpy()).all()
    assert density.sample(0, seed=SEED).shape == (0, 3)
    nearest = np.abs(drawn[:, None, :2] - CENTRES[:, :2]).sum(-1).argmin(1)
    np.testing.assert_allclose(np.bincount(nearest) / 20_000, SHARES, atol=0.03)
    for cluster in range(3):
        some = drawn[nearest == cluster]
        np.testing.assert_allclose(some.mean(0), CENTRES[cluster], atol=0.2)
        assert (some.std(0) < 5 * SDS[cluster]).all()  # kernels are as wide in all clusters


def test_the_same_codes_and_seed_give_the_same_fit():
    first, again = (fit_mixture(_codes(500), 4, seed=2) for _ in range(2))
    for name in ("weights", "means", "scales"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.means, fit_mixture(_codes(500), 4, seed=3).means)


def test_the_scale_of_codes_makes_no_difference():
    codes, tiny = _codes(500), np.array([1e-5, 1e3, 1e-7], np.float32)
    large, small = fit_mixture(codes, 3, seed=1), fit_mixture(codes * tiny, 3, seed=1)
    np.testing.assert_allclose(small.means, large.means * tiny, rtol=1e-3)
    wide, narrow = fit_kernels(codes, codes[:50] + 0.01), fit_kernels(codes * 8, codes[:50] * 8)
    assert (wide.scales < 8 * wide.scales).all() and (narrow.scales > 0).all()


@pytest.mark.parametrize("codes", [np.zeros((40, 2)), np.array([[1.0, 2.0], [1.0, 3.0]] * 20)])
def test_codes_that_collapsed_are_fitted_too(codes):
    for density in (fit_mixture(codes, 5, seed=0), fit_kernels(codes, codes[:9])):
        density.check(2)
        drawn = density.distribution(tf.float64).sample(200, seed=SEED).numpy()
        assert np.isfinite(drawn).all()
        assert np.abs(drawn[:, 0] - codes[0, 0]).max() < 1e-4
        assert np.isfinite(density.distribution(tf.float64).log_prob(codes)).all()


def test_arrays_that_are_no_density_are_refused(mixture, kernels):
    def changed(density, **arrays):
        return GaussianSum(**{**vars(density), **arrays})

    weights, means, scales = mixture.weights, mixture.means, mixture.scales
    wrong = [
        changed(mixture, weights=weights * 2),
        changed(mixture, weights=weights * [-1, 1, 1]),
        changed(mixture, weights=weights[:2]),
        changed(mixture, weights=weights[None]),
        changed(mixture, means=means[:, :2]),
        changed(mixture, means=means * np.nan),
        changed(mixture, means=means.astype(np.float32)),
        changed(mixture, scales=-scales),
        changed(mixture, scales=scales[:2]),
        changed(mixture, scales=np.ones_like(scales)),
        changed(kernels, scales=kernels.scales * 0),
        changed(kernels, scales=kernels.scales[:2]),
        changed(kernels, weights=np.zeros(0), means=np.zeros((0, 3))),
    ]
    for density in wrong:
        with pytest.raises(ValueError):
            density.check(3)
    with pytest.raises(ValueError):
        mixture.check(2)
    kernels.check(3)
