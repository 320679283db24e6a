"""The cluster heads W_C of dimensionality reduction."""

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.networks import ClusterHeads


def _start(seed=0, **settings):
    return np.asarray(ClusterHeads(400, 5, seed=seed, **settings).heads)


@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_heads_start_from_a_normal_distribution_of_the_spread_asked_for(spread):
    heads = _start(spread=spread)
    # 2000 draws: the standard error of their deviation is 1.6 %, of their mean 2.2 % of it.
    assert heads.std() == pytest.approx(spread, rel=0.06)
    assert abs(heads.mean()) < 0.09 * spread


def test_heads_of_a_wider_start_lie_in_the_same_directions():
    np.testing.assert_allclose(_start(spread=3.0), 3.0 * _start(), rtol=1e-6)


def test_heads_differ_between_seeds_and_not_between_builds():
    np.testing.assert_array_equal(_start(seed=1), _start(seed=1))
    assert np.abs(_start(seed=1) - _start(seed=2)).min() > 0


def test_a_one_hot_category_lands_on_its_head():
    heads = ClusterHeads(4, 3)
    np.testing.assert_array_equal(heads(tf.eye(4)), np.asarray(heads.heads))
