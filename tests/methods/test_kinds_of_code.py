"""Encoders of every kind train, and a categorical prior has codes on the simplex."""

import numpy as np
import pytest
import tiny


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gaussian", "isotropic", "implicit"])
def test_random_encoder_trains(kind):
    rig = tiny.rig(encoder=kind, reconstruction_learning_rate=0.01)
    note = tiny.Notebook()
    rig.trainer.train(0, 60, 6, [note])
    losses = note.curve("reconstruction/loss")
    assert losses[-6:].mean() < 0.9 * losses[:6].mean()
    assert all(np.isfinite(note.curve(key)).all() for key in note.reports[0].values)


def test_gaussian_encoder_keeps_a_spread_that_is_its_own():
    method = tiny.method(encoder="gaussian")
    images = tiny.images(5).astype(np.float32) / 255
    noise = np.ones((5, 2), np.float32)
    mean, log_variance = method.encoder.moments(images)
    np.testing.assert_array_equal(method.encode(images), mean)
    expected = mean + np.exp(0.5 * np.asarray(log_variance))
    np.testing.assert_allclose(method.encode(images, noise), expected, rtol=1e-5)


def test_isotropic_encoder_has_its_sd_in_units_of_the_priors():
    method = tiny.method(encoder="isotropic", encoder_noise_sd=0.5, prior_scale=4.0)
    images = tiny.images(5).astype(np.float32) / 255
    spread = method.encode(images, np.ones((5, 2), np.float32)) - method.encode(images)
    np.testing.assert_allclose(spread, 2.0, rtol=0.03)  # the prior's sd is estimated


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["deterministic", "implicit"])
@tiny.eagerly()
def test_categorical_codes_are_softmax_probabilities(kind):
    rig = tiny.rig(prior="categorical", latent_dim=4, encoder=kind)
    rig.trainer.train(0, 6, 6)
    codes = rig.method.encode(rig.first_batch()["images"]).numpy()
    assert codes.shape == (10, 4)
    assert (codes > 0).all()
    np.testing.assert_allclose(codes.sum(1), 1, rtol=1e-5)
    assert codes.std(0).max() > 0
    assert rig.method.decode(codes).shape == (10, 8, 8, 1)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "mixed_bfloat16", "mixed_float16"])
@tiny.eagerly()
def test_precisions_train_and_keep_their_types(precision):
    rig = tiny.rig(precision=precision)
    note = tiny.Notebook()
    rig.trainer.train(0, 6, 6, [note])
    wanted = "float64" if precision == "float64" else "float32"
    assert {variable.dtype for variable in rig.method.encoder.variables} == {wanted}
    codes = rig.method.encode(rig.first_batch()["images"])
    assert codes.dtype.name == rig.method.decode(codes).dtype.name == wanted
    assert all(np.isfinite(note.curve(key)).all() for key in note.reports[0].values)
