"""The encoder's kinds: shapes, noise, moments and refusals."""

import keras
import numpy as np
import pytest

from aae_tf.networks import Encoder
from aae_tf.networks.encoder import KINDS
from aae_tf.networks.layers import LayerFactory

IMAGE_SHAPE = (4, 3, 2)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((5, *IMAGE_SHAPE), np.float32)


def _encoder(kind, latent_dim=3, **more):
    return Encoder(IMAGE_SHAPE, latent_dim, (16, 8), LayerFactory(), kind, **more)


def _noise(encoder, rows=5, seed=1):
    drawn = np.random.default_rng(seed).normal(size=(rows, encoder.noise_dim))
    return drawn.astype(np.float32)


def _relu_layer(layer, inputs):
    return np.maximum(inputs @ layer.kernel.numpy() + layer.bias.numpy(), 0)


def _features_by_hand(encoder, inputs):
    return _relu_layer(encoder.trunk.hidden_2, _relu_layer(encoder.trunk.hidden_1, inputs))


def _head(layer, features):
    return features @ layer.kernel.numpy() + layer.bias.numpy()


@pytest.mark.parametrize("kind, noise_dim", [*zip(KINDS, (0, 3, 3, 4), strict=True)])
def test_codes_have_the_latent_size_and_noise_has_its_kinds(kind, noise_dim):
    encoder = _encoder(kind, implicit_noise_dim=4)
    assert encoder.noise_dim == noise_dim
    assert encoder.is_random == (noise_dim > 0)
    assert encoder(IMAGES).shape == (5, 3)
    assert encoder(IMAGES[:1], _noise(encoder, 1)).shape == (1, 3)
    assert encoder(IMAGES[:0]).shape == (0, 3)


def test_deterministic_code_is_a_dense_network_of_the_image():
    encoder = _encoder("deterministic")
    by_hand = _head(encoder.code, _features_by_hand(encoder, IMAGES.reshape(5, -1)))
    np.testing.assert_allclose(encoder(IMAGES), by_hand, rtol=1e-4, atol=1e-6)


def test_gaussian_code_is_mean_plus_sd_times_noise():
    encoder = _encoder("gaussian")
    noise = _noise(encoder)
    features = _features_by_hand(encoder, IMAGES.reshape(5, -1))
    mean, log_variance = _head(encoder.code, features), _head(encoder.log_variance, features)
    assert np.abs(log_variance).max() > 0.1
    np.testing.assert_allclose(encoder.moments(IMAGES)[0], mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(encoder.moments(IMAGES)[1], log_variance, rtol=1e-4, atol=1e-6)
    by_hand = mean + np.exp(log_variance / 2) * noise
    np.testing.assert_allclose(encoder(IMAGES, noise), by_hand, rtol=1e-4, atol=1e-6)


def test_gaussian_code_without_noise_is_the_mean():
    encoder = _encoder("gaussian")
    np.testing.assert_array_equal(encoder(IMAGES), encoder.moments(IMAGES)[0])


def test_isotropic_code_is_mean_plus_the_same_sd_times_noise_for_all_images():
    encoder = _encoder("isotropic", noise_sd=0.7)
    noise = _noise(encoder)
    mean = _head(encoder.code, _features_by_hand(encoder, IMAGES.reshape(5, -1)))
    np.testing.assert_allclose(encoder(IMAGES), mean, rtol=1e-4, atol=1e-6)
    by_hand = mean + 0.7 * noise
    np.testing.assert_allclose(encoder(IMAGES, noise), by_hand, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("bias, clipped", [(-1000.0, -50.0), (1000.0, 50.0)])
def test_log_variance_is_clipped_so_that_codes_and_gradients_stay_finite(bias, clipped):
    import tensorflow as tf

    encoder = _encoder("gaussian")
    encoder.log_variance.bias.assign([bias] * 3)
    np.testing.assert_array_equal(encoder.moments(IMAGES)[1], np.full((5, 3), clipped, np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(encoder(IMAGES, _noise(encoder)))
    assert np.isfinite(loss)
    variables = [variable.value for variable in encoder.trainable_variables]
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_implicit_code_is_a_network_of_image_and_noise():
    encoder = _encoder("implicit", implicit_noise_dim=4)
    noise = _noise(encoder)
    inputs = np.concatenate([IMAGES.reshape(5, -1), noise], 1)
    by_hand = _head(encoder.code, _features_by_hand(encoder, inputs))
    np.testing.assert_allclose(encoder(IMAGES, noise), by_hand, rtol=1e-4, atol=1e-6)
    assert np.abs(encoder(IMAGES, noise) - encoder(IMAGES)).min() > 0


def test_implicit_code_without_noise_is_the_one_at_noise_0():
    encoder = _encoder("implicit")
    np.testing.assert_array_equal(encoder(IMAGES), encoder(IMAGES, 0 * _noise(encoder)))


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_is_deterministic_whatever_was_drawn_before(kind):
    encoder = _encoder(kind)
    first = encoder(IMAGES, training=False)
    encoder(IMAGES, _noise(encoder), training=True)
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(encoder(IMAGES, training=False), first)
    np.testing.assert_array_equal(encoder(IMAGES), first)


@pytest.mark.parametrize("kind", ["deterministic", "implicit"])
def test_softmax_codes_are_probabilities(kind):
    codes = _encoder(kind, code_activation="softmax")(IMAGES).numpy()
    np.testing.assert_allclose(codes.sum(1), 1, rtol=1e-6)
    assert codes.min() > 0


def test_other_kinds_are_refused():
    with pytest.raises(ValueError, match=r"kind must be one of .* Received: kind='stochastic'"):
        _encoder("stochastic")


@pytest.mark.parametrize("kind", ["gaussian", "isotropic"])
def test_gaussian_codes_with_a_softmax_are_refused(kind):
    with pytest.raises(ValueError, match=r"is linear\. Received: code_activation='softmax'"):
        _encoder(kind, code_activation="softmax")


@pytest.mark.parametrize("kind", ["deterministic", "isotropic", "implicit"])
def test_only_gaussian_encoders_have_moments(kind):
    with pytest.raises(ValueError, match=f"a {kind} encoder has no moments"):
        _encoder(kind).moments(IMAGES)


@pytest.mark.parametrize("kind", ["deterministic", "implicit"])
def test_hidden_noise_is_added_to_what_the_hidden_layers_give(kind):
    encoder = _encoder(kind)
    hidden = np.random.default_rng(2).normal(size=(5, 24)).astype(np.float32)
    noise = _noise(encoder) if encoder.noise_dim else None
    inputs = IMAGES.reshape(5, -1)
    if noise is not None:
        inputs = np.concatenate([inputs, noise], 1)
    first = _relu_layer(encoder.trunk.hidden_1, inputs) + hidden[:, :16]
    second = _relu_layer(encoder.trunk.hidden_2, first) + hidden[:, 16:]
    found = encoder(IMAGES, noise, hidden_noise=hidden)
    np.testing.assert_allclose(found, _head(encoder.code, second), rtol=1e-4, atol=1e-5)
