"""The phases' losses: their values, their signs, and gradients that don't saturate."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

RATES = {f"{phase}_learning_rate": 0.01 for phase in ("discriminator", "generator")}


@pytest.fixture
def rig():
    made = tiny.rig(count=60, batch_size=60, reconstruction_learning_rate=0.01, **RATES)
    # Codes that stand apart from the prior, so that telling them is possible.
    made.method.encoder.code.bias.assign([3.0, -2.0])
    return made


def _logits(rig):
    """Mean logits of the prior's samples and of codes."""
    discriminator, batch = rig.method.discriminator, rig.first_batch()
    samples = rig.method.prior.sample(2000, seed=[1, 2])
    on_prior, on_codes = discriminator(samples), discriminator(rig.method.encode(batch["images"]))
    return float(tf.reduce_mean(on_prior)), float(tf.reduce_mean(on_codes))


def _losses(rig, name):
    note = tiny.Notebook()
    rig.only(name).train(0, 25, 25, [note])
    return note.curve(f"{name}/loss")


def test_discriminator_learns_to_say_yes_to_the_prior_and_no_to_codes(rig):
    prior_before, codes_before = _logits(rig)
    losses = _losses(rig, "discriminator")
    prior_after, codes_after = _logits(rig)
    assert prior_after > prior_before + 0.1
    assert codes_after < codes_before - 0.1
    assert losses[-1] < losses[0] - 0.1


def test_generator_raises_the_logit_of_codes(rig):
    _losses(rig, "discriminator")
    _, before = _logits(rig)
    losses = _losses(rig, "generator")
    _, after = _logits(rig)
    assert after > before + 0.1
    assert losses[-1] < losses[0] - 0.1


def test_reconstruction_lowers_the_error(rig):
    losses = _losses(rig, "reconstruction")
    assert losses[-1] < 0.9 * losses[0]


def test_reconstruction_loss_is_half_the_summed_squared_error(rig):
    batch = rig.first_batch()
    originals = batch["images"].numpy().astype(np.float64)
    rebuilt = rig.method.decode(rig.method.encode(batch["images"])).numpy()
    expected = 0.5 * ((originals - rebuilt) ** 2).sum(axis=(1, 2, 3))
    loss = rig.phase("reconstruction").loss(batch, {})
    np.testing.assert_allclose(loss.per_example, expected, rtol=1e-5)
    assert _losses(rig, "reconstruction")[0] == pytest.approx(expected.mean(), rel=1e-5)


def test_adversarial_losses_are_cross_entropies_of_logits(rig):
    batch, samples = rig.first_batch(), rig.method.prior.sample(60, seed=[3, 4])
    discriminator = rig.method.discriminator
    on_prior = discriminator(samples).numpy().astype(np.float64)
    on_codes = discriminator(rig.method.encode(batch["images"])).numpy().astype(np.float64)

    def sigmoid(logits):
        return 1 / (1 + np.exp(-logits))

    loss = rig.phase("discriminator").loss(batch, {"prior": samples})
    expected = -np.log(sigmoid(on_prior)) - np.log(1 - sigmoid(on_codes))
    np.testing.assert_allclose(loss.per_example, expected, rtol=1e-4)
    np.testing.assert_array_equal(loss.metrics["accuracy_on_prior"], on_prior > 0)
    np.testing.assert_array_equal(loss.metrics["accuracy_on_codes"], on_codes < 0)
    loss = rig.phase("generator").loss(batch, {})
    np.testing.assert_allclose(loss.per_example, -np.log(sigmoid(on_codes)), rtol=1e-4)


@pytest.mark.parametrize("confidence", [30.0, 200.0])
def test_generator_gradient_does_not_vanish_against_a_sure_discriminator(rig, confidence):
    method, batch = rig.method, rig.first_batch()
    method.discriminator.logit.bias.assign([-confidence])
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean(rig.phase("generator").loss(batch, {}).per_example)
        logit = tf.reduce_mean(method.discriminator(method.encode(batch["images"])))
    bias = method.encoder.code.bias.value
    got, pull = tape.gradient(loss, bias), tape.gradient(logit, bias)
    assert np.linalg.norm(pull) > 0.01
    np.testing.assert_allclose(got, -pull, rtol=1e-4)
