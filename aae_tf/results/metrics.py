"""Every metric of held-out images, a row each.

A new metric is a row here and a function in `evaluation`. This module imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Literal

# Evaluations that take long: they are made at the end of a run, or where a score asks for them.
FINAL = ("style", "sample_quality", "log_likelihood")


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric.

    Args:
      name: its key, without the split ('test/') and what it stands beside ('_of_prior').
      evaluations: names of those that give it (`Method.metrics`).
      better: which side is better. None for what has no better side: metrics that scatter around
        0, and those that say how a code is used.
      beside: whose value of it stands beside the model's, under the name and '_of_prior' or
        '_of_data'.
      needs: flags without which it isn't given.
      counted: whether its key has the number of samples as well ('log_likelihood_10000').
    """

    name: str
    evaluations: tuple[str, ...]
    better: Literal["lower", "higher"] | None = None
    beside: Literal["prior", "data"] | None = None
    needs: tuple[str, ...] = ()
    counted: bool = False

    @property
    def final(self) -> bool:
        """Whether no epoch has it, but the end of a run."""
        return all(evaluation in FINAL for evaluation in self.evaluations)


def _prior(name, better=None):
    return Metric(name, ("prior_match",), better, beside="prior")


def _samples(name, better=None, beside: Literal["prior", "data"] | None = "data", inception=False):
    needs = ("sample_quality", "inception_weights") if inception else ("sample_quality",)
    return Metric(name, ("sample_quality",), better, beside, needs)


def _sampled(name, better=None, inception=False):
    """Two rows: of samples of the prior, and of samples of what was fitted to codes."""
    of_prior = _samples(name, better, inception=inception)
    needs = (*of_prior.needs, "sampler")
    return of_prior, Metric(f"{name}_of_sampler", of_prior.evaluations, better, needs=needs)


def _likelihood(name, better=None):
    return Metric(name, ("log_likelihood",), better, needs=("likelihood_samples",), counted=True)


# In the order in which tables show them.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("reconstruction_error", ("reconstruction",), "lower"),
        _prior("sliced_wasserstein", "lower"),
        _prior("mmd"),
        _prior("coverage", "higher"),
        _prior("empty_region", "lower"),
        _prior("mode_excess"),
        _prior("mean_error", "lower"),
        _prior("covariance_error", "lower"),
        Metric("component_share", ("component_share",), "higher"),
        Metric("component_share_matched", ("component_share",), "higher"),
        Metric("largest_probability", ("categories",)),
        Metric("category_entropy", ("categories",)),
        Metric("categories_in_use", ("categories",)),
        Metric("error_percent", ("classification", "clustering"), "lower"),
        Metric("error_majority_percent", ("clustering",), "lower"),
        Metric("error_assigned_percent", ("clustering",), "lower"),
        Metric("nmi", ("clustering",), "higher"),
        Metric("ari", ("clustering",), "higher"),
        Metric("elbo", ("elbo",), "higher"),
        Metric("kl", ("elbo",)),
        Metric("reconstruction_cost", ("cost",), "lower"),
        Metric("class_from_style_linear", ("style",)),
        Metric("class_from_style_mlp", ("style",)),
        Metric("class_by_chance", ("style",)),
        Metric("class_read_as_asked", ("style",), "higher"),
        Metric("class_read_of_images", ("style",)),
        _samples("quality_samples", beside=None),
        _samples("classifier_accuracy", beside=None),
        *_sampled("fid", "lower", inception=True),
        *_sampled("kid", "lower", inception=True),
        *_sampled("fid_classifier", "lower"),
        *_sampled("kid_classifier", "lower"),
        *_sampled("precision", "higher"),
        *_sampled("recall", "higher"),
        *_sampled("precision_pixels", "higher"),
        *_sampled("recall_pixels", "higher"),
        *_sampled("sharpness"),
        *_sampled("nearest_training_distance"),
        _likelihood("log_likelihood", "higher"),
        _likelihood("log_likelihood_standard_error"),
        _likelihood("parzen_sigma"),
        _likelihood("parzen_error"),
    )
}


def is_beside(key: str) -> bool:
    """Whether a key is the prior's or the data's value, which stands beside the model's."""
    return key.endswith(("_of_prior", "_of_data"))


def scores(evaluations: Collection[str] | None = None) -> list[str]:
    """Names of the metrics that have a better side, of these evaluations or of all."""
    return [
        metric.name
        for metric in METRICS.values()
        if metric.better
        and (evaluations is None or any(name in evaluations for name in metric.evaluations))
    ]
