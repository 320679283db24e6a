"""The order of an epoch: a permutation that depends on seed and epoch alone."""

import numpy as np
import pytest

from aae_tf import seeds
from aae_tf.data.pipeline import epoch_order


def _order(seed=0, epoch=0, size=1000):
    return epoch_order(seeds.root(seed), epoch, size).numpy()


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_every_image_is_visited_once(size):
    order = _order(size=size)
    assert order.dtype == np.int32
    assert sorted(order) == list(range(size))


def test_order_is_the_same_whenever_it_is_asked_for():
    np.testing.assert_array_equal(_order(3, 7), _order(3, 7))


def test_order_differs_between_epochs_and_seeds():
    orders = [_order(seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    for index, order in enumerate(orders):
        for other in orders[:index]:
            assert np.mean(order == other) < 0.01


def test_every_position_is_as_likely_to_hold_early_as_late_images():
    means = np.mean([_order(epoch=epoch, size=100) for epoch in range(200)], axis=0)
    standard_error = np.sqrt((100**2 - 1) / 12 / 200)
    assert np.abs(means - 49.5).max() < 4.5 * standard_error
