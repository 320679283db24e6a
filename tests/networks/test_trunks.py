"""Convolutional encoders and decoders, against scipy's correlations and the paper's shapes."""

import numpy as np
import pytest
from scipy.signal import correlate2d

from aae_tf.networks import CategoricalEncoder, Decoder, Encoder
from aae_tf.networks.layers import LayerFactory
from aae_tf.networks.trunks import Convolutions, most_doublings, starting_size

WIDE = LayerFactory(dtype="float64")
RNG = np.random.default_rng(0)
SHAPES = [(8, 8, 1), (28, 28, 1), (32, 32, 3), (30, 22, 3), (5, 9, 2), (1, 1, 1)]


def _conv(filters, size=4, batch_norm=True):
    return Convolutions(tuple(filters), size, batch_norm)


def _stir(network):
    """Moves every weight and moment off its start, variances staying positive."""
    generator = np.random.default_rng(1)
    for variable in network.variables:
        shift = generator.uniform(0.1, 0.4, variable.shape)
        variable.assign(variable.numpy() + shift)


def _padding(side, size, stride):
    """What SAME adds before and behind."""
    total = max((-(-side // stride) - 1) * stride + size - side, 0)
    return total // 2, total - total // 2


def _convolved(images, kernel, stride):
    """Correlation with zeros around, every stride-th pixel kept."""
    size = kernel.shape[0]
    around = [_padding(side, size, stride) for side in images.shape[1:3]]
    padded = np.pad(images, [(0, 0), *around, (0, 0)])
    found = [
        [
            sum(
                correlate2d(image[..., i], kernel[..., i, o], "valid")
                for i in range(kernel.shape[2])
            )
            for o in range(kernel.shape[3])
        ]
        for image in padded
    ]
    return np.moveaxis(np.array(found), 1, -1)[:, ::stride, ::stride]


def _spread(features, kernel, stride):
    """The transpose of `_convolved`: each pixel puts the filter, times itself, into the result."""
    rows, height, width, _ = features.shape
    size, outputs = kernel.shape[0], kernel.shape[2]
    around = [_padding(side * stride, size, stride) for side in (height, width)]
    sides = [side * stride + sum(more) for side, more in zip((height, width), around, strict=True)]
    found = np.zeros((rows, *sides, outputs))
    for top in range(height):
        for left in range(width):
            patch = np.einsum("ni,hwoi->nhwo", features[:, top, left], kernel)
            y, x = top * stride, left * stride
            found[:, y : y + size, x : x + size] += patch
    (top, _), (left, _) = around
    return found[:, top : top + height * stride, left : left + width * stride]


def _normalized(layer, values, epsilon=1e-5):
    norm = layer.norm
    scaled = (values - norm.moving_mean.numpy()) / np.sqrt(norm.moving_variance.numpy() + epsilon)
    return scaled * norm.gamma.numpy() + norm.beta.numpy()


def _dense(layer, values):
    return values @ layer.kernel.numpy() + layer.bias.numpy()


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 5, 3)])
@pytest.mark.parametrize("size", [4, 5])
def test_encoder_is_convolutions_of_stride_2_then_normalisation_then_relu(shape, size):
    encoder = Encoder(shape, 3, _conv((4, 6), size), WIDE)
    _stir(encoder)
    images = RNG.random((2, *shape))
    features = images
    for layer in (encoder.trunk.down_1, encoder.trunk.down_2):
        made = _convolved(features, layer.linear.kernel.numpy(), 2)
        features = np.maximum(_normalized(layer, made), 0)
    by_hand = _dense(encoder.code, features.reshape(2, -1))
    np.testing.assert_allclose(encoder(images), by_hand, rtol=1e-9)


@pytest.mark.parametrize("size", [4, 5])
def test_decoder_is_a_small_map_doubled_then_pixels_of_stride_1(size):
    decoder = Decoder((8, 12, 2), 3, _conv((5, 4, 3), size), WIDE)
    _stir(decoder)
    codes = RNG.normal(size=(2, 3))
    trunk = decoder.trunk
    features = np.maximum(_dense(trunk.start, codes), 0).reshape(2, 2, 3, 5)
    for layer in (trunk.up_1, trunk.up_2):
        made = _spread(features, layer.linear.kernel.numpy(), 2)
        features = np.maximum(_normalized(layer, made), 0)
    logits = _spread(features, decoder.pixels.kernel.numpy(), 1) + decoder.pixels.bias.numpy()
    np.testing.assert_allclose(decoder(codes), 1 / (1 + np.exp(-logits)), rtol=1e-9)


