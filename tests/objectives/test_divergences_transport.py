"""Sinkhorn's divergence, against a plain loop and against exact transport."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import tensorflow as tf

from aae_tf import seeds
from aae_tf.objectives import divergences

RANDOM = np.random.default_rng(0)
FIRST, SECOND = RANDOM.normal(size=(12, 3)), 1.0 + 1.5 * RANDOM.normal(size=(9, 3))


def _costs(first, second):
    return ((first[:, None] - second) ** 2).sum(-1)


def _by_plain_loop(first, second, regularisation, steps=100):
    """Sinkhorn's scaling of rows and columns in numpy, and the cost with its entropy."""
    costs = _costs(first, second)
    f, g = np.zeros(len(first)), np.zeros(len(second))
    for _ in range(steps):
        for i in range(len(first)):
            terms = (g - costs[i]) / regularisation
            f[i] = -regularisation * (scipy.special.logsumexp(terms) - math.log(len(second)))
        for j in range(len(second)):
            terms = (f - costs[:, j]) / regularisation
            g[j] = -regularisation * (scipy.special.logsumexp(terms) - math.log(len(first)))
    return f.mean() + g.mean()


def _by_long_loop(first, second, regularisation, steps):
    """The same with rows and columns at once, and by how much the last step changed f."""
    costs = _costs(first, second)
    f, g = np.zeros(len(first)), np.zeros(len(second))
    for _ in range(steps):
        before, rows = f, (g - costs) / regularisation
        f = -regularisation * (scipy.special.logsumexp(rows, 1) - math.log(len(second)))
        columns = (f[:, None] - costs) / regularisation
        g = -regularisation * (scipy.special.logsumexp(columns, 0) - math.log(len(first)))
    return f.mean() + g.mean(), abs(f - before).max() / regularisation


def _apart():
    random = np.random.default_rng(1)
    return (random.normal(size=(40, 2)) + shift for shift in (0.0, 1.0))


@pytest.mark.parametrize("dtype, margin", [(tf.float64, 1e-4), (tf.float32, 3e-4)])
def test_little_entropy_takes_more_steps(dtype, margin):
    first, second = _apart()
    regularisation = 0.04  # a hundredth of the expected squared distance of normal samples
    early, change = _by_long_loop(first, second, regularisation, 100)
    exact, rest = _by_long_loop(first, second, regularisation, 4000)
    assert change > 0.1 and rest < 0.01 and abs(early - exact) > 10 * margin * exact
    tensors = (tf.constant(each, dtype) for each in (first, second))
    found = tf.function(divergences.entropic_transport, jit_compile=True)(*tensors, regularisation)
    assert float(found) == pytest.approx(exact, rel=margin)


def test_entropy_without_end_ends(monkeypatch):
    monkeypatch.setattr(divergences, "MOST_STEPS", 150)
    first, second = _apart()
    expected, change = _by_long_loop(first, second, 0.004, 150)
    assert change > 0.1
    found = divergences.entropic_transport(tf.constant(first), tf.constant(second), 0.004)
    assert float(found) == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("regularisation", [0.5, 3.0])
def test_entropic_transport_is_the_plain_loop(regularisation):
    found = divergences.entropic_transport(tf.constant(FIRST), tf.constant(SECOND), regularisation)
    assert float(found) == pytest.approx(_by_plain_loop(FIRST, SECOND, regularisation), rel=1e-9)


@pytest.mark.parametrize("regularisation", [0.3, 1.0])
def test_entropic_transport_lies_between_the_best_assignment_and_that_with_all_entropy(
    regularisation,
):
    first, second = 0.5 * FIRST[:5], 0.5 * SECOND[:5]
    rows, columns = scipy.optimize.linear_sum_assignment(_costs(first, second))
    exact = _costs(first, second)[rows, columns].mean()
    found = divergences.entropic_transport(tf.constant(first), tf.constant(second), regularisation)
    # The plan of the best assignment has an entropy term of eps log n.
    assert 0.999 * exact < float(found) < exact + regularisation * math.log(5) + 1e-6


def test_sinkhorn_nears_the_squared_distance_of_means_as_entropy_counts_more():
    found = divergences.sinkhorn(tf.constant(FIRST), tf.constant(SECOND), 1e6)
    gap = FIRST.mean(0) - SECOND.mean(0)
    assert float(found) == pytest.approx((gap**2).sum(), rel=1e-3)


def test_sinkhorn_of_a_sample_and_itself_is_nothing():
    found = divergences.sinkhorn(tf.constant(FIRST), tf.constant(FIRST[::-1].copy()), 1.0)
    assert float(found) == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_gradient_of_sinkhorn_is_that_of_differences():
    moved = tf.constant(FIRST)

    @tf.function  # a hundred steps each time, which are slow one by one
    def sinkhorn(first):
        return divergences.sinkhorn(first, tf.constant(SECOND), 2.0)

    with tf.GradientTape() as tape:
        tape.watch(moved)
        value = sinkhorn(moved)
    gradient = tape.gradient(value, moved).numpy()
    for row, column in ((0, 0), (5, 2), (11, 1)):
        step = np.zeros_like(FIRST)
        step[row, column] = 1e-4
        above, below = (float(sinkhorn(tf.constant(FIRST + way * step))) for way in (1, -1))
        assert gradient[row, column] == pytest.approx((above - below) / 2e-4, rel=1e-3, abs=1e-6)


def test_squared_sliced_wasserstein_sorts_each_projection():
    along = divergences.directions(7, 3, seeds.root(0), tf.float64)
    first, second = FIRST[:9], SECOND
    by_hand = np.mean([(np.sort(first @ a) - np.sort(second @ a)) ** 2 for a in along.numpy().T])
    found = divergences.squared_sliced_wasserstein(tf.constant(first), tf.constant(second), along)
    assert float(found) == pytest.approx(by_hand, rel=1e-12)


def test_gradient_of_squared_sliced_wasserstein_is_finite_where_it_is_nothing():
    along, points = divergences.directions(7, 3, seeds.root(0), tf.float64), tf.constant(FIRST)
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = divergences.squared_sliced_wasserstein(points, tf.constant(FIRST), along)
    np.testing.assert_allclose(tape.gradient(value, points), 0, atol=1e-12)
