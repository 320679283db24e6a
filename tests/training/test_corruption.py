"""Noise and dropout on what the encoder sees: in training only, and the same at every replay."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.training.corruption import Corruption

ROOT = seeds.root(3)
IMAGES = tf.random.stateless_uniform([200, 8, 8, 1], [1, 2]) + 0.5


def _seen(corruption, seed=ROOT, kind="images"):
    name = {"images": "inputs", "labelled_images": "labelled_inputs"}[kind]
    return corruption({kind: IMAGES}, seed)[name].numpy()


def test_noise_has_the_sd_that_was_asked_for_and_leaves_the_target_clean():
    batch = Corruption(noise=0.3)({"images": IMAGES}, ROOT)
    drawn = (batch["inputs"] - batch["images"]).numpy()
    np.testing.assert_array_equal(batch["images"], IMAGES)
    assert abs(drawn.mean()) < 5 * 0.3 / np.sqrt(drawn.size)
    assert drawn.std() == pytest.approx(0.3, rel=0.03)


def test_dropout_drops_the_share_asked_for_and_keeps_the_mean():
    seen = _seen(Corruption(dropout=0.2))
    dropped = seen == 0
    assert dropped.mean() == pytest.approx(0.2, abs=0.02)
    np.testing.assert_allclose(seen[~dropped], IMAGES.numpy()[~dropped] / 0.8, rtol=1e-6)


def test_corruption_is_a_function_of_the_seed_and_of_the_kind_of_images():
    corruption = Corruption(noise=0.1, dropout=0.1)
    np.testing.assert_array_equal(_seen(corruption), _seen(corruption))
    assert not np.array_equal(_seen(corruption), _seen(corruption, seeds.root(4)))
    assert not np.array_equal(_seen(corruption), _seen(corruption, kind="labelled_images"))


def test_without_either_the_encoder_sees_the_images():
    np.testing.assert_array_equal(_seen(Corruption()), IMAGES)
    assert set(Corruption()({"images": IMAGES}, ROOT)) == {"images", "inputs"}


def test_noise_on_hidden_layers_is_drawn_for_each_kind_of_images():
    corruption = Corruption(hidden_noise=0.4, hidden_units=30)
    batch = corruption({"images": IMAGES, "labelled_images": IMAGES[:7]}, ROOT)
    np.testing.assert_array_equal(batch["inputs"], IMAGES)
    noise, labelled = batch["hidden_noise"].numpy(), batch["labelled_hidden_noise"].numpy()
    assert noise.shape == (200, 30) and labelled.shape == (7, 30)
    assert abs(noise.mean()) < 5 * 0.4 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(0.4, rel=0.03)
    again = corruption({"images": IMAGES}, ROOT)["hidden_noise"]
    np.testing.assert_array_equal(noise, again)
    assert not np.array_equal(noise, corruption({"images": IMAGES}, seeds.root(4))["hidden_noise"])
    assert not np.array_equal(noise[:7], labelled)


@pytest.mark.parametrize("experiment", ["gaussian", "vae_gaussian", "wae_mmd", "clustering"])
def test_noise_on_hidden_layers_is_for_training_only(experiment):
    plain, noisy = (
        tiny.rig(experiment=experiment, hidden_noise=share, precision="float64")
        for share in (0.0, 0.5)
    )
    batch, quiet = noisy.first_batch(), plain.first_batch()
    np.testing.assert_array_equal(batch["inputs"], quiet["inputs"])
    images = batch["images"]
    np.testing.assert_array_equal(plain.method.encode(images), noisy.method.encode(images))
    first, other = noisy.phases[0], plain.phases[0]
    draws = first.draws(ROOT, len(images))
    loss = first.loss(batch, draws).per_example
    assert np.abs(loss - other.loss(quiet, draws).per_example).max() > 1e-3
    silent = {**batch, "hidden_noise": tf.zeros_like(batch["hidden_noise"])}
    np.testing.assert_allclose(
        first.loss(silent, draws).per_example, other.loss(quiet, draws).per_example, rtol=1e-12
    )


@pytest.mark.parametrize("change", [{"input_noise": 0.5}, {"input_dropout": 0.5}])
def test_evaluation_sees_neither(change):
    plain, corrupted = tiny.rig(), tiny.rig(**change)
    images = plain.first_batch()["images"]
    np.testing.assert_array_equal(plain.method.encode(images), corrupted.method.encode(images))
    seen = corrupted.first_batch()
    assert not np.array_equal(seen["inputs"], seen["images"])


def test_batch_norm_takes_the_minibatchs_moments_in_training_and_its_averages_outside():
    rig = tiny.rig(encoder_batch_norm=True, decoder_batch_norm=True)
    images = rig.first_batch()["images"]
    encoder = rig.method.encoder
    trained = encoder(images, training=True).numpy()
    np.testing.assert_allclose(trained.mean(0), 0, atol=1e-5)  # the code's layer included
    alone, together = rig.method.encode(images[:1]), rig.method.encode(images)[:1]
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-6)
    assert not np.allclose(trained[:1], together)


def test_critics_hold_no_batch_norm():
    rig = tiny.rig(experiment="semi_supervised", num_labels="30", encoder_batch_norm=True)
    for name in ("style_discriminator", "label_discriminator"):
        assert all("norm" not in variable.path for variable in rig.method.networks[name].variables)
    assert any("norm" in variable.path for variable in rig.method.encoder.variables)
    heads = [v.path for v in rig.method.encoder.variables if "category" in v.path]
    assert any("norm" in path for path in heads)


def test_standardised_images_have_mean_0_and_sd_1_and_come_back():
    rig = tiny.rig(standardize=True, output_activation="linear")
    images = tiny.images(64)
    rig.method.adapt(images)
    batch = rig.method.prepare({"images": tf.constant(images / 255, tf.float32)}, ROOT)
    np.testing.assert_allclose(batch["images"].numpy().mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(batch["images"].numpy().std(0), 1, atol=1e-3)
    standardizer = rig.method.networks["standardizer"]
    back = standardizer.inverse(batch["images"])
    np.testing.assert_allclose(back, images / 255, atol=1e-5)
    assert not standardizer.trainable_variables


def test_constant_pixels_stay_finite():
    rig = tiny.rig(standardize=True, output_activation="linear")
    rig.method.adapt(np.zeros((20, 8, 8, 1), np.uint8))
    assert np.isfinite(rig.method.encode(np.ones((2, 8, 8, 1), np.float32)).numpy()).all()
