"""Measures to go by: which there are on validation images, and which side of them is better."""

import pathlib

import pytest
import tiny

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.evaluation import Evaluator
from aae_tf.experiments import settings_of
from aae_tf.settings import flatten
from aae_tf.sweep import scores

EXPERIMENTS = (
    "gaussian",
    "label_mixture",
    "semi_supervised",
    "clustering",
    "vae_gaussian",
    "wae_mmd",
)


# Measures for Gaussian priors alone, and for as many clusters as classes.
NOT_MADE = {
    "label_mixture": {"mean_error", "covariance_error"},
    "clustering": {"error_assigned_percent"},
}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_what_a_method_is_scored_by_is_measured_or_refused(experiment):
    own = {"semi_supervised": {"num_labels": "9"}, "label_mixture": {"prior_components": 3}}
    chosen = tiny.settings(experiment, **own.get(experiment, {}))
    method, data = tiny.method_for(chosen), tiny.data()
    found = Evaluator(method, seeds.root(0), data).evaluate(data.validation)
    lacking = set(scores.names(method.metrics)) - set(found)
    assert lacking == NOT_MADE.get(experiment, set())
    for name in lacking:
        with pytest.raises(SettingsError, match=rf"--score={name}: expected .* one of reconstr"):
            scores.check_made(name, found)
    scores.check_made("coverage", found)


def test_the_documentation_says_what_scores_need():
    page = pathlib.Path(__file__).parents[2] / "docs" / "sweeps.md"
    score = page.read_text().partition("## Score")[2].partition("## What it leaves")[0]
    conditional = {"fid", "kid", "precision_pixels", "recall_pixels"}.union(*NOT_MADE.values())
    needed = {"--sample_quality", "--inception_weights", "--likelihood_samples"}
    for name in needed | conditional:
        assert f"`{name}`" in score, name


def test_larger_is_better_of_what_counts_successes():
    for name in ("coverage", "nmi", "elbo", "recall", "component_share", "log_likelihood"):
        assert scores.is_better_larger(name)
    for name in ("error_percent", "fid", "reconstruction_error", "sliced_wasserstein"):
        assert not scores.is_better_larger(name)


def test_the_log_likelihood_wants_a_number_of_samples():
    asked = flatten(settings_of("likelihood"))
    scores.check_flags("log_likelihood", asked)
    told = r"--score=log_likelihood: expected --likelihood_samples beside it"
    with pytest.raises(SettingsError, match=told):
        scores.check_flags("log_likelihood", {**asked, "likelihood_samples": "0"})
    scores.check_flags("coverage", {**asked, "likelihood_samples": "0"})


@pytest.mark.parametrize("name", ["test/error_percent", "mmd", "accuracy", "coverage_of_prior"])
def test_other_names_are_refused(name):
    with pytest.raises(SettingsError, match=rf"--score={name}: expected a measure on validation"):
        scores.check(name)


def test_a_measure_of_another_method_is_refused_with_its_own():
    scores.check("elbo")
    with pytest.raises(SettingsError, match=r"one of reconstruction_error, .*coverage") as caught:
        scores.check("elbo", ("reconstruction", "latent_match"))
    assert "nmi" not in str(caught.value)
