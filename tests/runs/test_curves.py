"""Names of TensorBoard's curves: one for what training and evaluation measure in the same unit."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.objectives import reconstruction
from aae_tf.results.metrics import METRICS
from aae_tf.runs import curves

RANDOM = np.random.default_rng(0)
IMAGES, REBUILT = RANDOM.random((2, 5, 8, 8, 1))
HALF_SQUARED = np.mean([0.5 * ((x - y) ** 2).sum() for x, y in zip(IMAGES, REBUILT, strict=True)])


def _values(method, values):
    return {tag: value for tag, (value, _) in curves.training_curves(method, values).items()}


def test_every_metric_of_an_epoch_has_a_curve_of_its_own_in_a_group_and_a_description():
    shown = [metric for metric in METRICS.values() if not metric.final]
    assert len({metric.curve for metric in shown}) == len(shown) > 10
    for metric in shown:
        assert metric.curve.count("/") == 1 and len(metric.about) > 20, metric.name
    assert not any(metric.curve for metric in METRICS.values() if metric.final)


def test_both_adversaries_have_losses_and_accuracies_of_their_own():
    values = {
        "discriminator/style_loss": 1.0,
        "discriminator/label_accuracy_on_codes": 0.5,
        "generator/label_loss": 2.0,
        "generator/learning_rate": 3.0,
    }
    assert _values(tiny.method(experiment="semi_supervised"), values) == {
        "loss/discriminator_style": 1.0,
        "critic/label_accuracy_on_codes": 0.5,
        "loss/generator_label": 2.0,
        "learning_rate/generator": 3.0,
    }


def test_accuracy_on_labelled_images_is_the_error_that_evaluation_has():
    found = _values(tiny.method(experiment="semi_supervised"), {"classification/accuracy": 0.9})
    assert found == {"classes/error_percent": pytest.approx(10)}
    assert curves.evaluation_curves({"error_percent": 10.0}).keys() == found.keys()


def test_heads_that_repel_each_other_are_no_reconstruction():
    values = {"reconstruction/loss": 5.0, "reconstruction/crowding": 2.0}
    found = _values(tiny.method(experiment="dim_reduction"), values)
    assert found == {"loss/reconstruction": 3.0, "loss/crowding": 2.0}


@pytest.mark.parametrize("variance", [1.0, 0.25])
def test_the_distortion_of_a_gaussian_decoder_becomes_half_the_squared_error(variance):
    method = tiny.method(
        experiment="vae_gaussian", likelihood="gaussian", decoder_variance=variance
    )
    pair = (tf.constant(IMAGES), tf.constant(REBUILT))
    distortion = -np.mean(reconstruction.gaussian_log_likelihood(*pair, variance))
    values = {"elbo/loss": distortion + 2.0, "elbo/distortion": distortion, "elbo/kl": 2.0}
    found = _values(method, values)
    assert found.pop("loss/reconstruction") == pytest.approx(HALF_SQUARED)
    assert found.pop("loss/elbo") == pytest.approx(-distortion - 2.0)
    assert found == {"loss/total": distortion + 2.0, "loss/kl": 2.0}


def test_the_distortion_of_pixels_that_are_bits_has_another_unit():
    values = {"elbo/loss": 5.0, "elbo/distortion": 3.0, "elbo/kl": 2.0}
    found = _values(tiny.method(experiment="vae_gaussian", likelihood="bernoulli"), values)
    assert found == {"loss/total": 5.0, "loss/kl": 2.0, "loss/elbo": -5.0}


@pytest.mark.parametrize("cost", ["l2_squared", "l1"])
def test_a_scaled_cost_is_brought_back_to_what_evaluation_measures(cost):
    method = tiny.method(experiment="wae_mmd", cost=cost, cost_scale=0.05)
    unscaled = np.mean(reconstruction.COSTS[cost](tf.constant(IMAGES), tf.constant(REBUILT)))
    values = {"wasserstein/loss": 9.0, "wasserstein/cost": 0.05 * unscaled}
    found = _values(method, values)
    assert found.pop("loss/reconstruction_cost") == pytest.approx(unscaled)
    if cost == "l2_squared":
        assert found.pop("loss/reconstruction") == pytest.approx(HALF_SQUARED)
    assert found == {"loss/total": 9.0}


def test_a_regularised_autoencoders_error_is_halved():
    squared = np.mean(reconstruction.l2_squared(tf.constant(IMAGES), tf.constant(REBUILT)))
    values = {"reconstruction/loss": 9.0, "reconstruction/error": squared}
    expected = {"loss/total": 9.0, "loss/reconstruction": pytest.approx(HALF_SQUARED)}
    assert _values(tiny.method(experiment="rae"), values) == expected


def test_standardised_pixels_share_no_chart_with_intensities():
    values = {"reconstruction/loss": 5.0}
    found = _values(tiny.method(standardize=True, output_activation="linear"), values)
    assert found == {"loss/reconstruction_standardized": 5.0}


def test_what_the_prior_gets_stands_under_the_names_of_what_codes_get():
    metrics = {"mmd": 1.0, "mmd_of_prior": 2.0, "reconstruction_error": 3.0, "own": 4.0}
    codes = {tag: value for tag, (value, _) in curves.evaluation_curves(metrics).items()}
    assert codes == {"match/mmd": 1.0, "loss/reconstruction": 3.0, "own": 4.0}
    prior = {tag: value for tag, (value, _) in curves.curves_of_prior(metrics).items()}
    assert prior == {"match/mmd": 2.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    "experiment", ["gaussian", "semi_supervised", "dim_reduction", "vae_gaussian", "wae_gan", "rae"]
)
def test_every_phase_of_a_method_has_its_curves_in_groups_with_descriptions(experiment):
    labels = {"semi_supervised": {"num_labels": "30"}, "dim_reduction": {"num_labels": "30"}}
    rig = tiny.rig(experiment=experiment, **labels.get(experiment, {}))
    note = tiny.Notebook()
    with tiny.eagerly():
        rig.trainer.train(0, 1, 1, [note])
    values = {key: float(series.mean()) for key, series in note.reports[0].values.items()}
    found = curves.training_curves(rig.method, values)
    assert found
    for tag, (value, about) in found.items():
        assert tag.split("/")[0] in ("loss", "critic", "categories", "classes"), tag
        assert about and np.isfinite(value), tag
