"""How a run is evaluated, and what its samples are drawn from once it is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from aae_tf.errors import SettingsError
from aae_tf.settings.fields import Checked, at_least, one_of, sample_counts, setting

IMAGENET = "imagenet"
SAMPLER_FLAGS = ("sampler", "sampler_components")
WEIGHT_ENDINGS = (".h5", ".hdf5")
# Numbers in the covariances of a mixture: 134 MB in float64.
MOST_COVARIANCES = 2**24


def _weights(value) -> str | None:
    if value in ("", IMAGENET) or value.endswith(WEIGHT_ENDINGS):
        return None
    return f"{IMAGENET}, a .weights.h5 or a .h5 file"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Checked):
    """Evaluation (also of a finished run, with --mode=evaluate)"""

    sample_quality: bool = setting(
        False,
        "evaluate decoded samples of the prior at the end: Fréchet and kernel distances, precision "
        "and recall, sharpness, nearest training images; see docs/metrics.md",
        changes_run=False,
    )
    quality_samples: int = setting(
        10_000, "how many samples are evaluated", at_least(100, 10**6), changes_run=False
    )
    inception_weights: str = setting(
        "",
        f"{IMAGENET} (which Keras downloads) or a file of keras.applications' InceptionV3 without "
        "its top: adds fid and kid",
        _weights,
        changes_run=False,
        is_path=True,
    )
    sampler: str = setting(
        "prior",
        "what samples are decoded from once the run is trained: its prior, or what is fitted to "
        "codes of training images then: gmm, a mixture of Gaussians, or kde, a kernel density; "
        "--mode=export takes another one too",
        one_of("prior", "gmm", "kde"),
        changes_run=False,
    )
    sampler_components: int = setting(
        10, "Gaussians in the mixture of --sampler=gmm", at_least(1, 1000), changes_run=False
    )
    likelihood_samples: tuple = setting(
        (0,),
        "log-likelihood of the test images by a Parzen window on so many decoded samples of the "
        "prior, for each number given; 0 for none. 10000 takes seconds, 10000000 a thousand times "
        "as long, and stopped, continues where it was",
        sample_counts,
        changes_run=False,
    )
    cache_dir: str = setting(
        "",
        "where the classifiers that evaluate samples lie (default: aae_tf in $XDG_CACHE_HOME or "
        "~/.cache)",
        changes_run=False,
        is_path=True,
    )

    @property
    def fitted(self) -> str:
        """What samples are drawn from, in words; empty where that is the prior."""
        return {
            "prior": "",
            "gmm": f"a mixture of {self.sampler_components} Gaussians fitted to codes",
            "kde": "a kernel density of codes",
        }[self.sampler]

    def check_code(self, latent_dim: int) -> None:
        """Checks that a mixture of codes of that size fits in memory.

        Raises:
          SettingsError: if it doesn't.
        """
        most = MOST_COVARIANCES // latent_dim**2
        if self.sampler == "gmm" and not most:
            expected = f"prior or kde with --latent_dim={latent_dim}: covariances are too large"
            raise SettingsError("sampler", "gmm", expected)
        if self.sampler == "gmm" and self.sampler_components > most:
            expected = f"at most {most} with --latent_dim={latent_dim}"
            raise SettingsError("sampler_components", self.sampler_components, expected)

    def draws_like(self, flags: Any) -> bool:
        """Whether samples come from the same as by the flags of a result or a model card."""
        flags = flags if isinstance(flags, Mapping) else {}
        if flags.get("sampler", "prior") != self.sampler:
            return False
        return self.sampler != "gmm" or flags.get("sampler_components") == self.sampler_components

    def covers(self, asked: EvaluationSettings) -> bool:
        """Whether what was evaluated by these settings has all that others ask for."""
        if asked.sample_quality:
            ours, theirs = (
                (each.sample_quality, each.quality_samples, each.inception_weights)
                for each in (self, asked)
            )
            if ours != theirs:
                return False
        if self.fitted != asked.fitted:
            return False
        return {*asked.likelihood_samples} - {0} <= {*self.likelihood_samples}
