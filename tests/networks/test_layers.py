"""Initial weights: reproducible, different from layer to layer, and all of them tracked."""

import keras
import numpy as np
import pytest
from first_weights import assert_none_alike, kernels

from aae_tf.networks import Decoder, Discriminator, Encoder
from aae_tf.networks.layers import LayerFactory

SHAPE = (8, 8, 1)


def _networks(seed=0, initializer="he_normal", units=(64, 64), dtype="float32"):
    layers = LayerFactory(initializer=initializer, seed=seed, dtype=dtype)
    return (
        Encoder(SHAPE, 64, units, layers, "gaussian"),
        Decoder(SHAPE, 64, units, layers),
        Discriminator(64, units, layers),
    )


def test_same_seed_gives_the_same_weights_whatever_keras_drew():
    first = kernels(_networks(3))
    keras.utils.set_random_seed(99)
    keras.random.normal([7])
    again = kernels(_networks(3))
    assert len(first) == 10
    for key, kernel in first.items():
        np.testing.assert_array_equal(again[key], kernel)


def test_no_two_layers_networks_or_seeds_start_alike():
    found = [*kernels(_networks(0)).values(), *kernels(_networks(1)).values()]
    assert len(found) == 20
    assert_none_alike(found)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_every_layers_weights_are_tracked(depth):
    encoder, decoder, discriminator = _networks(units=(5,) * depth)
    for network, heads in ((encoder, 2), (decoder, 1), (discriminator, 1)):
        assert len(network.variables) == 2 * (depth + heads)
        assert len({variable.path for variable in network.variables}) == 2 * (depth + heads)
        assert network.built
    sizes = [64 * 5 + 5] + [5 * 5 + 5] * (depth - 1) + [2 * (5 * 64 + 64)]
    assert encoder.count_params() == sum(sizes)


@pytest.mark.parametrize(
    "initializer, hidden_sd, output_sd",
    [
        ("normal:0.01", 0.01, 0.01),
        ("normal:0.5", 0.5, 0.5),
        ("he_normal", np.sqrt(2 / 64), np.sqrt(2 / 128)),
        ("glorot_uniform", np.sqrt(2 / 128), np.sqrt(2 / 128)),
    ],
)
def test_weights_have_the_initializers_spread_and_biases_are_0(initializer, hidden_sd, output_sd):
    for network in _networks(initializer=initializer)[:2]:  # all their layers are 64 by 64
        for variable in network.variables:
            value = variable.numpy()
            if variable.name == "bias":
                np.testing.assert_array_equal(value, 0)
            else:
                sd = hidden_sd if "hidden" in variable.path else output_sd
                assert value.std() == pytest.approx(sd, rel=5 / np.sqrt(2 * value.size))
                assert abs(value.mean()) < 5 * sd / np.sqrt(value.size)


@pytest.mark.parametrize(
    "dtype, weights, result",
    [
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("mixed_bfloat16", "float32", "bfloat16"),
        ("mixed_float16", "float32", "float32"),
    ],
)
def test_precision_is_that_of_weights_and_results(dtype, weights, result):
    encoder, decoder, discriminator = _networks(dtype=dtype, units=(5,))
    images = np.random.default_rng(0).random((3, *SHAPE))
    codes = encoder(images, np.ones((3, 64)))
    for tensor in (codes, decoder(codes), discriminator(codes)):
        assert keras.backend.standardize_dtype(tensor.dtype) == result
    for network in (encoder, decoder, discriminator):
        assert {variable.dtype for variable in network.variables} == {weights}
