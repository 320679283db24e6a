"""Moments of batch normalisation from clean images: what they are, and what they leave alone."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.training import Trainer
from aae_tf.training.averaging import PreciseNorm, WeightAverage
from aae_tf.training.variables import network_variables, optimizer_variables

pytestmark = pytest.mark.slow

STEPS = 12  # of epochs of 6
STANDARDIZED = {
    "experiment": "semi_supervised",
    "num_labels": "12",
    "standardize": True,
    "output_activation": "linear",
}


@functools.cache
@tiny.eagerly()
def _trained(precise=True, decay=0.0, last=STEPS, **changes):
    rig = tiny.rig(encoder_batch_norm=True, input_noise=1.0, **changes)
    average = None
    if decay:
        average = WeightAverage(network_variables(rig.method.lasting_networks), decay)
    strategy, method = tf.distribute.get_strategy(), rig.method
    trainer = Trainer(rig.phases, rig.feed, rig.root, strategy, False, method.prepare, average)
    norm = PreciseNorm(
        method.encoder, method.take_in, tiny.split(64).intensities(), strategy, average
    )
    trainer.train(0, last, 4, [norm] if precise else [])
    return rig, average


def _moments_of_first_layer(kernel, standardizer=None):
    images = tiny.split(64).intensities().astype(np.float64)
    if standardizer is not None:
        images = standardizer(images).numpy()
    features = images.reshape(64, -1) @ np.asarray(kernel, np.float64)
    return features.mean(0), features.var(0)


def _first_layer(values):
    """Kernel and moving moments of the encoder's first layer, of variables by name."""

    def found(end):
        (value,) = [
            v
            for name, v in values.items()
            if "hidden_1" in name and name.endswith(end) and "encoder" in name
        ]
        return np.asarray(value)

    return found("kernel"), found("moving_mean"), found("moving_variance")


@pytest.mark.parametrize("flags", [{}, STANDARDIZED], ids=["as they are", "standardized"])
def test_moments_after_an_epoch_are_those_of_clean_images_by_the_weights_of_then(flags):
    for precise in (True, False):
        rig, _ = _trained(precise, **flags)
        scale = rig.method.networks.get("standardizer")
        kernel, mean, variance = _first_layer(network_variables(rig.method.networks))
        wanted = _moments_of_first_layer(kernel, scale)
        for value, right in zip((mean, variance), wanted, strict=True):
            assert np.allclose(value, right, rtol=1e-4, atol=1e-5) == precise


def test_later_layers_moments_are_those_of_the_same_pass():
    rig, _ = _trained(True)
    encoder = rig.method.encoder
    images = tf.constant(tiny.split(64).intensities())
    before = {v.path: v.numpy() for v in encoder.variables if "moving" in v.path}
    # By those moments encoding is what the pass in training is, for these very images.
    by_batch = encoder(images, training=True)
    for variable in encoder.variables:
        if variable.path in before:
            variable.assign(before[variable.path])
    for one, other in zip(encoder(images), by_batch, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_nothing_else_changes_to_the_bit():
    (plain, _), (precise, _) = _trained(False), _trained(True)
    first, second = (
        network_variables(rig.method.networks) | optimizer_variables(rig.phases)
        for rig in (plain, precise)
    )
    differing = {n for n, v in first.items() if v.numpy().tobytes() != second[n].numpy().tobytes()}
    assert differing == {n for n in first if "encoder" in n and "moving_" in n and "norm" in n}


def test_between_epochs_the_moments_move_on_as_ever():
    at_epoch, _ = _trained(last=6)
    later, _ = _trained(last=7)
    means = [_first_layer(network_variables(r.method.networks))[1] for r in (at_epoch, later)]
    assert 0 < np.abs(means[1] - means[0]).max() < np.abs(means[0]).max()
    assert all(
        n.momentum == 0.99
        for n in later.method.encoder._flatten_layers()
        if hasattr(n, "moving_mean")
    )


def test_averaged_networks_get_the_moments_of_the_averaged_weights_and_live_ones_keep_theirs():
    plain, without = _trained(False, decay=0.9)
    rig, average = _trained(True, decay=0.9)
    live, other = (network_variables(r.method.networks) for r in (rig, plain))
    for name, value in live.items():
        np.testing.assert_array_equal(value.numpy(), other[name].numpy(), err_msg=name)
    kernel, mean, variance = _first_layer(average.variables)
    assert np.abs(kernel - _first_layer(live)[0]).max() > 1e-4
    np.testing.assert_array_equal(kernel, _first_layer(without.variables)[0])
    for value, right in zip((mean, variance), _moments_of_first_layer(kernel), strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-4, atol=1e-5)
