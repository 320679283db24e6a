"""Every metric of held-out images, a row each.

A new metric is a row here and a function in `evaluation`. This module imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from typing import Literal

FEW, MANY = (1, 3), (4, math.inf)  # dimensions in which a hole has no codes nearby, or may have
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
      curve: its name in TensorBoard, 'group/name'; of those that each epoch has.
      about: a line beside that curve: what it is, in which unit.
      dimensions: of the code, the least and the most for which it says what it is to say. In others
        it isn't given; runs of earlier versions have it, and it isn't shown.
    """

    name: str
    evaluations: tuple[str, ...]
    better: Literal["lower", "higher"] | None = None
    beside: Literal["prior", "data"] | None = None
    needs: tuple[str, ...] = ()
    counted: bool = False
    curve: str = ""
    about: str = ""
    dimensions: tuple[float, float] = (1, math.inf)

    @property
    def final(self) -> bool:
        """Whether no epoch has it, but the end of a run."""
        return all(evaluation in FINAL for evaluation in self.evaluations)


def _prior(name, about, better=None, **more):
    about += ". The run eval/prior has what samples of the prior get: the value to aim at"
    curve = f"match/{name}"
    return Metric(name, ("prior_match",), better, "prior", curve=curve, about=about, **more)


def _curve(name, evaluations, curve, about, better=None):
    return Metric(name, evaluations, better, curve=curve, about=about)


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
        _curve(
            "reconstruction_error",
            ("reconstruction",),
            "loss/reconstruction",
            "Half the squared distance of an example to its reconstruction, summed over its values",
            "lower",
        ),
        _prior(
            "sliced_wasserstein",
            "Sliced 2-Wasserstein distance of the codes to samples of the prior",
            "lower",
        ),
        _prior("mmd", "Squared maximum mean discrepancy of codes and samples of the prior"),
        _prior(
            "coverage",
            "Share of the prior's samples that have a code nearby",
            "higher",
            dimensions=FEW,
        ),
        _prior(
            "empty_region",
            "Share of the prior's mass that no code reaches",
            "lower",
            dimensions=FEW,
        ),
        _prior(
            "total_variation",
            "Share of the prior's mass by which codes differ from it, as far as a classifier tells",
            "lower",
            dimensions=MANY,
        ),
        _prior(
            "mode_excess",
            "Share of codes in the half of the prior's mass around its modes, less that half",
        ),
        _prior("mean_error", "Distance of the codes' mean to the prior's", "lower"),
        _prior(
            "covariance_error",
            "Frobenius distance of the codes' covariance to the prior's",
            "lower",
        ),
        _curve(
            "component_share",
            ("component_share",),
            "classes/component_share",
            "Share of codes whose most probable part of the prior is their class's",
            "higher",
        ),
        _curve(
            "component_share_matched",
            ("component_share",),
            "classes/component_share_matched",
            "The same where classes may swap parts",
            "higher",
        ),
        _curve(
            "largest_probability",
            ("categories",),
            "categories/mean_largest_probability",
            "The largest probability of q(y|x), mean over examples: 1 where the code is one-hot",
        ),
        _curve(
            "category_entropy",
            ("categories",),
            "categories/mean_entropy",
            "Entropy of q(y|x) in nats, mean over examples",
        ),
        _curve(
            "categories_in_use",
            ("categories",),
            "categories/in_use",
            "Categories in use: e to the entropy of how often each is the most probable",
        ),
        _curve(
            "error_percent",
            ("classification", "clustering"),
            "classes/error_percent",
            "Percent of examples whose class is wrong",
            "lower",
        ),
        _curve(
            "error_majority_percent",
            ("clustering",),
            "classes/error_majority_percent",
            "The same where each cluster has the class of most of its validation examples",
            "lower",
        ),
        _curve(
            "error_assigned_percent",
            ("clustering",),
            "classes/error_assigned_percent",
            "The same where each class has one cluster",
            "lower",
        ),
        _curve(
            "nmi",
            ("clustering",),
            "classes/nmi",
            "Normalised mutual information of clusters and classes",
            "higher",
        ),
        _curve(
            "ari",
            ("clustering",),
            "classes/ari",
            "Adjusted Rand index of clusters and classes",
            "higher",
        ),
        _curve("elbo", ("elbo",), "loss/elbo", "Evidence lower bound in nats", "higher"),
        _curve("kl", ("elbo",), "loss/kl", "Divergence of q(z|x) from the prior in nats"),
        _curve(
            "reconstruction_cost",
            ("cost",),
            "loss/reconstruction_cost",
            "What --cost says of an example and its reconstruction, without --cost_scale",
            "lower",
        ),
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


def has_meaning(key: str, latent_dim: int) -> bool:
    """Whether a metric says what it is to say of codes of that size.

    Args:
      key: its name, maybe with what it stands beside.
      latent_dim: of the code.
    """
    metric = METRICS.get(key.removesuffix("_of_prior"))
    return metric is None or metric.dimensions[0] <= latent_dim <= metric.dimensions[1]


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
