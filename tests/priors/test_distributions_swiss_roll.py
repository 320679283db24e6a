"""The swiss roll: its curve, its density along it, and thickness 0."""

import math

import numpy as np
import pytest
import tensorflow as tf

from aae_tf import seeds
from aae_tf.priors import distributions
from aae_tf.settings import PriorSettings

COUNT = 20_000


def _sample(prior, count=COUNT):
    return prior.sample(count, seed=seeds.root(5)).numpy()


def _log_prob_by_hand(points, thickness, count=40_000):
    """The integral over u of a Gaussian around the curve, in float64."""
    root_u = np.sqrt((np.arange(count) + 0.5) / count)
    curve = (
        3 * root_u[:, None] * np.stack([np.cos(4 * np.pi * root_u), np.sin(4 * np.pi * root_u)], -1)
    )
    found = []
    for point in np.asarray(points, float):
        terms = -((point - curve) ** 2).sum(-1) / (2 * thickness**2)
        log_mean = terms.max() + np.log(np.mean(np.exp(terms - terms.max())))
        found.append(log_mean - np.log(2 * np.pi * thickness**2))
    return found


@pytest.mark.parametrize("thickness", [0.05, 0.1, 1.0])
def test_density_is_that_of_a_gaussian_slid_along_the_curve(thickness):
    points = [[0, 0], [3, 0], [-1.5, 0], [0, 2.6], [0.3, -0.4], [-2.2, 1.0]]
    found = distributions.SwissRoll(thickness, tf.float64).log_prob(np.array(points, float))
    np.testing.assert_allclose(found, _log_prob_by_hand(points, thickness), rtol=1e-4, atol=1e-3)


def test_single_precision_is_enough_for_the_density():
    points = _sample(distributions.SwissRoll(), 200)
    single = distributions.SwissRoll(dtype=tf.float32).log_prob(points)
    double = distributions.SwissRoll(dtype=tf.float64).log_prob(points.astype(float))
    np.testing.assert_allclose(single, double, atol=2e-3)


def test_samples_without_thickness_lie_on_two_turns_of_the_curve():
    drawn = _sample(distributions.SwissRoll(0.0))
    radius = np.linalg.norm(drawn, axis=1)
    angle = 4 * math.pi * radius / 3
    on_curve = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    np.testing.assert_allclose(drawn, on_curve, atol=1e-4)
    u = np.sort((radius / 3) ** 2)
    steps = (np.arange(COUNT) + 0.5) / COUNT
    assert np.abs(u - steps).max() < 1.95 / math.sqrt(COUNT)  # Kolmogorov-Smirnov, 0.1 %


def test_thickness_is_the_sd_around_the_curve():
    thin, thick = (_sample(distributions.SwissRoll(t)) for t in (0.0, 0.3))
    gap = thick - thin  # one seed: the same points of the curve
    margin = 5 * 0.3 / math.sqrt(COUNT)
    np.testing.assert_allclose(gap.mean(0), 0, atol=margin)
    np.testing.assert_allclose(gap.std(0), 0.3, atol=margin)
    across, along = np.abs(gap), np.linalg.norm(thin, axis=1)
    together = np.corrcoef([*gap.T, *across.T, along])[~np.eye(5, dtype=bool)]
    assert np.abs(together).max() < 5 / math.sqrt(COUNT)


def test_thickness_0_has_samples_and_says_that_it_has_no_density():
    prior = distributions.build(PriorSettings(prior="swiss_roll", prior_thickness=0.0))
    assert np.isfinite(_sample(prior)).all()
    with pytest.raises(NotImplementedError, match="thickness 0 has samples but no density"):
        prior.log_prob(_sample(prior, 3))
    assert not distributions.has_density(prior)


def test_settings_thickness_reaches_the_roll():
    assert (
        distributions.build(PriorSettings(prior="swiss_roll", prior_thickness=0.2)).thickness == 0.2
    )


def test_density_of_a_thin_roll_takes_memory_in_bounds():
    prior = distributions.SwissRoll(0.003)
    assert _largest_tensor(prior.log_prob, _sample(prior)) < 2**28


def _largest_tensor(function, *arguments):
    """Elements of the largest tensor that a graph of the function holds, run on nothing."""
    graph = tf.function(function).get_concrete_function(*arguments).graph
    sizes = [out.shape.num_elements() for op in graph.get_operations() for out in op.outputs]
    return max(size or 0 for size in sizes)
