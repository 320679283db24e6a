"""Cluster errors by hand; use of a categorical code; the share of codes in their class's part."""

import itertools
import pathlib
import runpy

import numpy as np
import pytest
import scipy.integrate
import tensorflow as tf

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.evaluation.clustering import (
    category_metrics,
    classes_by_assignment,
    classes_by_confidence,
    classes_by_majority,
    clustering_metrics,
    component_metrics,
    entropies,
    error_percent,
    histograms,
    usage,
)
from aae_tf.priors import class_parts, distributions
from aae_tf.settings import PriorSettings

ROOT = seeds.root(0)
SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks/even_clusters.py"
# Three clusters, two classes; q(y|x) of six validation images.
VALIDATION = np.log(
    [
        [0.90, 0.05, 0.05],
        [0.60, 0.30, 0.10],
        [0.70, 0.20, 0.10],
        [0.10, 0.80, 0.10],
        [0.20, 0.10, 0.70],
        [0.10, 0.10, 0.80],
    ]
)
LABELS = np.array([1, 0, 0, 1, 0, 1])


def test_paper_labels_a_cluster_by_its_most_confident_image_not_by_majority():
    # Cluster 0 holds classes 1, 0, 0, and its most confident image is of class 1.
    assert classes_by_confidence(VALIDATION, LABELS).tolist() == [1, 1, 1]
    clusters = VALIDATION.argmax(1)
    assert classes_by_majority(clusters, LABELS, 3, 2).tolist() == [0, 1, 0]


def test_near_certainties_are_told_apart():
    near = np.array([[-1e-12, -28.0], [-1e-14, -32.0], [-5.0, -0.01]])
    assert np.exp(near).astype(np.float32)[0, 0] == np.exp(near).astype(np.float32)[1, 0] == 1
    assert classes_by_confidence(near, np.array([3, 4, 5]))[0] == 4


def test_empty_cluster_gets_the_commonest_class():
    clusters, labels = np.array([0, 0, 2, 2, 2]), np.array([0, 0, 1, 1, 1])
    assert classes_by_majority(clusters, labels, 3, 2).tolist() == [0, 1, 1]


def test_assignment_is_one_to_one_where_majority_is_not():
    clusters = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    labels = np.array([0, 0, 1, 0, 0, 0, 1, 1])
    assert classes_by_majority(clusters, labels, 2, 2).tolist() == [0, 0]
    assert sorted(classes_by_assignment(clusters, labels, 2)) == [0, 1]


def test_metrics_of_test_images_take_their_classes_from_validation_images():
    test = np.log([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.4, 0.5, 0.1]])
    labels = np.array([1, 1, 0, 0])
    found = clustering_metrics(test, labels, VALIDATION, LABELS, num_classes=2)
    assert found["error_percent"] == 50  # all read as class 1
    assert found["error_majority_percent"] == 50  # 0, 1, 0, 1 against 1, 1, 0, 0
    assert "error_assigned_percent" not in found  # three clusters, two classes


def test_names_of_clusters_do_not_matter():
    labels = np.arange(30) % 3
    perfect = np.log(np.eye(3)[(labels + 1) % 3] * 0.9 + 0.03)
    found = clustering_metrics(perfect, labels, perfect, labels, num_classes=3)
    assert found["error_percent"] == found["error_assigned_percent"] == 0
    assert found["nmi"] == pytest.approx(1) and found["ari"] == pytest.approx(1)


def test_error_is_in_percent():
    assert error_percent(np.array([0, 1, 2, 3]), np.array([0, 1, 2, 0])) == 25


def _least_error(*shares_and_clusters):
    return runpy.run_path(str(SCRIPT))["least_error"](*shares_and_clusters)


@pytest.mark.parametrize("clusters", [3, 4, 5, 7, 10])
def test_least_error_is_that_of_the_best_of_all_divisions(clusters):
    shares = (0.47, 0.31, 0.22)
    wrong = [
        1 - sum(min(share, n / clusters) for share, n in zip(shares, division, strict=True))
        for division in itertools.product(range(clusters + 1), repeat=3)
        if sum(division) == clusters
    ]
    assert _least_error(shares, clusters) == pytest.approx(min(wrong))


def test_classes_of_whole_clusters_need_not_err():
    assert _least_error((0.5, 0.3, 0.2), 10) == pytest.approx(0)
    # Six of ten even classes have a second cluster and err in nothing.
    assert _least_error(10 * [0.1], 16) == pytest.approx(4 * (0.1 - 1 / 16))


def test_one_hot_codes_used_alike():
    found = category_metrics(np.eye(4, dtype=np.float32)[np.arange(20) % 4])
    assert found["largest_probability"] == 1
    assert found["category_entropy"] == 0
    assert found["categories_in_use"] == pytest.approx(4)


def test_even_probabilities_have_the_largest_entropy():
    even = np.full((5, 8), 1 / 8, np.float32)
    np.testing.assert_allclose(entropies(even), np.log(8), rtol=1e-6)
    assert category_metrics(even)["largest_probability"] == pytest.approx(1 / 8)


