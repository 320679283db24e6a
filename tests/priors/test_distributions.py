"""Each prior's samples agree with its density and with what is known of it."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.priors import distributions
from aae_tf.settings import PriorSettings

COUNT = 50_000
SEED = seeds.root(11)
IN_THE_PLANE = {
    "gaussian": ({"prior_scale": 1.0}, 6.0),
    "wide gaussian": ({"prior": "gaussian", "prior_scale": 2.0}, 12.0),
    "mixture": ({"prior": "mixture"}, 4.8),
    "mixture of 3": ({"prior": "mixture", "prior_components": 3}, 4.8),
    "swiss_roll": ({"prior": "swiss_roll"}, 3.6),
    "thick swiss_roll": ({"prior": "swiss_roll", "prior_thickness": 0.4}, 5.4),
    "uniform": ({"prior": "uniform"}, 1.2),
    "wide uniform": ({"prior": "uniform", "prior_scale": 1.8}, 2.4),
}
SOME = {
    **IN_THE_PLANE,
    "sphere": ({"prior": "sphere", "latent_dim": 3}, 0),
    "categorical": ({"prior": "categorical", "latent_dim": 4}, 0),
}


def _build(name, dtype=tf.float32):
    return distributions.build(PriorSettings(**SOME[name][0]), dtype)


def _sample(prior, count=COUNT, seed=SEED):
    return prior.sample(count, seed=seed).numpy()


@functools.cache
def _mass_of_cells(name, cells=240):
    """Density times area at the midpoints of square cells around the origin."""
    prior, half_width = _build(name), IN_THE_PLANE[name][1]
    side = 2 * half_width / cells
    middles = (np.arange(cells) + 0.5) * side - half_width
    points = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1).astype(np.float32)
    rows = [prior.log_prob(some) for some in np.split(points, 12)]
    return np.exp(np.concatenate(rows).astype(float)) * side**2


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_THE_PLANE)
def test_density_integrates_to_one(name):
    assert _mass_of_cells(name).sum() == pytest.approx(1, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_THE_PLANE)
def test_histogram_of_samples_follows_the_density(name):
    prior, half_width = _build(name), IN_THE_PLANE[name][1]
    mass = _mass_of_cells(name).reshape(48, 5, 48, 5).sum((1, 3))
    edges = np.linspace(-half_width, half_width, 49)
    drawn = _sample(prior)
    counts, _, _ = np.histogram2d(*drawn.T, [edges, edges])
    expected = COUNT * mass
    likely = expected > 5
    chi_squared = ((counts - expected)[likely] ** 2 / expected[likely]).sum()
    freedom = likely.sum()
    assert freedom >= 100
    assert chi_squared < freedom + 5 * math.sqrt(2 * freedom)
    assert counts[~likely].sum() < 1.5 * expected[~likely].sum() + 10


@pytest.mark.parametrize("name", SOME)
def test_sampling_is_stateless(name):
    prior = _build(name)
    first = _sample(prior, 100)
    np.testing.assert_array_equal(_sample(prior, 100), first)
    np.testing.assert_array_equal(_sample(_build(name), 100), first)
    other = _sample(prior, 100, seeds.root(12))
    assert (other != first).any(axis=1).mean() > 0.5
    in_graph = tf.function(lambda seed: prior.sample(100, seed=seed))
    np.testing.assert_allclose(in_graph(SEED), first, rtol=1e-6, atol=1e-6)
    assert not np.allclose(in_graph(seeds.root(12)), first)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_samples_and_densities_have_the_precision_asked_for(name, dtype):
    prior, dim = _build(name, dtype), SOME[name][0].get("latent_dim", 2)
    for shape in (7, (7,), (3, 5)):
        drawn = prior.sample(shape, seed=SEED)
        assert drawn.dtype == dtype
        assert drawn.shape == (*np.atleast_1d(shape), dim)
        log_prob = prior.log_prob(drawn)
        assert log_prob.dtype == dtype
        assert log_prob.shape == drawn.shape[:-1]
        assert np.isfinite(log_prob).all()


@pytest.mark.parametrize("dim, scale", [(1, 1.0), (8, 5.0)])
def test_gaussian_has_mean_zero_and_the_scales_variance(dim, scale):
    prior = distributions.gaussian(dim, scale)
    drawn = _sample(prior)
    np.testing.assert_allclose(drawn.mean(0), 0, atol=5 * scale / math.sqrt(COUNT))
    covariance = np.atleast_2d(np.cov(drawn, rowvar=False))
    margin = 5 * scale**2 * math.sqrt(2 / COUNT)
    np.testing.assert_allclose(covariance, scale**2 * np.eye(dim), atol=margin)
    entropy = dim * (0.5 * math.log(2 * math.pi * math.e) + math.log(scale))
    sd = math.sqrt(dim / 2 / COUNT)
    assert -np.mean(prior.log_prob(drawn)) == pytest.approx(entropy, abs=5 * sd)


@pytest.mark.parametrize("dim, half_width", [(1, 1.0), (6, 2.5)])
def test_uniform_fills_its_cube_evenly(dim, half_width):
    prior = distributions.uniform(dim, half_width)
    drawn = _sample(prior)
    assert np.abs(drawn).max() <= half_width
    shares = np.mean(drawn[..., None] < half_width * np.array([-0.8, -0.2, 0.0, 0.6]), axis=0)
    margin = 5 * 0.5 / math.sqrt(COUNT)
    np.testing.assert_allclose(shares, np.tile([0.1, 0.4, 0.5, 0.8], (dim, 1)), atol=margin)
    np.testing.assert_allclose(prior.log_prob(drawn), -dim * math.log(2 * half_width), rtol=1e-5)
    outside = np.full((1, dim), 1.01 * half_width, np.float32)
    assert prior.log_prob(outside).numpy() == -np.inf


@pytest.mark.parametrize("dim", [2, 3, 10])
def test_sphere_has_no_preferred_direction(dim):
    prior = distributions.sphere(dim)
    drawn = _sample(prior)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(drawn.mean(0), 0, atol=5 / math.sqrt(dim * COUNT))
    second_moments, margin = drawn.T @ drawn / COUNT, 5 / math.sqrt(COUNT)
    np.testing.assert_allclose(second_moments, np.eye(dim) / dim, atol=margin)
    area = 2 * math.pi ** (dim / 2) / math.gamma(dim / 2)
    np.testing.assert_allclose(prior.log_prob(drawn), -math.log(area), rtol=1e-5)


def test_height_on_the_sphere_in_three_dimensions_is_uniform():
    heights = np.sort(_sample(distributions.sphere(3))[:, 2])
    steps = (np.arange(COUNT) + 0.5) / COUNT * 2 - 1
    assert np.abs(heights - steps).max() < 2 * 1.95 / math.sqrt(COUNT)  # Kolmogorov-Smirnov, 0.1 %


def test_categorical_is_one_hot_with_equal_shares():
    prior = distributions.categorical(5)
    drawn = _sample(prior)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_array_equal(drawn.sum(1), 1)
    np.testing.assert_allclose(drawn.mean(0), 0.2, atol=5 * 0.4 / math.sqrt(COUNT))
    np.testing.assert_allclose(prior.log_prob(drawn), -math.log(5), rtol=1e-5)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [("geometric:0.5", [8 / 15, 4 / 15, 2 / 15, 1 / 15]), ("3,1,4,2", [0.3, 0.1, 0.4, 0.2])],
)
def test_categorical_has_the_shares_that_it_is_given(shares, expected):
    prior = distributions.categorical(4, shares=shares)
    np.testing.assert_allclose(prior.log_prob(np.eye(4, dtype=np.float32)), np.log(expected), 1e-5)
    np.testing.assert_allclose(_sample(prior).mean(0), expected, atol=5 * 0.5 / math.sqrt(COUNT))


def test_shares_of_another_number_of_categories_are_refused():
    with pytest.raises(SettingsError) as refusal:
        distributions.categorical(3, shares="2,1")
    assert str(refusal.value) == (
        "--category_shares=2,1: expected 3 numbers, one for each category"
    )


@pytest.mark.parametrize("components", [1, 3, 10])
def test_mixture_is_a_ring_of_gaussians_with_radial_axes(components):
    prior = distributions.ring_mixture(components)
    angles = 2 * math.pi * np.arange(components) / components
    centres = 1.4 * np.stack([np.cos(angles), np.sin(angles)], -1)
    found = prior.components_distribution
    np.testing.assert_allclose(found.mean(), centres, atol=1e-6)
    for angle, covariance in zip(angles, found.covariance().numpy(), strict=True):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        np.testing.assert_allclose(turn.T @ covariance @ turn, np.diag([0.25, 0.01]), atol=1e-6)
    np.testing.assert_allclose(prior.mixture_distribution.probs_parameter(), 1 / components)


@pytest.mark.parametrize(
    "name, scale",
    [
        ("gaussian", 1),
        ("wide gaussian", 2),
        ("uniform", 1 / math.sqrt(3)),
        ("wide uniform", 1.8 / math.sqrt(3)),
        ("sphere", 1 / math.sqrt(3)),
        ("categorical", math.sqrt(0.25 * 0.75)),
        ("mixture", math.sqrt((1.4**2 + 0.5**2 + 0.1**2) / 2)),
    ],
)
def test_typical_scale_is_the_priors_sd(name, scale):
    assert distributions.typical_scale(_build(name)) == pytest.approx(scale, rel=0.03)
    assert distributions.typical_scale(_build(name)) == distributions.typical_scale(_build(name))


@pytest.mark.parametrize("name", SOME)
def test_only_priors_on_the_whole_space_have_a_density(name):
    assert distributions.has_density(_build(name)) == (name in IN_THE_PLANE)


class OfNumpy:
    """Has a density, which TensorFlow can't put in a graph."""

    def sample(self, shape, seed):
        return tf.random.stateless_normal([shape, 2], seed)

    def log_prob(self, codes):
        return -0.5 * np.sum(np.asarray(codes) ** 2, -1)


def test_a_density_outside_tensorflow_serves_figures_but_no_training():
    assert distributions.has_density(OfNumpy())
    assert not distributions.has_density(OfNumpy(), in_graph=True)
    known = distributions.build(PriorSettings(prior="mixture"))
    assert distributions.has_density(known) and distributions.has_density(known, in_graph=True)
