"""The table of metrics: it has what evaluations give, and what is documented."""

import pathlib
import re

import pytest
import tiny

from aae_tf import seeds
from aae_tf.evaluation import Evaluator
from aae_tf.results.metrics import FINAL, METRICS, is_beside, scores
from aae_tf.results.record import runs_below

ROOT = pathlib.Path(__file__).parents[2]


def _row(key):
    """The row of a key such as 'test/log_likelihood_10000' or 'mmd_of_prior'; None without one."""
    name = re.sub(r"_of_(prior|data)$", "", key.rpartition("/")[2])
    counted = re.sub(r"_\d+(?=_|$)", "", name)
    row = METRICS.get(counted)
    return row if row and row.counted == (counted != name) else None


@pytest.mark.slow
@pytest.mark.parametrize(
    "experiment", ["gaussian", "label_mixture", "clustering", "vae_gaussian", "wae_mmd"]
)
def test_a_metric_of_an_evaluation_has_a_row_of_that_evaluation(experiment):
    own = {"prior_components": 3} if experiment == "label_mixture" else {}
    method, data = tiny.method_for(tiny.settings(experiment, **own)), tiny.data()
    metrics = Evaluator(method, seeds.root(0), data).evaluate(data.validation)
    for key in metrics:
        row = _row(key)
        assert row and set(row.evaluations) & set(method.metrics), key
        assert not is_beside(key) or row.beside == key.rpartition("_")[2]
        if row.beside:
            assert f"{row.name}_of_{row.beside}" in metrics


@pytest.mark.parametrize("labelled", [True, False])
def test_a_metric_of_samples_has_a_row_and_that_of_a_sampler_one_of_its_own(tmp_path, labelled):
    data = tiny.data(train=200, labelled=labelled)
    flags = {"sample_quality": True, "quality_samples": 100, "cache_dir": str(tmp_path)}
    found = {}
    for sampler in ("prior", "gmm"):
        method = tiny.method(sampler=sampler, sampler_components=2, **flags)
        found[sampler] = Evaluator(method, seeds.root(0), data).evaluate(data.test, final=True)
    assert {key: found["gmm"][key] for key in found["prior"]} == found["prior"]
    added = found["gmm"].keys() - found["prior"].keys()
    beside = {row.name for row in METRICS.values() if row.beside == "data"}
    assert added == {f"{name}_of_sampler" for name in beside & found["prior"].keys()}
    assert len(added) == (6 if labelled else 4)
    for key in added:
        row, of_prior = _row(key), METRICS[key.removesuffix("_of_sampler")]
        assert row.better == of_prior.better and row.final and not is_beside(key)
        assert row.needs == (*of_prior.needs, "sampler")
        assert found["gmm"][key] != found["gmm"][of_prior.name] or found["gmm"][key] in (0, 1)


def test_every_metric_of_a_recorded_run_has_a_row():
    keys = {key for run in runs_below(ROOT / "docs" / "results") for key in run.result["metrics"]}
    assert len(keys) > 50
    for key in keys:
        row = _row(key)
        assert row and (not is_beside(key) or row.beside == key.rpartition("_")[2]), key


def test_a_metric_of_samples_is_final_and_one_of_epochs_is_not():
    assert METRICS["fid"].final and METRICS["log_likelihood"].final
    assert not METRICS["error_percent"].final and not METRICS["mmd"].final
    evaluations = {name for metric in METRICS.values() for name in metric.evaluations}
    assert set(FINAL) <= evaluations


def test_scores_are_the_metrics_with_a_better_side():
    assert scores(("reconstruction", "elbo")) == ["reconstruction_error", "elbo"]
    assert "mmd" not in scores() and "kl" not in scores() and "nmi" in scores()


def test_the_documentation_has_every_metric():
    page = ROOT / "docs" / "metrics.md"
    names = set(re.findall(r"`([a-z_0-9]+)`", page.read_text()))
    for metric in METRICS.values():
        key = metric.name
        if metric.counted:
            stem = key.removesuffix("_standard_error")
            key = f"{stem}_10000{key.removeprefix(stem)}"
        assert key in names, key
