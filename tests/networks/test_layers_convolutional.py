"""Convolutions' first weights: seeded by name, of the initializer's spread, and all tracked."""

import keras
import numpy as np
import pytest
from first_weights import assert_none_alike, kernels

from aae_tf.networks import Decoder, Encoder
from aae_tf.networks.layers import LayerFactory
from aae_tf.networks.trunks import Convolutions

SHAPE = (8, 8, 16)


def _networks(seed=0, initializer="he_normal", dtype="float32", batch_norm=True):
    layers = LayerFactory(initializer=initializer, seed=seed, dtype=dtype)
    encoder = Convolutions((16, 16), 4, batch_norm)
    decoder = Convolutions((16, 16, 16), 4, batch_norm)
    return (
        Encoder(SHAPE, 8, encoder, layers, "implicit", implicit_noise_dim=4),
        Decoder(SHAPE, 8, decoder, layers),
    )


def test_same_seed_gives_the_same_weights_in_whatever_order_networks_are_made():
    first = kernels(_networks(3))
    keras.utils.set_random_seed(99)
    Decoder(SHAPE, 8, Convolutions((5, 3)))
    again = kernels(reversed(_networks(3)))
    assert len(first) == 4 + 4
    for key, kernel in first.items():
        np.testing.assert_array_equal(again[key], kernel)


def test_no_two_layers_networks_or_seeds_start_alike():
    found = [*kernels(_networks(0)).values(), *kernels(_networks(1)).values()]
    assert_none_alike(found)


# What a pixel of the result sees: all of a filter, but of a doubling only every second row and
# column.
SEEN = {"down_2": 16 * 16, "up_1": 4 * 16, "up_2": 4 * 16}


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("initializer", ["normal:0.01", "he_normal", "glorot_uniform"])
def test_weights_have_the_initializers_spread(initializer, batch_norm):
    found = kernels(_networks(initializer=initializer, batch_norm=batch_norm))
    glorot = np.sqrt(2 / (2 * 16 * 16))
    checked = 0
    for (_, path), kernel in found.items():
        (name,) = {*SEEN, "pixels"} & {*path.split("/")} or {""}
        if not name:
            continue
        sd = {"normal:0.01": 0.01, "glorot_uniform": glorot}.get(initializer)
        if sd is None:
            sd = np.sqrt(2 / SEEN[name]) if name in SEEN else glorot
        assert kernel.std() == pytest.approx(sd, rel=5 / np.sqrt(2 * kernel.size)), path
        assert abs(kernel.mean()) < 5 * sd / np.sqrt(kernel.size)
        checked += 1
    assert checked == 4


def test_he_initialisation_keeps_the_spread_of_features_through_doublings():
    hidden = Convolutions((64, 48, 40, 32), 4, batch_norm=False)
    decoder = Decoder((64, 64, 1), 32, hidden)
    features = decoder.trunk(np.random.default_rng(0).normal(size=(8, 32)).astype(np.float32))
    middle = features.numpy()[:, 16:48, 16:48]  # filters reach beyond the image at its border
    assert 0.6 < np.mean(middle**2) < 1.6


def test_every_weight_is_tracked_under_a_name_of_its_own():
    normalised, plain = _networks(), _networks(batch_norm=False)
    # Encoder: noise channel, two convolutions, code. Decoder: start, two doublings, pixels.
    assert [len(network.variables) for network in normalised] == [4 + 2 * 5, 4 + 2 * 5]
    assert [len(network.variables) for network in plain] == [2 * 4, 2 * 4]
    for network in (*normalised, *plain):
        assert len({variable.path for variable in network.variables}) == len(network.variables)
        assert network.built


@pytest.mark.slow
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
    encoder, decoder = _networks(dtype=dtype)
    images = np.random.default_rng(0).random((3, *SHAPE))
    codes = encoder(images, np.ones((3, 4)), training=True)
    for tensor in (codes, decoder(codes, training=True)):
        assert keras.backend.standardize_dtype(tensor.dtype) == result
        assert np.isfinite(np.asarray(tensor, np.float64)).all()
    for network in (encoder, decoder):
        assert {variable.dtype for variable in network.variables} == {weights}
