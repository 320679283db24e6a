"""The decoder and the discriminator, against plain numpy."""

import keras
import numpy as np
import pytest

from aae_tf.networks import Decoder, Discriminator
from aae_tf.networks.layers import LayerFactory

CODES = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def _dense(layer, inputs):
    return inputs @ layer.kernel.numpy() + layer.bias.numpy()


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_decoder_is_a_dense_network_with_a_sigmoid(activation):
    decoder = Decoder((4, 3, 2), 2, (16, 8), LayerFactory(activation=activation))
    act = ACTIVATIONS[activation]
    hidden = act(_dense(decoder.trunk.hidden_2, act(_dense(decoder.trunk.hidden_1, CODES))))
    by_hand = _sigmoid(_dense(decoder.pixels, hidden)).reshape(6, 4, 3, 2)
    np.testing.assert_allclose(decoder(CODES), by_hand, rtol=1e-4, atol=1e-6)


def test_linear_decoder_reaches_beyond_intensities():
    decoder = Decoder((4, 4, 1), 2, (8,), output_activation="linear")
    by_hand = _dense(decoder.pixels, np.maximum(_dense(decoder.trunk.hidden_1, 50 * CODES), 0))
    images = decoder(50 * CODES).numpy()
    np.testing.assert_allclose(images.reshape(6, -1), by_hand, rtol=1e-4, atol=1e-3)
    assert images.min() < 0 and images.max() > 1


@pytest.mark.parametrize("rows", [0, 1, 6])
def test_any_number_of_codes_is_decoded(rows):
    assert Decoder((4, 3, 2), 2, (8,))(CODES[:rows]).shape == (rows, 4, 3, 2)
    assert Discriminator(2, (8,))(CODES[:rows]).shape == (rows,)


def test_discriminator_gives_the_logit_itself():
    discriminator = Discriminator(2, (16, 8))
    discriminator.logit.bias.assign([-30.0])
    relu = ACTIVATIONS["relu"]
    trunk = discriminator.trunk
    hidden = relu(_dense(trunk.hidden_2, relu(_dense(trunk.hidden_1, CODES))))
    by_hand = _dense(discriminator.logit, hidden)[:, 0]
    assert by_hand.max() < -1
    np.testing.assert_allclose(discriminator(CODES), by_hand, rtol=1e-4)


def test_no_network_behaves_otherwise_in_training():
    for network in (Decoder((4, 4, 1), 2, (8,)), Discriminator(2, (8,))):
        np.testing.assert_array_equal(network(CODES, training=True), network(CODES, training=False))
        kinds = {type(layer) for layer in network._flatten_layers(include_self=False)}
        assert keras.layers.Dense in kinds
        assert not kinds & {keras.layers.BatchNormalization, keras.layers.Dropout}
        assert len(network.non_trainable_variables) == 0