def test_without_normalisation_layers_have_biases_instead():
    encoder = Encoder((8, 8, 1), 3, _conv((4,), batch_norm=False), WIDE)
    _stir(encoder)
    images, layer = RNG.random((2, 8, 8, 1)), encoder.trunk.down_1
    made = _convolved(images, layer.kernel.numpy(), 2) + layer.bias.numpy()
    by_hand = _dense(encoder.code, np.maximum(made, 0).reshape(2, -1))
    np.testing.assert_allclose(encoder(images), by_hand, rtol=1e-9)
    np.testing.assert_array_equal(encoder(images, training=True), encoder(images))


def test_normalisation_has_the_papers_decay():
    encoder = Encoder((8, 8, 1), 3, _conv((4,)), WIDE)
    images, layer = RNG.random((20, 8, 8, 1)), encoder.trunk.down_1
    made = _convolved(images, layer.linear.kernel.numpy(), 2).reshape(-1, 4)
    encoder(images, training=True)
    np.testing.assert_allclose(layer.norm.moving_mean, 0.1 * made.mean(0), rtol=1e-9)
    np.testing.assert_allclose(layer.norm.moving_variance, 0.9 + 0.1 * made.var(0), rtol=1e-9)


# (image, filters' side, encoder, its maps, decoder, its maps): WAE, MNIST and CelebA.
MNIST = ((28, 28, 1), 4, (128, 256, 512, 1024), (14, 7, 4, 2), (1024, 512, 256), (7, 14, 28))
CELEBA = (
    (64, 64, 3),
    5,
    (128, 256, 512, 1024),
    (32, 16, 8, 4),
    (1024, 512, 256, 128),
    (8, 16, 32, 64),
)


@pytest.mark.parametrize("image, size, filters, sides, _, __", [MNIST, CELEBA])
def test_papers_encoders_halve_to_their_last_map(image, size, filters, sides, _, __):
    encoder = Encoder(image, 8, _conv(filters, size))
    features = np.zeros((1, *image), np.float32)
    for index, (count, side) in enumerate(zip(filters, sides, strict=True), start=1):
        features = getattr(encoder.trunk, f"down_{index}")(features)
        assert features.shape == (1, side, side, count)
    flat = sides[-1] ** 2 * filters[-1]
    steps = zip((image[2], *filters), filters, strict=False)
    kernels = sum(size**2 * before * after for before, after in steps)
    normalisation = 4 * sum(filters)  # gain, shift and two moments
    assert encoder.count_params() == kernels + normalisation + 8 * flat + 8


@pytest.mark.parametrize("image, size, _, __, filters, sides", [MNIST, CELEBA])
def test_papers_decoders_double_from_their_first_map(image, size, _, __, filters, sides):
    decoder = Decoder(image, 8, _conv(filters, size))
    assert decoder.trunk.start.kernel.shape == (8, sides[0] ** 2 * filters[0])
    features = np.zeros((1, sides[0], sides[0], filters[0]), np.float32)
    for index, (count, side) in enumerate(zip(filters[1:], sides[1:], strict=True), start=1):
        features = getattr(decoder.trunk, f"up_{index}")(features)
        assert features.shape == (1, side, side, count)
    assert decoder.pixels(features).shape == (1, *image)
    steps = zip(filters, (*filters[1:], image[2]), strict=True)
    kernels = sum(size**2 * before * after for before, after in steps)
    normalisation = 4 * sum(filters[1:])
    first = 9 * sides[0] ** 2 * filters[0]
    assert decoder.count_params() == first + kernels + normalisation + image[2]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_images_of_any_size_and_number_go_in_and_come_out(shape, rows):
    hidden = _conv((4, 4, 2))
    images = RNG.random((rows, *shape)).astype(np.float32)
    logits, codes = CategoricalEncoder(5, shape, 3, hidden)(images)
    assert logits.shape == (rows, 5) and codes.shape == (rows, 3)
    decoder = Decoder(shape, 3, _conv((4, 3)[: 1 + most_doublings(shape)]))
    assert decoder(codes).shape == (rows, *shape)


