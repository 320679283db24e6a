"""The weight of a term of a loss as training continues."""

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.training.phase import warmed_up


@pytest.mark.parametrize("start", [0, 20])
def test_a_weight_grows_evenly_from_its_start_and_then_stays(start):
    draws = [{"step": tf.constant(start + step)} for step in (0, 4, 8, 12, 400)]
    weights = [warmed_up(3.0, 12.0, drawn, start, tf.float64) for drawn in draws]
    np.testing.assert_allclose(weights, [0, 1, 2, 3, 3])
    assert all(weight.dtype == tf.float64 for weight in weights)


def test_a_weight_without_warm_up_is_itself_whatever_the_step():
    assert warmed_up(3.0, 0.0, {}) == 3.0
