"""Averages of weights: a plain recurrence, and live weights that are left alone."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.training import Trainer
from aae_tf.training.averaging import WeightAverage
from aae_tf.training.variables import digest, network_variables


def test_average_is_the_plain_recurrence():
    weight = tf.Variable([1.0, -2.0], dtype=tf.float64)
    average = WeightAverage({"w": weight}, 0.75)
    expected = weight.numpy()
    for step in range(60):
        weight.assign(weight * 0.9 + step)
        average.update(tf.constant(step))
        decay = min(0.75, (step + 1) / (step + 10))
        expected = decay * expected + (1 - decay) * weight.numpy()
        np.testing.assert_allclose(average.variables["w"].numpy(), expected, rtol=1e-12)


def test_first_weights_are_soon_forgotten():
    weight = tf.Variable(1000.0)
    average = WeightAverage({"w": weight}, 0.9999)
    weight.assign(1.0)
    for step in range(500):
        average.update(tf.constant(step))
    assert abs(average.variables["w"].numpy() - 1) < 1e-3


def test_in_place_shows_the_average_and_gives_the_weights_back_even_after_an_error():
    weight = tf.Variable([0.1, 1 / 3])
    average = WeightAverage({"w": weight}, 0.5)
    weight.assign([5.0, 1e-30])
    average.update(tf.constant(100))
    before = weight.numpy()
    with pytest.raises(ZeroDivisionError), average.in_place():
        np.testing.assert_array_equal(weight.numpy(), average.variables["w"].numpy())
        assert not np.array_equal(weight.numpy(), before)
        _ = 1 / 0
    assert weight.numpy().tobytes() == before.tobytes()


@pytest.fixture(scope="module")
def rig():
    return tiny.rig(encoder_batch_norm=True)


def _trainer(rig, average=None):
    strategy = tf.distribute.get_strategy()
    return Trainer(rig.phases, rig.feed, rig.root, strategy, False, rig.method.prepare, average)


@pytest.mark.slow
def test_averaging_changes_no_weight_and_hangs_not_on_the_length_of_calls(rig):
    _trainer(rig).train(0, 9, 4)
    plain = digest(rig.variables)
    rig.reset()
    average = WeightAverage(network_variables(rig.method.lasting_networks), 0.9)
    averaging, averages = _trainer(rig, average), []
    for steps_per_call in (4, 2):
        rig.reset()
        average.adopt()
        averaging.train(0, 9, steps_per_call)
        assert digest(rig.variables) == plain
        averages.append(digest(average.variables))
    assert averages[0] == averages[1]


@pytest.mark.slow
def test_discriminators_are_not_averaged_and_moving_statistics_are(rig):
    names = set(WeightAverage(network_variables(rig.method.lasting_networks), 0.9).variables)
    assert not any("discriminator" in name for name in names)
    for wanted in ("encoder/", "decoder/"):
        assert any(name.startswith(wanted) for name in names)
    assert any(name.endswith("moving_variance") for name in names)
