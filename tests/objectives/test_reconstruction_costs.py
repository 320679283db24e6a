"""Costs of reconstruction, against plain numpy."""

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.objectives.reconstruction import COSTS, OF_LOGITS
from aae_tf.settings.fields import COSTS as NAMES

DRAWN = np.random.default_rng(0).random((2, 5, 14, 13, 2))
IMAGES, REBUILT = DRAWN


def _huber(x, y, delta=0.1):
    gap = abs(x - y)
    return np.where(gap <= delta, gap**2 / 2, delta * (gap - delta / 2)).sum()


BY_HAND = {
    "l2_squared": lambda x, y: ((x - y) ** 2).sum(),
    "l2": lambda x, y: np.sqrt(((x - y) ** 2).sum()),
    "l1": lambda x, y: abs(x - y).sum(),
    "huber": _huber,
    "cross_entropy": lambda x, y: -(x * np.log(y) + (1 - x) * np.log(1 - y)).sum(),
}


def _given(name, rebuilt):
    """What a cost takes for these reconstructions."""
    return np.log(rebuilt / (1 - rebuilt)) if name in OF_LOGITS else rebuilt


def test_every_name_of_the_settings_has_a_cost():
    assert tuple(COSTS) == NAMES


@pytest.mark.parametrize("name", BY_HAND)
def test_cost_is_numpys_image_by_image(name):
    found = COSTS[name](tf.constant(IMAGES), tf.constant(_given(name, REBUILT)))
    expected = [BY_HAND[name](x, y) for x, y in zip(IMAGES, REBUILT, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("name", sorted(set(COSTS) - set(OF_LOGITS)))
def test_cost_of_the_image_itself_is_nothing(name):
    images = tf.constant(IMAGES, tf.float32)
    np.testing.assert_allclose(COSTS[name](images, images), 0, atol=1e-3)


def _gaussian_window():
    place = np.arange(11) - 5
    line = np.exp(-(place**2) / (2 * 1.5**2))
    window = np.outer(line, line)
    return window / window.sum()


def test_ssim_is_the_mean_over_windows_of_wang_et_al():
    window, (first, second) = _gaussian_window(), (0.01**2, 0.03**2)
    expected = []
    for x, y in zip(IMAGES, REBUILT, strict=True):
        similarities = []
        for channel in range(2):
            for top in range(4):
                for left in range(3):
                    a = x[top : top + 11, left : left + 11, channel]
                    b = y[top : top + 11, left : left + 11, channel]
                    mean_a, mean_b = (window * a).sum(), (window * b).sum()
                    var_a = (window * a**2).sum() - mean_a**2
                    var_b = (window * b**2).sum() - mean_b**2
                    both = (window * a * b).sum() - mean_a * mean_b
                    similarities.append(
                        (2 * mean_a * mean_b + first)
                        * (2 * both + second)
                        / ((mean_a**2 + mean_b**2 + first) * (var_a + var_b + second))
                    )
        expected.append(14 * 13 * 2 * (1 - np.mean(similarities)))
    found = COSTS["ssim"](tf.constant(IMAGES), tf.constant(REBUILT))
    assert found.dtype == tf.float64
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("rebuilt", [np.zeros_like(IMAGES), np.ones_like(IMAGES), IMAGES])
def test_gradient_is_finite_at_the_edges_and_at_the_image_itself(name, rebuilt):
    images, rebuilt = tf.constant(IMAGES, tf.float32), tf.constant(rebuilt, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(rebuilt)
        value = tf.reduce_sum(COSTS[name](images, rebuilt))
    assert np.isfinite(value)
    assert np.isfinite(tape.gradient(value, rebuilt)).all()


@pytest.mark.parametrize("name", COSTS)
def test_a_better_reconstruction_costs_less(name):
    near, far = (
        COSTS[name](tf.constant(IMAGES), _given(name, IMAGES + share * (0.5 - IMAGES)))
        for share in (0.2, 0.9)
    )
    assert (near.numpy() < far.numpy()).all()


def test_l2_squared_is_twice_the_aaes_error():
    from aae_tf.objectives.reconstruction import half_squared_error

    found = COSTS["l2_squared"](tf.constant(IMAGES), tf.constant(REBUILT))
    np.testing.assert_allclose(found, 2 * half_squared_error(IMAGES, REBUILT))
