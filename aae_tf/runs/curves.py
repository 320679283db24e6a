"""What TensorBoard calls a run's curves: groups, descriptions, and which share a chart.

Training and evaluation have one name for what is the same in the same unit, so that TensorBoard
draws both in one chart. The names of metrics.csv and result.json are not changed by this.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping

from tensorboard.plugins.custom_scalar import layout_pb2

from aae_tf.arrays import is_picture
from aae_tf.methods import Method
from aae_tf.results.metrics import METRICS

SPEED = "time/steps_per_second"
# Of a phase's own metrics, by name; '{phase}' is the phase's.
NAMED = {
    "loss": ("loss/{phase}", "What the phase {phase} minimises, mean over examples"),
    "learning_rate": ("learning_rate/{phase}", "The learning rate of the phase {phase}"),
    "style_loss": ("loss/{phase}_style", "The part of the style code's adversary in it"),
    "label_loss": ("loss/{phase}_label", "The part of the categorical code's adversary in it"),
    "virtual_adversarial_loss": (
        "loss/virtual_adversarial",
        "How much q(y|x) changes at the smallest step that changes it most, without its weight",
    ),
    "imbalance": (
        "categories/imbalance",
        "Divergence in nats of how often each category is used from the prior's shares",
    ),
    "crowding": ("loss/crowding", "What cluster heads that stand too near to each other cost"),
    "largest_probability": (
        METRICS["largest_probability"].curve,
        METRICS["largest_probability"].about,
    ),
    "penalty": ("critic/penalty", "The discriminator's gradient penalty, without its weight"),
    "half_squared_code": ("loss/half_squared_code", "Half the squared length of a code"),
    "decoder_penalty": ("loss/decoder_penalty", "The decoder's penalty, without its weight"),
    "kl": (METRICS["kl"].curve, METRICS["kl"].about),
    "divergence": ("loss/divergence", "How far codes are from the prior, without lambda"),
}
ACCURACY = "Share of {of} that the discriminator tells right; 0.5 where it can only guess"
RECONSTRUCTING = ("reconstruction", "elbo", "wasserstein")  # phases that train a decoder
# Parts of their losses that evaluation has in another form (see `_as_evaluated`).
PARTS = ("reconstruction/error", "elbo/distortion", "wasserstein/cost")
TOTAL = ("loss/total", "What the phase that trains the decoder minimises, with all its terms")


def training_curves(method: Method, values: Mapping[str, float]) -> dict[str, tuple[float, str]]:
    """Values and descriptions of curves, by tag.

    Args:
      method: that is trained.
      values: means by 'phase/metric'.
    """
    curves = {}
    for key, value in values.items():
        phase, _, name = key.partition("/")
        if key == SPEED:
            curves[key] = value, "Steps in a second, evaluation and figures not counted"
        elif "accuracy_on_" in name:
            of = "the prior's samples" if name.endswith("_on_prior") else "codes"
            curves[f"critic/{name}"] = value, ACCURACY.format(of=of)
        elif key == "classification/accuracy":
            metric = METRICS["error_percent"]
            curves[metric.curve] = 100 * (1 - value), metric.about
        elif name == "loss" and phase in RECONSTRUCTING:
            if any(part in values for part in PARTS):
                curves[TOTAL[0]] = value, TOTAL[1]
        elif name in NAMED:
            tag, about = (text.format(phase=phase) for text in NAMED[name])
            curves[tag] = value, about
        elif key not in PARTS:
            curves[key] = value, ""
    shown = _as_evaluated(method, values)
    for name, value in shown.items():
        tag, about = METRICS[name].curve, METRICS[name].about
        if name == "reconstruction_error" and _sees_other_pixels(method):
            tag, about = f"{tag}_standardized", f"{about}, of standardised pixels"
        curves[tag] = value, about
    return curves


def _sees_other_pixels(method: Method) -> bool:
    """Whether training sees standardised pixels where evaluation has intensities."""
    return method.settings.data.standardize and is_picture(method.image_shape)


def _as_evaluated(method: Method, values: Mapping[str, float]) -> dict[str, float]:
    """Training's means of what evaluation measures, in its units, by the metric's name."""
    found = {}
    if "reconstruction/error" in values:
        found["reconstruction_error"] = 0.5 * values["reconstruction/error"]
    elif "reconstruction/loss" in values:
        crowding = values.get("reconstruction/crowding", 0.0)
        found["reconstruction_error"] = values["reconstruction/loss"] - crowding
    if "elbo/distortion" in values:
        found["elbo"] = -values["elbo/distortion"] - values["elbo/kl"]
        chosen = method.settings.variational
        if chosen.likelihood == "gaussian":
            variance = chosen.decoder_variance
            constant = 0.5 * math.prod(method.image_shape) * math.log(2 * math.pi * variance)
            found["reconstruction_error"] = variance * (values["elbo/distortion"] - constant)
    if "wasserstein/cost" in values:
        chosen = method.settings.wasserstein
        found["reconstruction_cost"] = values["wasserstein/cost"] / chosen.cost_scale
        if chosen.cost == "l2_squared":
            found["reconstruction_error"] = 0.5 * found["reconstruction_cost"]
    return found


def evaluation_curves(metrics: Mapping[str, float]) -> dict[str, tuple[float, str]]:
    """The same of metrics of held-out examples, without those of the prior itself."""
    curves = {}
    for name, value in metrics.items():
        if not name.endswith("_of_prior"):
            metric = METRICS.get(name)
            tag, about = (metric.curve, metric.about) if metric else ("", "")
            curves[tag or name] = value, about
    return curves


def curves_of_prior(metrics: Mapping[str, float]) -> dict[str, tuple[float, str]]:
    """The same of samples of the prior in the codes' place, by the tags that the codes have."""
    own = {
        name.removesuffix("_of_prior"): value
        for name, value in metrics.items()
        if name.endswith("_of_prior")
    }
    return evaluation_curves(own)


def layout(tags: Collection[str]) -> layout_pb2.Layout:
    """The page of custom scalars: which of these curves stand in one chart."""
    match = [tag for tag in sorted(tags) if tag.startswith("match/")]
    pages = {
        "Losses": {
            "Reconstruction, training and held-out": "loss/reconstruction$",
            "Adversaries": "loss/(discriminator|generator)",
            "Other": "loss/(?!reconstruction$|discriminator|generator)",
        },
        "Discriminator": {"Accuracy": "critic/.*accuracy"},
        "Match with the prior": {tag.partition("/")[2]: f"{tag}$" for tag in match},
        "Classes": {"Errors in percent": "classes/.*percent$"},
    }
    found = layout_pb2.Layout()
    for title, charts in pages.items():
        # The same patterns in each run, so that TensorBoard merges the charts of several.
        shown = {name: p for name, p in charts.items() if any(re.match(p, tag) for tag in tags)}
        if shown:
            category = found.category.add(title=title)
            for name, pattern in shown.items():
                lines = layout_pb2.MultilineChartContent(tag=[pattern])
                category.chart.add(title=name, multiline=lines)
    return found
