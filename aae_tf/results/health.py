"""Signs that a finished run went wrong, each with what to try; by training and validation alone.

It imports no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aae_tf.results.metrics import has_meaning
from aae_tf.settings import Settings, flatten

FEW_STEPS = 100
LITTLE_COVERAGE = 0.1  # of the prior's region; its own samples have nearly 1
ALWAYS_RIGHT = 0.98  # of the discriminator's answers
RISE = 1.5  # of the distance to the prior, over the least of all epochs
FAR_FROM_PRIOR = 3.0  # times the distance of the prior's own samples
ACCURACIES = ("accuracy_on_prior", "accuracy_on_codes")
APART = 1.5  # times the training error that the held-out one is, with batch norm


def notes(settings: Settings, rows: Sequence[Mapping[str, float]]) -> list[str]:
    """What looks wrong, a line each.

    Args:
      settings: of the run.
      rows: of its metrics.csv.
    """
    if not rows:
        return []
    last, flat = rows[-1], flatten(settings)
    found = [
        _few_steps(last),
        _outside_the_prior(last, flat),
        _always_right(last, flat),
        _rising(rows, flat),
        _moments_apart(last, flat),
    ]
    return [note for note in found if note]


def _few_steps(last) -> str:
    steps = int(last["step"])
    if steps >= FEW_STEPS:
        return ""
    return f"{steps} steps in all are few: try more --epochs, or a smaller --batch_size"


def _outside_the_prior(last, flat) -> str:
    coverage = last.get("validation/coverage", 1.0)
    if coverage >= LITTLE_COVERAGE or not has_meaning("coverage", flat["latent_dim"]):
        return ""
    said = f"codes leave most of the prior empty (coverage {coverage:.2g})"
    return f"{said}: try more --epochs, or a higher --{_pull(flat)}"


def _pull(flat) -> str:
    """The setting that draws the codes to the prior."""
    for flag in ("penalty_weight", "beta", "generator_learning_rate"):
        if flag in flat:
            return flag
    return "epochs"


def _always_right(last, flat) -> str:
    shares = [
        value
        for key, value in last.items()
        if key.startswith("train/") and key.rpartition("/")[2].endswith(ACCURACIES)
    ]
    if not shares or min(shares) < ALWAYS_RIGHT:
        return ""
    noise = ", or more --discriminator_noise" if "discriminator_noise" in flat else ""
    return (
        f"the discriminator is nearly always right ({min(shares):.1%}), and the encoder learns "
        f"little from it: try a lower --discriminator_learning_rate{noise}"
    )


def _rising(rows, flat) -> str:
    key = "validation/sliced_wasserstein"
    distances = [row[key] for row in rows if key in row]
    if len(distances) < 2:
        return ""
    least, last = min(distances), distances[-1]
    own = rows[-1].get(f"{key}_of_prior", 0.0)
    if last < RISE * least or last < FAR_FROM_PRIOR * own:
        return ""
    said = f"the distance to the prior rose from {least:.3g} to {last:.3g}"
    return f"{said}: try lower learning rates, or a higher --{_pull(flat)}"


def _moments_apart(last, flat) -> str:
    norm = "encoder_batch_norm" if flat["network"] == "dense" else "conv_batch_norm"
    if not flat[norm] or flat["precise_batch_norm"]:
        return ""
    trained = last.get("train/reconstruction/loss", last.get("train/wasserstein/cost"))
    held_out = last.get("validation/reconstruction_cost")
    held_out = last.get("validation/reconstruction_error") if held_out is None else held_out
    if not trained or not held_out or held_out < APART * trained:
        return ""
    return (
        f"held-out images have {held_out / trained:.1f} times the error of training "
        f"({held_out:.3g}, {trained:.3g}): try --precise_batch_norm"
    )
