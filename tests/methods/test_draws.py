"""Randomness of training: drawn anew at each step, and in training alone."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.evaluation import Evaluator

SEED = seeds.root(3)


def _draws(rig, name, seed=SEED, count=4000):
    return {key: value.numpy() for key, value in rig.phase(name).draws(seed, count).items()}


@pytest.fixture(scope="module")
def noisy():
    return tiny.rig(discriminator_noise=0.5, prior_scale=2.0)


@pytest.fixture(scope="module")
def quiet():
    return tiny.rig(discriminator_noise=0.0, prior_scale=2.0)


def test_noise_is_in_units_of_the_priors_sd(noisy):
    drawn = _draws(noisy, "discriminator")
    assert drawn["code_noise"].shape == drawn["prior_noise"].shape == (4000, 2)
    for key in ("code_noise", "prior_noise"):
        assert drawn[key].std() == pytest.approx(0.5 * 2.0, rel=0.05)
        assert abs(drawn[key].mean()) < 0.05
    assert drawn["prior"].std() == pytest.approx(2.0, rel=0.05)
    assert abs(np.corrcoef(drawn["code_noise"][:, 0], drawn["prior_noise"][:, 0])[0, 1]) < 0.1


def test_only_the_adversarial_phases_draw_noise(noisy, quiet):
    assert _draws(noisy, "reconstruction") == {}
    assert set(_draws(noisy, "discriminator")) == {"prior", "prior_noise", "code_noise"}
    assert set(_draws(noisy, "generator")) == {"code_noise"}
    assert set(_draws(quiet, "discriminator")) == {"prior"}
    assert _draws(quiet, "generator") == {}


def test_noise_reaches_the_discriminators_input(noisy):
    batch = noisy.first_batch()
    drawn = noisy.phase("discriminator").draws(SEED, 10)
    loss = noisy.phase("discriminator").loss(batch, drawn).per_example
    codes = noisy.method.encode(batch["images"]) + drawn["code_noise"]
    positives = noisy.method.discriminator(drawn["prior"] + drawn["prior_noise"])
    negatives = noisy.method.discriminator(codes)
    expected = tf.nn.softplus(-positives) + tf.nn.softplus(negatives)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    drawn = noisy.phase("generator").draws(SEED, 10)
    loss = noisy.phase("generator").loss(batch, drawn).per_example
    logits = noisy.method.discriminator(noisy.method.encode(batch["images"]) + drawn["code_noise"])
    np.testing.assert_allclose(loss, tf.nn.softplus(-logits), rtol=1e-6)


@tiny.eagerly()
def test_noise_changes_training_but_no_code_image_or_figure(noisy, quiet):
    noisy.reset(), quiet.reset()
    images = noisy.first_batch()["images"]
    codes, twice = noisy.method.encode(images), noisy.method.encode(images)
    np.testing.assert_array_equal(codes, twice)
    np.testing.assert_array_equal(codes, quiet.method.encode(images))
    np.testing.assert_array_equal(noisy.method.decode(codes), quiet.method.decode(codes))
    found = [Evaluator(rig.method, rig.root).evaluate(tiny.split(30)) for rig in (noisy, quiet)]
    assert found[0] == found[1]
    losses = []
    for rig in (noisy, quiet):
        note = tiny.Notebook()
        rig.only("discriminator").train(0, 1, 1, [note])
        losses.append(note.curve("discriminator/loss")[0])
    assert losses[0] != losses[1]


def test_every_step_draws_anew_and_a_step_always_alike(noisy):
    first, again, later = (
        _draws(noisy, "discriminator", seeds.fold(SEED, "step", step)) for step in (0, 0, 1)
    )
    for key in first:
        np.testing.assert_array_equal(first[key], again[key])
        assert (first[key] != later[key]).all()


@pytest.mark.parametrize(("kind", "size"), [("gaussian", 2), ("isotropic", 2), ("implicit", 7)])
def test_random_encoder_is_random_in_every_phase_and_still_in_encode(kind, size):
    rig = tiny.rig(encoder=kind, encoder_noise_dim=7)
    batch = rig.first_batch()
    codes = rig.method.encode(batch["images"])
    np.testing.assert_array_equal(codes, rig.method.encode(batch["images"]))
    for phase in rig.phases:
        losses = []
        for step in (0, 1):
            drawn = dict(phase.draws(seeds.fold(SEED, step), 10))
            assert drawn["encoder"].shape == (10, size)
            drawn["prior"] = tf.zeros((10, 2))
            losses.append(phase.loss(batch, drawn).per_example.numpy())
        assert (losses[0] != losses[1]).all()
