"""Measures to go by: which there are on validation images, and which side of them is better."""

import pytest
import tiny

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.evaluation import Evaluator
from aae_tf.search import scores

EXPERIMENTS = ("gaussian", "label_mixture", "semi_supervised", "clustering", "vae_gaussian",
               "wae_mmd")  # fmt: skip


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_what_a_method_is_scored_by_is_measured(experiment):
    own = {"semi_supervised": {"num_labels": "9"}, "label_mixture": {"prior_components": 3}}
    chosen = tiny.settings(experiment, **own.get(experiment, {}))
    method, data = tiny.method_for(chosen), tiny.data()
    found = Evaluator(method, seeds.root(0), data).evaluate(data.validation)
    optional = {"mean_error", "covariance_error", "empty_region", "error_assigned_percent"}
    assert set(scores.names(method.measures)) - optional <= set(found)


def test_larger_is_better_of_what_counts_successes():
    for name in ("coverage", "nmi", "elbo", "recall", "component_share"):
        assert scores.is_better_larger(name)
    for name in ("error_percent", "fid", "reconstruction_error", "sliced_wasserstein"):
        assert not scores.is_better_larger(name)


@pytest.mark.parametrize("name", ["test/error_percent", "mmd", "accuracy", "coverage_of_prior"])
def test_other_names_are_refused(name):
    with pytest.raises(SettingsError, match=rf"--score={name}: expected a measure on validation"):
        scores.check(name)


def test_a_measure_of_another_method_is_refused_with_its_own():
    scores.check("elbo")
    with pytest.raises(SettingsError, match=r"one of reconstruction_error, .*coverage") as caught:
        scores.check("elbo", ("reconstruction", "latent_match"))
    assert "nmi" not in str(caught.value)