def test_collapse_on_one_category_shows():
    probabilities = np.tile([0.7, 0.2, 0.1], (9, 1))
    assert usage(probabilities).tolist() == [1, 0, 0]
    assert category_metrics(probabilities)["categories_in_use"] == pytest.approx(1)


def test_histograms_are_shares_of_images():
    drawn = np.random.default_rng(0).dirichlet(np.ones(5), 300)
    for name, values in histograms(drawn).items():
        assert values.sum() == pytest.approx(1), name


def _class_prior(name, parts=10, **settings):
    chosen = PriorSettings(prior=name, **settings)
    return class_parts.build(distributions.build(chosen), chosen, parts)


@pytest.mark.parametrize("name, least", [("mixture", 0.97), ("swiss_roll", 0.93)])
def test_samples_of_each_part_lie_in_it_by_the_posterior(name, least):
    prior = _class_prior(name)
    drawn = prior.sample_of_each(300, ROOT).numpy()
    assert drawn.shape == (300, 10, 2)
    labels = np.tile(np.arange(10), 300)
    found = component_metrics(prior.posterior(drawn.reshape(-1, 2)), labels)
    assert found["component_share"] > least
    shifted = component_metrics(prior.posterior(drawn.reshape(-1, 2)), (labels + 1) % 10)
    assert shifted["component_share"] < 0.05
    assert shifted["component_share_matched"] > least


@pytest.mark.parametrize("name", ["mixture", "swiss_roll"])
def test_parts_together_are_the_whole_prior(name):
    chosen = PriorSettings(prior=name)
    whole = distributions.build(chosen)
    parts = class_parts.build(whole, chosen, 10).sample_of_each(2000, ROOT).numpy()
    drawn = whole.sample(20_000, seed=ROOT).numpy()
    both = [sample.reshape(-1, 2) for sample in (parts, drawn)]
    # Means and covariances of 20,000 points each: five standard errors.
    np.testing.assert_allclose(both[0].mean(0), both[1].mean(0), atol=0.08)
    np.testing.assert_allclose(np.cov(both[0].T), np.cov(both[1].T), atol=0.15)


def test_posterior_of_parts_of_the_roll_sums_to_one_and_its_parts_to_the_density():
    roll = distributions.SwissRoll(0.1)
    points = roll.sample(50, seed=ROOT)
    by_part = roll.log_prob_of_parts(points, 10).numpy()
    total = np.log(np.exp(by_part.astype(np.float64)).sum(-1))
    np.testing.assert_allclose(total, roll.log_prob(points), atol=1e-4)
    np.testing.assert_allclose(_class_prior("swiss_roll").posterior(points).sum(-1), 1, rtol=1e-5)


def _posterior_by_quadrature(point, thickness, parts):
    def density(u):
        angle, radius = 4 * np.pi * np.sqrt(u), 3 * np.sqrt(u)
        gap = point - radius * np.array([np.cos(angle), np.sin(angle)])
        return np.exp(-(gap @ gap) / (2 * thickness**2))

    edges = np.arange(parts + 1) / parts
    shares = [
        scipy.integrate.quad(density, low, high, limit=400, epsabs=1e-13)[0]
        for low, high in itertools.pairwise(edges)
    ]
    return np.array(shares) / sum(shares)


@pytest.mark.parametrize("parts, thickness", [(10, 0.1), (3, 0.4)])
def test_posterior_of_the_rolls_parts_is_the_integral_also_where_parts_meet(parts, thickness):
    roll = distributions.SwissRoll(thickness)
    edges = np.arange(1, parts) / parts
    u = np.concatenate([edges - 1e-3, edges, edges + 1e-3, [0.99]])
    points = roll.curve(tf.constant(np.sqrt(u), tf.float32)).numpy() + 0.3 * thickness
    found = class_parts.ClassPrior(roll, parts).posterior(points)
    exact = [_posterior_by_quadrature(point.astype(float), thickness, parts) for point in points]
    assert np.max(exact, 1).min() < 0.7
    np.testing.assert_allclose(found, exact, atol=1e-3)


@pytest.mark.parametrize("name", ["mixture", "swiss_roll"])
def test_axes_run_through_their_own_part(name):
    prior = _class_prior(name)
    axes = prior.axes(5)
    assert axes.shape == (10, 5, 2)
    middle = prior.posterior(axes[:, 2])
    assert middle.argmax(1).tolist() == list(range(10))


def test_priors_whose_parts_are_no_classes_are_refused():
    with pytest.raises(SettingsError, match="--prior=gaussian: expected mixture or swiss_roll"):
        _class_prior("gaussian")
    with pytest.raises(SettingsError, match="--prior_components=10: expected 3, one for each"):
        _class_prior("mixture", parts=3)
    with pytest.raises(SettingsError, match="--prior_thickness=0: expected above 0"):
        _class_prior("swiss_roll", prior_thickness=0.0)
