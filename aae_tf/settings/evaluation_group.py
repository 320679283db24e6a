"""The settings of how a finished run is judged; none of them changes the run itself."""

from __future__ import annotations

import dataclasses
import itertools

from aae_tf.settings.checks import at_least
from aae_tf.settings.group import Checked, setting

IMAGENET = "imagenet"
WEIGHT_ENDINGS = (".h5", ".hdf5")


def _weights(value) -> str | None:
    if value in ("", IMAGENET) or value.endswith(WEIGHT_ENDINGS):
        return None
    return f"{IMAGENET}, a .weights.h5 or a .h5 file"


def _sample_counts(value) -> str | None:
    ascending = value and all(a < b for a, b in itertools.pairwise((0, *value)))
    if value == (0,) or ascending:
        return None
    return "0, or ascending numbers of samples with commas between, such as 10000,10000000"


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
    likelihood_samples: tuple = setting(
        (0,),
        "log-likelihood of the test images by a Parzen window on so many decoded samples of the "
        "prior, for each number given; 0 for none. 10000 takes seconds, 10000000 a thousand times "
        "as long, and stopped, goes on where it was",
        _sample_counts,
        changes_run=False,
    )
    cache_dir: str = setting(
        "",
        "where the classifiers that judge samples are kept (default: aae_tf in $XDG_CACHE_HOME or "
        "~/.cache)",
        changes_run=False,
    )

    def covers(self, asked: EvaluationSettings) -> bool:
        """Whether what was judged by these settings has all that others ask for."""
        if asked.sample_quality:
            found, wanted = (
                (each.sample_quality, each.quality_samples, each.inception_weights)
                for each in (self, asked)
            )
            if found != wanted:
                return False
        return {*asked.likelihood_samples} - {0} <= {*self.likelihood_samples}
