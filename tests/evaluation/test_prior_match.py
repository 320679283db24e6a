"""Distances of codes from the prior, against closed forms and numbers made by hand."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from aae_tf import seeds
from aae_tf.evaluation import prior_match
from aae_tf.evaluation.prior_match import PriorMatch
from aae_tf.priors import distributions

COUNT = 400


@pytest.fixture(scope="module")
def match():
    return PriorMatch(distributions.gaussian(2, 1.5), COUNT, seeds.root(0))


def _codes(prior, number=9):
    return prior.sample(COUNT, seed=seeds.fold(seeds.root(77), number)).numpy()


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior",
    [
        distributions.gaussian(2),
        distributions.ring_mixture(),
        distributions.SwissRoll(),
        distributions.sphere(3),
        distributions.categorical(4),
        distributions.gaussian(8),
    ],
    ids=["gaussian", "mixture", "roll", "sphere", "categorical", "8-D"],
)
def test_samples_of_the_prior_score_about_as_the_prior_does(prior):
    match = PriorMatch(prior, COUNT, seeds.root(0))
    rows = [match.evaluate(_codes(prior, number)) for number in range(4)]
    for key in [key for key in rows[0] if not key.endswith("_of_prior")]:
        of_prior = rows[0][f"{key}_of_prior"]
        values = np.array([row[key] for row in rows])
        if key != "empty_region":
            assert np.sqrt(np.mean(values**2)) < 3 * of_prior, (key, values, of_prior)
        if key == "sliced_wasserstein":
            assert values.mean() == pytest.approx(of_prior, rel=0.4)
        if key in ("coverage", "empty_region"):
            assert values.mean() == pytest.approx(of_prior, abs=0.05)


def test_shifted_samples_score_by_the_shift(match):
    """Along a unit vector v a shift s moves points by s.v, whose mean square is |s|^2 / d."""
    shift = np.array([30.0, -40.0], np.float32)
    found = match.evaluate(_codes(distributions.gaussian(2, 1.5)) + shift)
    assert found["sliced_wasserstein"] == pytest.approx(50 / np.sqrt(2), rel=0.06)
    assert found["mean_error"] == pytest.approx(50, rel=0.01)
    assert found["covariance_error"] < 3 * found["covariance_error_of_prior"]


def test_far_codes_have_the_mmd_of_two_samples_that_do_not_touch(match):
    """k across is then 0, so that only the means of k within either sample are left."""
    codes = _codes(distributions.gaussian(2, 1.5))
    found = match.evaluate(codes + np.float32(1e6))
    scale = 2 * 2 * 1.5**2

    def within(points):
        squared = ((points[:, None] - points[None]) ** 2).sum(-1)
        kernel = scale / (scale + squared)
        return (kernel.sum() - len(points)) / (len(points) * (len(points) - 1))

    expected = within(codes.astype(np.float64)) + within(_codes(distributions.gaussian(2, 1.5), 8))
    assert found["mmd"] == pytest.approx(expected, rel=0.05)
    assert found["mmd"] > 50 * found["mmd_of_prior"]


def test_codes_of_another_scale_score_by_the_difference_of_sds(match):
    """The 2-Wasserstein distance of N(0, a^2) and N(0, b^2) is |a - b|."""
    found = match.evaluate(3 * _codes(distributions.gaussian(2, 1.5)))
    assert found["sliced_wasserstein"] == pytest.approx(2 * 1.5, rel=0.1)
    expected = np.linalg.norm((9 - 1) * 1.5**2 * np.eye(2))
    assert found["covariance_error"] == pytest.approx(expected, rel=0.15)


def test_mean_and_covariance_errors_are_those_of_numbers_by_hand():
    match = PriorMatch(distributions.gaussian(2, 2.0), 4, seeds.root(0))
    codes = np.float32([[1, 0], [3, 0], [1, 4], [3, 4]])  # mean (2, 2), covariance diag(4/3, 16/3)
    found = match.evaluate(codes)
    assert found["mean_error"] == pytest.approx(np.hypot(2, 2))
    assert found["covariance_error"] == pytest.approx(np.hypot(4 - 4 / 3, 4 - 16 / 3))


def test_collapsed_codes_are_far_from_the_prior(match):
    found = match.evaluate(np.zeros((COUNT, 2), np.float32))
    assert found["sliced_wasserstein"] == pytest.approx(1.5, rel=0.1)
    assert found["mean_error"] < 0.2
    assert found["covariance_error"] == pytest.approx(1.5**2 * np.sqrt(2), rel=1e-6)
    assert found["coverage"] < 0.1 < 0.9 < found["coverage_of_prior"]


def test_coverage_is_the_share_of_the_prior_that_codes_reach(match):
    codes = _codes(distributions.gaussian(2, 1.5))
    right_half = np.stack([np.abs(codes[:, 0]), codes[:, 1]], -1)
    assert match.evaluate(right_half)["coverage"] == pytest.approx(0.5, abs=0.1)


def test_empty_region_is_what_coverage_leaves(match):
    found = match.evaluate(np.abs(_codes(distributions.gaussian(2, 1.5))))
    for of in ("", "_of_prior"):
        assert found[f"empty_region{of}"] == pytest.approx(1 - found[f"coverage{of}"])
    assert found["empty_region"] == pytest.approx(0.75, abs=0.1)


def _gaussian_but_for(empty, dim, count=10_000):
    """Samples of N(0, I) that don't lie where `empty` says, by rejection."""
    drawn = np.random.default_rng(dim).normal(size=(4 * count, dim))
    return drawn[~empty(drawn)][:count]


def _inner_half(points):
    return (points**2).sum(1) < scipy.stats.chi2.ppf(0.5, points.shape[1])


