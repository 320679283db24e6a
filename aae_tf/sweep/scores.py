"""What a search may go by: measures on validation images, and whether more of each is better.

It imports no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aae_tf.errors import SettingsError

# By the name of the evaluation that makes them (`methods.Method.metrics`). What has no better side
# isn't here: measures that scatter around 0, and those that say how a code is used.
MINIMISED = {
    "reconstruction": ("reconstruction_error",),
    "latent_match": ("sliced_wasserstein", "empty_region", "mean_error", "covariance_error"),
    "classification": ("error_percent",),
    "clustering": ("error_percent", "error_majority_percent", "error_assigned_percent"),
    "cost": ("reconstruction_cost",),
    "sample_quality": ("fid", "kid", "fid_classifier", "kid_classifier"),
}
MAXIMISED = {
    "latent_match": ("coverage",),
    "component_share": ("component_share", "component_share_matched"),
    "clustering": ("nmi", "ari"),
    "elbo": ("elbo",),
    "log_likelihood": ("log_likelihood",),
    "style": ("class_read_as_asked",),
    "sample_quality": ("precision", "recall", "precision_pixels", "recall_pixels"),
}
OF_INCEPTION = ("fid", "kid")
LOG_LIKELIHOOD = "log_likelihood"
FINAL = ("style", "sample_quality", LOG_LIKELIHOOD)  # made at the end alone, or at rungs


def names(evaluations: Collection[str] | None = None) -> list[str]:
    """The measures that these evaluations make, or all."""
    found = [
        name
        for table in (MINIMISED, MAXIMISED)
        for evaluation, own in table.items()
        if evaluations is None or evaluation in evaluations
        for name in own
    ]
    return list(dict.fromkeys(found))


def check(score: str, evaluations: Collection[str] | None = None) -> None:
    """Checks that a measure is one to go by.

    Args:
      score: its name.
      evaluations: that are made; None for whichever.

    Raises:
      SettingsError: if it isn't.
    """
    if score not in names(evaluations):
        listed = ", ".join(names(evaluations))
        raise SettingsError("score", score, f"a measure on validation images, one of {listed}")


def check_flags(score: str, flat: Mapping[str, Any]) -> None:
    """Checks that the settings ask for what a measure comes from.

    Args:
      score: its name.
      flat: the settings by flag name.

    Raises:
      SettingsError: if they don't.
    """
    needed = []
    if any(score in table["sample_quality"] for table in (MINIMISED, MAXIMISED)):
        needed.append("sample_quality")
    if score in OF_INCEPTION:
        needed.append("inception_weights")
    missing = [f"--{flag}" for flag in needed if not flat[flag]]
    if score == LOG_LIKELIHOOD and flat["likelihood_samples"] == "0":
        missing.append("--likelihood_samples")
    if missing:
        raise SettingsError("score", score, f"{' and '.join(missing)} beside it")


def check_made(score: str, made: Collection[str]) -> None:
    """Checks that a measure was made: not every prior has each, nor have all data.

    Args:
      score: its name.
      made: the names of those that were made.

    Raises:
      SettingsError: if it isn't among them.
    """
    if score not in made:
        listed = ", ".join(name for name in names() if name in made)
        expected = f"a measure that this prior and these data have, one of {listed}"
        raise SettingsError("score", score, expected)


def is_better_larger(score: str) -> bool:
    """Whether more of it is better."""
    return any(score in own for own in MAXIMISED.values())
