"""The regularised autoencoder: its loss by hand, and gradients of gradients by differences."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.methods.rae import gradient_penalty

pytestmark = pytest.mark.slow

SMOOTH = {"precision": "float64", "activation": "tanh", "latent_dim": 3}
WEIGHTS = {"latent_weight": 0.3, "decoder_penalty_weight": 0.7}


def _rig(xla=False, **changes):
    return tiny.rig(xla=xla, experiment="rae", **{**SMOOTH, **WEIGHTS, **changes})


def _loss(rig, number=0):
    phase = rig.phase("reconstruction")
    return phase.loss(rig.first_batch(), phase.draws(seeds.fold(rig.root, number), 10))


def _jacobians(method, codes):
    """Of each code's image by the code, `(batch, pixels, latent_dim)`."""
    with tf.GradientTape() as tape:
        tape.watch(codes)
        images = tf.reshape(method.decode(codes), [len(codes), -1])
    return tape.batch_jacobian(images, codes).numpy()


@pytest.mark.parametrize("penalty", ["gradient", "l2"])
def test_loss_is_the_squared_error_and_both_penalties_by_their_weights(penalty):
    rig = _rig(decoder_penalty=penalty)
    loss, method = _loss(rig), rig.method
    images = rig.first_batch()["images"]
    codes = method.encode(images).numpy()
    error = ((images - method.decode(codes)) ** 2).numpy().sum((1, 2, 3))
    np.testing.assert_allclose(loss.metrics["error"], error, rtol=1e-12)
    np.testing.assert_allclose(loss.metrics["half_squared_code"], (codes**2).sum(1) / 2)
    if penalty == "l2":
        squares = sum((weight.numpy() ** 2).sum() for weight in method.decoder.weights)
        np.testing.assert_allclose(loss.metrics["decoder_penalty"], [squares] * 10, rtol=1e-12)
    total = error + 0.3 * (codes**2).sum(1) / 2 + 0.7 * loss.metrics["decoder_penalty"]
    np.testing.assert_allclose(loss.per_example, total, rtol=1e-12)


def test_gradient_penalty_is_the_projected_jacobian_and_on_average_its_squared_norm():
    rig = _rig()
    method, count = rig.method, 3000
    codes = method.encode(rig.first_batch()["images"])
    jacobians = _jacobians(method, codes)
    probes = rig.phase("reconstruction").draws(rig.root, 10)["probes"]
    assert set(np.unique(probes)) == {-1, 1} and abs(probes.numpy().mean()) < 0.1
    _, found = gradient_penalty(method.decode, codes, probes)
    flat = probes.numpy().reshape(10, -1)
    projected = np.einsum("np,npd->nd", flat, jacobians)
    np.testing.assert_allclose(found, (projected**2).sum(1), rtol=1e-9)

    drawn = rig.phase("reconstruction").draws(rig.root, count)["probes"]
    _, many = gradient_penalty(method.decode, tf.repeat(codes[:1], count, 0), drawn)
    expected = (jacobians[0] ** 2).sum()
    error = many.numpy().std() / np.sqrt(count)
    assert many.numpy().mean() == pytest.approx(expected, abs=4 * error)
    assert error < 0.05 * expected


@pytest.mark.parametrize("penalty", ["gradient", "l2"])
@pytest.mark.parametrize(
    "changes",
    [{}, {"decoder_batch_norm": True}, {"network": "conv"}],
    ids=["dense", "batch_norm", "conv"],
)
def test_gradients_are_those_of_finite_differences(penalty, changes):
    rig = _rig(decoder_penalty=penalty, **changes)
    variables = [v for v in rig.phase("reconstruction").variables]
    random = np.random.default_rng(0)
    directions = [random.normal(size=variable.shape) for variable in variables]
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(_loss(rig).per_example)
    gradients = tape.gradient(value, [variable.value for variable in variables])
    slope = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, directions, strict=True))

    def moved_by(step):
        for variable, direction in zip(variables, directions, strict=True):
            variable.assign(variable + step * direction)
        loss = float(tf.reduce_mean(_loss(rig).per_example))
        for variable, direction in zip(variables, directions, strict=True):
            variable.assign(variable - step * direction)
        return loss

    step = 1e-6
    expected = (moved_by(step) - moved_by(-step)) / (2 * step)
    assert abs(expected) > 0.1
    assert slope == pytest.approx(expected, rel=1e-5)


def test_the_penalty_alone_moves_encoder_and_decoder():
    rig = _rig(latent_weight=0.0)
    variables = [variable.value for variable in rig.phase("reconstruction").variables]
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(_loss(rig).metrics["decoder_penalty"])
    gradients = tape.gradient(value, variables)
    names = [variable.path for variable in rig.phase("reconstruction").variables]
    for name, gradient in zip(names, gradients, strict=True):
        assert gradient is not None and np.abs(gradient.numpy()).max() > 0, name


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "conv"])
def test_steps_are_the_same_under_xla(network):
    ends = []
    for xla in (False, True):
        rig = _rig(xla, network=network, latent_weight=0.1, decoder_batch_norm=True)
        rig.trainer.train(0, 6, 3)
        ends.append({name: value.numpy() for name, value in rig.variables.items()})
    for name, value in ends[0].items():
        np.testing.assert_allclose(ends[1][name], value, rtol=1e-7, atol=1e-9, err_msg=name)


def test_each_step_probes_other_directions_and_a_step_always_the_same():
    rig = _rig()
    draw = rig.phase("reconstruction").draws
    first, again, later = (draw(seeds.fold(rig.root, n), 10)["probes"].numpy() for n in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert 0.3 < np.mean(first != later) < 0.7


@pytest.mark.parametrize("changes", [{"decoder_penalty": "l2"}, {"decoder_penalty_weight": 0.0}])
def test_without_the_penalty_nothing_is_drawn(changes):
    rig = _rig(**changes)
    assert rig.phase("reconstruction").draws(rig.root, 10) == {}
    _loss(rig)


@pytest.mark.slow
def test_heavier_penalties_end_with_a_smoother_decoder_and_smaller_codes():
    norms, sizes = [], []
    for weight in (0.0, 0.5):
        rig = _rig(decoder_penalty_weight=weight, latent_weight=weight, epochs=8)
        rig.trainer.train(0, 48, 6)
        codes = rig.method.encode(rig.first_batch()["images"])
        norms.append((_jacobians(rig.method, codes) ** 2).sum((1, 2)).mean())
        sizes.append((codes.numpy() ** 2).sum(1).mean())
    assert norms[1] < 0.8 * norms[0]
    assert sizes[1] < 0.8 * sizes[0]
