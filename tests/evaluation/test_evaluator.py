"""Metrics of a split: exact, deterministic and without the noise of training."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.evaluation import Evaluator, inference, style_probe
from aae_tf.evaluation.inference import Inference
from aae_tf.results.metrics import METRICS
from aae_tf.training.variables import digest, network_variables

ROOT = seeds.root(0)


@pytest.fixture(scope="module", params=["deterministic", "implicit"])
def method(request):
    return tiny.method(encoder=request.param, discriminator_noise=0.5)


@pytest.fixture(scope="module")
def split():
    return tiny.split(70, seed=3)


def test_reconstruction_error_is_numpys(method, split):
    intensities = split.images.astype(np.float64) / 255
    rebuilt = method.decode(method.encode(intensities.astype(np.float32))).numpy()
    expected = (0.5 * (intensities - rebuilt) ** 2).sum((1, 2, 3)).mean()
    found = Evaluator(method, ROOT).evaluate(split)
    assert found["reconstruction_error"] == pytest.approx(expected, rel=1e-5)
    assert expected > 1


def test_evaluation_is_deterministic(method, split):
    first = Evaluator(method, ROOT)
    metrics = first.evaluate(split)
    assert first.evaluate(split) == metrics
    np.testing.assert_array_equal(
        first.aggregated_posterior(split), Evaluator(method, ROOT).aggregated_posterior(split)
    )


def test_codes_are_draws_of_the_posterior_and_reconstructions_its_centre(method, split):
    evaluator = Evaluator(method, ROOT)
    centres, drawn = evaluator.inference.encode(split), evaluator.aggregated_posterior(split)
    np.testing.assert_allclose(centres, method.encode(split.intensities()), atol=1e-6)
    assert np.array_equal(centres, drawn) == (method.encoder_noise_dim == 0)


def test_gaussian_posterior_is_drawn_with_its_own_sd():
    method = tiny.method(encoder="gaussian")
    method.encoder.log_variance.kernel.assign(np.zeros((8, 2)))
    method.encoder.log_variance.bias.assign([np.log(4.0), np.log(0.25)])
    evaluator, split = Evaluator(method, ROOT), tiny.split(2500)
    gaps = evaluator.aggregated_posterior(split) - evaluator.inference.encode(split)
    np.testing.assert_allclose(gaps.std(0), [2, 0.5], rtol=0.06)
    np.testing.assert_allclose(gaps.mean(0), 0, atol=0.1)
    # Blocks of a split must not repeat each other's noise.
    assert np.abs(gaps[:1000] - gaps[1000:2000]).min() > 0


def test_prior_match_of_the_evaluator_is_that_of_its_draws(method, split):
    evaluator = Evaluator(method, ROOT)
    found = evaluator.evaluate(split)
    codes = evaluator.aggregated_posterior(split)
    assert found["mean_error"] == pytest.approx(np.linalg.norm(codes.mean(0)), rel=1e-4)
    gap = np.cov(codes, rowvar=False) - np.eye(2)
    assert found["covariance_error"] == pytest.approx(np.linalg.norm(gap), rel=1e-4)


def test_blocks_equal_a_single_pass(monkeypatch, split):
    method = tiny.method()
    whole = Inference(method)
    codes = whole.encode(split)
    images = whole.decode(codes)
    monkeypatch.setattr(inference, "BLOCK", 16)
    blocks = Inference(method)
    np.testing.assert_allclose(blocks.encode(split), codes, atol=1e-6)
    np.testing.assert_allclose(blocks.decode(codes), images, atol=1e-6)
    assert blocks.encode(split).shape == (70, 2) and images.shape == (70, 8, 8, 1)


def test_every_evaluation_of_the_table_has_its_function():
    named = {name for metric in METRICS.values() for name in metric.evaluations}
    assert set(Evaluator.METRICS) | {"log_likelihood"} == named


def test_new_weights_have_new_metrics():
    method, split = tiny.method(), tiny.split(40)
    method.metrics = ("reconstruction",)
    evaluator = Evaluator(method, ROOT)
    before = evaluator.evaluate(split)
    # The mean image is nearer than what random weights give.
    mean = np.clip(split.intensities().mean(0), 0.01, 0.99).reshape(-1)
    method.decoder.pixels.kernel.assign(tf.zeros_like(method.decoder.pixels.kernel))
    method.decoder.pixels.bias.assign(np.log(mean / (1 - mean)))
    after = evaluator.evaluate(split)
    assert after["reconstruction_error"] < 0.9 * before["reconstruction_error"]


@pytest.mark.slow
def test_evaluation_changes_no_weight():
    method = tiny.method(encoder="gaussian")
    before = digest(network_variables(method.networks))
    Evaluator(method, ROOT).evaluate(tiny.split(30))
    assert digest(network_variables(method.networks)) == before


@pytest.mark.slow
def test_class_in_the_style_is_learnt_from_all_of_the_training_images(monkeypatch):
    """A folder's images come class by class: the first of them lack classes."""
    data = tiny.data(train=90)
    order = np.argsort(data.train.labels, kind="stable")
    data = dataclasses.replace(data, train=data.train.take(order))
    monkeypatch.setattr(style_probe, "PROBE_CODES", 45)
    monkeypatch.setattr(style_probe, "READER_BYTES", 45 * 4 * 64)
    seen = []
    monkeypatch.setattr(
        style_probe, "probe_metrics", lambda codes, labels, *_: seen.append(labels) or {}
    )
    monkeypatch.setattr(
        style_probe, "Reader", lambda images, labels: seen.append(labels) or Reads()
    )
    method = tiny.method(experiment="style")
    Evaluator(method, ROOT, data).evaluate(data.test, final=True)
    assert [np.bincount(labels).tolist() for labels in seen] == [[15, 15, 15]] * 2


class Reads:
    """Reads every image as class 0."""

    def read(self, images):
        return np.zeros(len(images), int)
