"""Spectral normalisation: the kernel over its largest singular value, against numpy's SVD."""

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.networks import Discriminator, Encoder
from aae_tf.networks.layers import LayerFactory

WIDE = LayerFactory(dtype="float64", spectral=True)
INPUTS = np.random.default_rng(0).normal(size=(9, 6))


def _layer(layers=WIDE, units=4, name="hidden_1", owner="discriminator"):
    layer = layers.dense(units, name, owner, hidden=False)
    layer.build((None, 6))
    return layer


def _unit(vector):
    return vector / np.linalg.norm(vector)


def _norm(kernel):
    return np.linalg.svd(kernel, compute_uv=False)[0]


def _settle(layer):
    """Gives a layer the first singular vector for its u."""
    layer.u.assign(np.linalg.svd(layer.kernel.numpy())[2][0])


@pytest.fixture
def settled():
    layer = _layer()
    layer.bias.assign([0.1, 0.2, 0.3, 0.4])
    _settle(layer)
    return layer


def test_a_step_in_training_is_one_power_iteration():
    layer = _layer()
    kernel, u = layer.kernel.numpy(), layer.u.numpy()
    for _ in range(3):
        v = _unit(kernel @ u)
        u = _unit(v @ kernel)
        found = layer(INPUTS, training=True)
        np.testing.assert_allclose(found, INPUTS @ kernel / (v @ kernel @ u), rtol=1e-12)
        np.testing.assert_allclose(layer.u, u, rtol=1e-12)
        np.testing.assert_array_equal(layer.kernel, kernel)


def test_outside_training_u_stays_and_the_kernel_is_measured_by_it():
    layer = _layer()
    layer(INPUTS, training=True)
    u = layer.u.numpy()
    layer.kernel.assign(2.5 * layer.kernel + 0.1)
    kernel = layer.kernel.numpy()
    for _ in range(2):
        expected = INPUTS @ kernel / (_unit(kernel @ u) @ kernel @ u)
        np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-12)
        np.testing.assert_allclose(layer(INPUTS, training=False), expected, rtol=1e-12)
        np.testing.assert_array_equal(layer.u, u)


def test_iterations_come_to_the_largest_singular_value():
    layer = _layer()
    rotated, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 4)))
    layer.kernel.assign(rotated * [0.7, 3.0, 1.5, 0.2])
    for _ in range(20):  # each of which takes the others' share to a quarter
        layer(INPUTS, training=True)
    for training in (False, True):
        expected = INPUTS @ layer.kernel.numpy() / 3.0
        np.testing.assert_allclose(layer(INPUTS, training=training), expected, rtol=1e-9)


@pytest.mark.parametrize("training", [False, True])
def test_gradient_is_that_of_the_kernel_over_its_norm(settled, training):
    towards = np.random.default_rng(1).normal(size=(9, 4))
    kernel = settled.kernel.numpy()
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(settled(INPUTS, training=training) * towards)
    found = tape.gradient(value, settled.kernel.value).numpy()
    for place in np.ndindex(kernel.shape):
        step = np.zeros_like(kernel)
        step[place] = 1e-6
        higher, lower = (
            np.sum(towards * (INPUTS @ each / _norm(each)))
            for each in (kernel + step, kernel - step)
        )
        assert found[place] == pytest.approx((higher - lower) / 2e-6, rel=1e-5, abs=1e-7)


def test_discriminator_climbs_by_no_more_than_1_in_any_direction():
    network = Discriminator(6, (16, 8), WIDE)
    for layer in (*network.trunk.stack, network.logit):
        layer.kernel.assign(20 * layer.kernel)  # whatever the optimizer makes of it
        _settle(layer)
    others = np.random.default_rng(2).normal(size=INPUTS.shape)
    rise = np.abs(network(INPUTS) - network(others))
    assert np.all(rise <= np.linalg.norm(INPUTS - others, axis=1))
    assert rise.max() > 0.01


def test_u_is_a_variable_that_the_seed_starts_and_no_gradient_moves():
    networks = [
        Discriminator(6, (5, 4), LayerFactory(spectral=True, seed=seed)) for seed in (3, 3, 4)
    ]
    first, again, other = ([u.numpy() for u in each.non_trainable_variables] for each in networks)
    assert [u.shape for u in first] == [(5,), (4,), (1,)]
    for ours, theirs, others in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert (ours != others).all()
    paths = [variable.path for variable in networks[0].variables]
    assert [path for path in paths if path.endswith("/u")] == [
        "trunk/hidden_1/u",
        "trunk/hidden_2/u",
        "logit/u",
    ]


def test_weights_start_as_they_do_without_it():
    plain, spectral = (
        Discriminator(6, (5, 4), LayerFactory(spectral=spectral)) for spectral in (False, True)
    )
    assert not plain.non_trainable_variables
    for ours, theirs in zip(spectral.trainable_variables, plain.trainable_variables, strict=True):
        assert ours.path == theirs.path
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16", "mixed_float16"])
def test_every_precision_has_the_same_to_its_rounding(dtype):
    layer = _layer(LayerFactory(dtype=dtype, spectral=True))
    _settle(layer)
    assert layer.u.dtype == layer.kernel.dtype == ("float64" if dtype == "float64" else "float32")
    kernel = layer.kernel.numpy().astype(np.float64)
    found = tf.cast(layer(INPUTS, training=True), tf.float64)
    np.testing.assert_allclose(np.linalg.norm(layer.u), 1, rtol=1e-6)
    precise = {"float32": 1e-5, "float64": 1e-12, "mixed_bfloat16": 0.05, "mixed_float16": 0.01}[
        dtype
    ]
    np.testing.assert_allclose(found, INPUTS @ kernel / _norm(kernel), rtol=0, atol=precise)


def test_layers_with_batch_normalisation_have_none():
    encoder = Encoder((2, 3, 1), 2, (5,), LayerFactory(spectral=True), batch_norm=True)
    assert not [each.path for each in encoder.variables if each.name == "u"]