# Shares of N(0, I) whatever the dimension, not along axes.
EMPTY = {
    0.0: lambda points: np.zeros(len(points), bool),
    0.2: lambda points: (points[:, :2] @ [0.6, 0.8]) > scipy.stats.norm.ppf(0.8),
    0.25: lambda points: (points[:, :2] @ [0.6, 0.8] > 0) & (points[:, :2] @ [0.8, -0.6] > 0),
    0.5: lambda points: points[:, 0] + points[:, 1] > 0,
    "inner half": _inner_half,
}


@pytest.mark.slow
@pytest.mark.parametrize("dim", [4, 8, 15])
@pytest.mark.parametrize("share", EMPTY)
def test_total_variation_finds_an_empty_region_in_any_dimension(dim, share):
    codes = _gaussian_but_for(EMPTY[share], dim)
    samples = np.random.default_rng(100 + dim).normal(size=codes.shape)
    found = prior_match.total_variation(codes, samples)
    expected = 0.5 if share == "inner half" else share
    assert expected - 0.09 < found < expected + 0.05


@pytest.mark.slow
def test_total_variation_of_shifted_gaussians_is_the_closed_form():
    random = np.random.default_rng(0)
    codes, samples = random.normal(size=(2, 10_000, 6))
    found = prior_match.total_variation(codes + np.eye(6)[2], samples)
    assert found == pytest.approx(2 * scipy.stats.norm.cdf(0.5) - 1, abs=0.03)
    assert prior_match.total_variation(codes + 100, samples) == 1


@pytest.mark.slow
def test_codes_of_more_than_three_dimensions_have_total_variation_instead_of_coverage():
    nearby, others = {"coverage", "empty_region"}, {"total_variation"}
    for dim, given, left in ((3, nearby, others), (4, others, nearby)):
        prior = distributions.gaussian(dim)
        match = PriorMatch(prior, COUNT, seeds.root(0))
        found = match.evaluate(_codes(prior))
        names = {key.removesuffix("_of_prior") for key in found}
        assert given <= names and not left & names
        assert match.evaluate(_codes(prior)) == found
    assert np.isnan(match.evaluate(_codes(prior) * np.nan)["total_variation"])
    few = PriorMatch(prior, 9, seeds.root(0)).evaluate(_codes(prior)[:9])
    assert "total_variation" not in few and "mmd" in few


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.2, 3.0])
def test_mode_excess_of_a_gaussian_of_another_sd_is_the_closed_form(match, scale):
    """Half the mass lies within r^2 = 2 log 2 sd^2; of N(0, (s sd)^2) that part lies there."""
    found = match.evaluate(scale * _codes(distributions.gaussian(2, 1.5)))
    expected = 1 - 0.5 ** (1 / scale**2) - 0.5
    assert found["mode_excess"] == pytest.approx(expected, abs=0.06)
    assert 0 < found["mode_excess_of_prior"] < 0.06


def test_codes_at_the_modes_of_a_mixture_have_all_their_mass_in_excess():
    prior = distributions.ring_mixture()
    match = PriorMatch(prior, COUNT, seeds.root(0))
    centres = prior.components_distribution.mean().numpy()
    codes = np.repeat(centres, COUNT // 10, axis=0)
    assert match.evaluate(codes)["mode_excess"] == pytest.approx(0.5)
    assert match.evaluate(0 * codes)["mode_excess"] == pytest.approx(-0.5)


@pytest.mark.parametrize(
    "prior",
    [
        distributions.uniform(2),
        distributions.sphere(3),
        distributions.categorical(4),
        distributions.SwissRoll(0.0),
    ],
    ids=["uniform", "sphere", "categorical", "roll without a density"],
)
def test_a_flat_prior_or_one_without_a_density_has_no_modes(prior):
    match = PriorMatch(prior, 50, seeds.root(0))
    assert "mode_excess" not in match.evaluate(prior.sample(50, seed=seeds.root(3)).numpy())


def test_pairs_are_of_codes_from_all_over_a_sorted_set(monkeypatch):
    monkeypatch.setattr(prior_match, "PAIRWISE_AT_MOST", 100)
    match = PriorMatch(distributions.gaussian(2), COUNT, seeds.root(0))
    codes = _codes(distributions.gaussian(2))
    found = match.evaluate(codes[np.argsort(codes[:, 0])])
    assert abs(found["mmd"]) < 3 * found["mmd_of_prior"]
    assert found["coverage"] > 0.8


def test_only_a_gaussian_prior_has_mean_and_covariance_errors():
    found = PriorMatch(distributions.uniform(2), 50, seeds.root(0)).evaluate(np.zeros((50, 2)))
    names = {"sliced_wasserstein", "mmd", "coverage", "empty_region"}
    assert set(found) == names | {f"{name}_of_prior" for name in names}


@pytest.mark.slow
def test_it_is_deterministic_and_references_hang_on_the_seed(match):
    codes = _codes(distributions.gaussian(2, 1.5))
    assert match.evaluate(codes) == match.evaluate(codes)
    same = PriorMatch(distributions.gaussian(2, 1.5), COUNT, seeds.root(0))
    other = PriorMatch(distributions.gaussian(2, 1.5), COUNT, seeds.root(1))
    assert same.evaluate(codes) == match.evaluate(codes) != other.evaluate(codes)


class _Sampler:
    def sample(self, shape, seed):
        return tf.random.stateless_uniform([*np.atleast_1d(shape), 2], seed)


def test_a_prior_that_has_only_samples_is_compared_too():
    prior = distributions.UserPrior(_Sampler(), 2)
    found = PriorMatch(prior, 200, seeds.root(0)).evaluate(np.full((200, 2), 0.5))
    assert found["sliced_wasserstein"] == pytest.approx(np.sqrt(1 / 12), rel=0.15)
