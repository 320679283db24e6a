"""The variational auto-encoder: its bound, and what it asks of a prior."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.errors import SettingsError
from aae_tf.evaluation import Evaluator
from aae_tf.objectives import reconstruction


def _loss(**changes):
    rig = tiny.rig(experiment="vae_gaussian", **changes)
    batch, drawn = rig.first_batch(), rig.phase("elbo").draws(rig.root, 10)
    return rig, batch, drawn, rig.phase("elbo").loss(batch, drawn)


def test_loss_is_distortion_plus_beta_times_the_divergence_of_each_image():
    rig, batch, drawn, loss = _loss(beta=3.0)
    mean, log_variance = rig.method.encoder.moments(batch["images"])
    divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).numpy().sum(1)
    codes = mean + tf.exp(0.5 * log_variance) * drawn["encoder"]
    chance = rig.method.decode(codes).numpy().astype(np.float64)
    images = batch["images"].numpy()
    distortion = -(images * np.log(chance) + (1 - images) * np.log(1 - chance)).sum((1, 2, 3))
    np.testing.assert_allclose(loss.metrics["kl"], divergence, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(loss.metrics["distortion"], distortion, rtol=1e-4)
    np.testing.assert_allclose(loss.per_example, distortion + 3.0 * divergence, rtol=1e-4)


def test_gaussian_decoder_has_the_variance_that_is_set():
    rig, batch, drawn, loss = _loss(likelihood="gaussian", decoder_variance=0.3)
    codes = rig.method.encode(batch["images"], drawn["encoder"])
    means = rig.method.decode(codes)
    expected = -reconstruction.gaussian_log_likelihood(batch["images"], means, 0.3)
    np.testing.assert_allclose(loss.metrics["distortion"], expected, rtol=1e-5)


def test_divergence_from_a_mixture_is_estimated_at_the_draw():
    rig = tiny.rig(experiment="vae_mixture")
    batch, drawn = rig.first_batch(), rig.phase("elbo").draws(rig.root, 10)
    loss = rig.phase("elbo").loss(batch, drawn)
    mean, log_variance = rig.method.encoder.moments(batch["images"])
    codes = rig.method.encode(batch["images"], drawn["encoder"])
    expected = reconstruction.kl_monte_carlo(mean, log_variance, codes, rig.method.prior)
    np.testing.assert_allclose(loss.metrics["kl"], expected, rtol=1e-4, atol=1e-5)


@tiny.eagerly()
def test_training_moves_every_weight_of_encoder_and_decoder():
    rig = tiny.rig(experiment="vae_gaussian")
    before = rig.weights()
    rig.trainer.train(0, 3, 3)
    for network, weights in rig.weights().items():
        for path, value in weights.items():
            assert (value != before[network][path]).any(), path


def test_held_out_bound_is_the_phases_on_the_same_images():
    rig = tiny.rig(experiment="vae_gaussian")
    split = tiny.split(30)
    found = Evaluator(rig.method, rig.root).evaluate(split)
    assert {"elbo", "kl", "reconstruction_error", "sliced_wasserstein"} <= set(found)
    mean, log_variance = rig.method.encoder.moments(split.intensities())
    divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).numpy().sum(1)
    assert found["kl"] == pytest.approx(divergence.mean(), rel=1e-4)
    assert found["elbo"] < -found["kl"]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"encoder": "deterministic"}, "--encoder=deterministic: expected gaussian, whose q(z|x)"),
        ({"prior": "uniform"}, "--prior=uniform: expected a prior with a density on the whole"),
        ({"prior": "sphere"}, "--prior=sphere: expected a prior with a density"),
        (
            {"prior": "swiss_roll", "prior_thickness": 0.0},
            "--prior_thickness=0.0: expected above 0",
        ),
        ({"output_activation": "linear"}, "--output_activation=linear: expected sigmoid with"),
    ],
)
def test_what_a_vae_cannot_use_is_refused(changes, message):
    with pytest.raises(SettingsError) as refused:
        tiny.settings("vae_gaussian", **changes)
    assert str(refused.value).startswith(message)


def test_a_users_prior_without_a_density_is_refused(tmp_path, monkeypatch):
    (tmp_path / "bare.py").write_text(
        "import tensorflow as tf\n"
        "class Bare:\n"
        "    def __init__(self, dim): self.dim = dim\n"
        "    def sample(self, shape, seed):\n"
        "        return tf.random.stateless_normal([*shape, self.dim], seed)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SettingsError, match="--prior=bare:Bare: expected a prior with log_prob"):
        tiny.method(experiment="vae_gaussian", prior="bare:Bare")