def test_border_is_cut_off_all_around():
    """A decoder of 30 x 22 is the middle of the one of 32 x 24 that has its weights."""
    hidden = _conv((6, 5, 4, 3))
    cut, whole = Decoder((30, 22, 3), 2, hidden, WIDE), Decoder((32, 24, 3), 2, hidden, WIDE)
    codes = RNG.normal(size=(2, 2))
    np.testing.assert_array_equal(cut(codes), whole(codes).numpy()[:, 1:31, 1:23])


def test_starting_size_is_the_least_that_covers_the_image():
    for side in range(1, 70):
        for doublings in range(8):
            start = starting_size(side, doublings)
            assert start * 2**doublings >= side > (start - 1) * 2**doublings


def test_no_pixel_is_doubled_beyond_the_image():
    found = [most_doublings((side, 1, 3)) for side in (1, 2, 3, 4, 5, 8, 9, 28, 64, 65)]
    assert found == [0, 1, 2, 2, 3, 3, 4, 5, 6, 7]
    assert most_doublings((3, 64, 1)) == 6
    Decoder((3, 5, 1), 2, _conv((2, 2, 2, 2)))
    with pytest.raises(ValueError, match=r"takes at most 3 doublings\. Received: filters=\(2, 2"):
        Decoder((3, 5, 1), 2, _conv((2, 2, 2, 2, 2)))


def _implicit():
    encoder = Encoder((8, 6, 2), 3, _conv((4, 6)), WIDE, "implicit", implicit_noise_dim=5)
    _stir(encoder)
    return encoder, RNG.random((2, 8, 6, 2)), RNG.normal(size=(2, 5))


def test_noise_is_one_more_channel_of_the_image():
    encoder, images, noise = _implicit()
    trunk = encoder.trunk
    plane = _dense(trunk.noise_channel, noise).reshape(2, 8, 6, 1)
    features = np.concatenate([images, plane], -1)
    for layer in (trunk.down_1, trunk.down_2):
        made = _convolved(features, layer.linear.kernel.numpy(), 2)
        features = np.maximum(_normalized(layer, made), 0)
    by_hand = _dense(encoder.code, features.reshape(2, -1))
    np.testing.assert_allclose(encoder(images, noise), by_hand, rtol=1e-9)
    assert np.abs(encoder(images, noise) - encoder(images)).min() > 0


def test_implicit_code_without_noise_is_the_one_at_noise_0():
    encoder, images, noise = _implicit()
    np.testing.assert_array_equal(encoder(images), encoder(images, 0 * noise))


def test_gaussian_code_is_mean_plus_sd_times_noise():
    encoder = Encoder((8, 8, 1), 3, _conv((4, 6)), WIDE, "gaussian")
    images, noise = RNG.random((2, 8, 8, 1)), RNG.normal(size=(2, 3))
    mean, log_variance = (np.asarray(moment) for moment in encoder.moments(images))
    np.testing.assert_allclose(encoder(images, noise), mean + np.exp(log_variance / 2) * noise)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_networks_own_batch_norm_is_that_of_their_heads(batch_norm):
    hidden = _conv((3, 2), batch_norm=not batch_norm)
    encoder = CategoricalEncoder(4, (4, 4, 1), 2, hidden, batch_norm=batch_norm)
    decoder = Decoder((4, 4, 1), 2, hidden, batch_norm=batch_norm)
    heads = (encoder.code, encoder.category, decoder.pixels)
    hidden_layers = (encoder.trunk.down_1, encoder.trunk.down_2, decoder.trunk.up_1)
    assert {hasattr(layer, "norm") for layer in heads} == {batch_norm}
    assert {hasattr(layer, "norm") for layer in hidden_layers} == {not batch_norm}
    assert not hasattr(decoder.trunk.start, "norm")
