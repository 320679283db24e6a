"""The table of metrics: it has what evaluations give, and what is documented."""

import pathlib
import re

import pytest
import tiny

from aae_tf import seeds
from aae_tf.evaluation import Evaluator
from aae_tf.results.metrics import FINAL, METRICS, is_beside, metric_of, scores

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    "experiment", ["gaussian", "label_mixture", "clustering", "vae_gaussian", "wae_mmd"]
)
def test_a_metric_of_an_evaluation_has_a_row_of_that_evaluation(experiment):
    own = {"prior_components": 3} if experiment == "label_mixture" else {}
    method, data = tiny.method_for(tiny.settings(experiment, **own)), tiny.data()
    metrics = Evaluator(method, seeds.root(0), data).evaluate(data.validation)
    for key in metrics:
        row = metric_of(key)
        assert row and set(row.evaluations) & set(method.measures), key
        assert not is_beside(key) or row.beside == key.rpartition("_")[2]
        if row.beside:
            assert f"{row.name}_of_{row.beside}" in metrics


def test_a_key_leads_to_its_row():
    assert metric_of("test/log_likelihood_10000").name == "log_likelihood"
    assert metric_of("log_likelihood_10_standard_error").name == "log_likelihood_standard_error"
    assert metric_of("validation/fid_classifier_of_data") is METRICS["fid_classifier"]
    for key in ("accuracy", "fid_10", "log_likelihood", "loss/reconstruction"):
        assert metric_of(key) is None


def test_a_metric_of_samples_is_final_and_one_of_epochs_is_not():
    assert METRICS["fid"].final and METRICS["log_likelihood"].final
    assert not METRICS["error_percent"].final and not METRICS["mmd"].final
    evaluations = {name for metric in METRICS.values() for name in metric.evaluations}
    assert set(FINAL) <= evaluations


def test_scores_are_the_metrics_with_a_better_side():
    assert scores(("reconstruction", "elbo")) == ["reconstruction_error", "elbo"]
    assert "mmd" not in scores() and "kl" not in scores() and "nmi" in scores()


def test_the_documentation_has_every_metric():
    page = next(file for file in (ROOT / "docs").glob("m*s.md") if "mean_error" in file.read_text())
    names = set(re.findall(r"`([a-z_0-9]+)`", page.read_text()))
    for metric in METRICS.values():
        key = metric.name
        if metric.counted:
            stem = key.removesuffix("_standard_error")
            key = f"{stem}_10000{key.removeprefix(stem)}"
        assert key in names, key
