"""The settings of how a finished run is judged; none of them changes the run itself."""

from __future__ import annotations

import dataclasses

from aae_tf.settings.checks import at_least
from aae_tf.settings.group import Checked, setting

IMAGENET = "imagenet"
WEIGHT_ENDINGS = (".h5", ".hdf5")


def _weights(value) -> str | None:
    if value in ("", IMAGENET) or value.endswith(WEIGHT_ENDINGS):
        return None
    return f"{IMAGENET}, a .weights.h5 or a .h5 file"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Checked):
    """Evaluation (also of a finished run, with --mode=evaluate)"""

    sample_quality: bool = setting(
        False,
        "judge decoded samples of the prior at the end: Fréchet and kernel distances, precision "
        "and recall, sharpness, nearest training images; see docs/measures.md",
        changes_run=False,
    )
    quality_samples: int = setting(
        10_000, "how many samples are judged", at_least(100), changes_run=False
    )
    inception_weights: str = setting(
        "",
        f"{IMAGENET} (which Keras downloads) or a file of keras.applications' InceptionV3 without "
        "its top: adds fid and kid",
        _weights,
        changes_run=False,
    )
    cache_dir: str = setting(
        "",
        "where the classifiers that judge samples are kept (default: aae_tf in $XDG_CACHE_HOME or "
        "~/.cache)",
        changes_run=False,
    )
