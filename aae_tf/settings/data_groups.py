"""Settings of data and of evaluation, which say nothing of the model."""

from __future__ import annotations

import dataclasses

from aae_tf.settings.fields import (
    MOST_PIXELS,
    Checked,
    at_least,
    one_of,
    sample_counts,
    setting,
)

IMAGENET = "imagenet"
WEIGHT_ENDINGS = (".h5", ".hdf5")


def _weights(value) -> str | None:
    if value in ("", IMAGENET) or value.endswith(WEIGHT_ENDINGS):
        return None
    return f"{IMAGENET}, a .weights.h5 or a .h5 file"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSettings(Checked):
    """Data"""

    dataset: str = setting(
        "mnist",
        "mnist (in the package), a TensorFlow Datasets name, or the path of your own images: a "
        "folder (flat, one folder a class, or tfds.ImageFolder's split/class), an .npz, .npy or "
        ".mat; or features: a .csv, .parquet or rows of numbers in an .npz or .npy",
        lambda value: None if value else "a name or a path",
        is_path=True,
    )
    data_dir: str = setting(
        "",
        "where TensorFlow Datasets keeps its data (default: its own)",
        changes_run=False,
        is_path=True,
    )
    crop_size: int = setting(
        0,
        "side of the square cut out of the centre of each image of a folder or TensorFlow Datasets "
        "name; 0 keeps all of it, or the largest square where --image_size asks for one",
        at_least(0, MOST_PIXELS),
    )
    image_size: int = setting(
        0,
        "side to which images of a folder or TensorFlow Datasets name are resized, after the crop; "
        "0 keeps them",
        at_least(0, MOST_PIXELS),
    )
    skip_broken_images: bool = setting(
        False, "pass over files of a folder that are no readable images, and count them"
    )
    stream: str = setting(
        "auto",
        "whether training images are read from disk while training instead of kept in memory: auto "
        "does so above 8 GiB of pixels",
        one_of("auto", "always", "never"),
        changes_run=False,
    )
    train_split: str = setting(
        "train",
        "what a TensorFlow Datasets name trains on, such as train+extra",
        lambda value: None if value else "the name of a split, such as train or train+extra",
    )
    standardize: bool = setting(
        False,
        "give the networks images less the mean and over the sd of each pixel, or feature, taken "
        "over the training images",
    )
    label_column: str = setting(
        "label",
        "the column of a .csv or .parquet that holds the class; label needn't be there",
    )


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

    def covers(self, asked: EvaluationSettings) -> bool:
        """Whether what was evaluated by these settings has all that others ask for."""
        if asked.sample_quality:
            ours, theirs = (
                (each.sample_quality, each.quality_samples, each.inception_weights)
                for each in (self, asked)
            )
            if ours != theirs:
                return False
        return {*asked.likelihood_samples} - {0} <= {*self.likelihood_samples}
