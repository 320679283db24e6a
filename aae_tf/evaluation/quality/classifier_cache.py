"""Where the classifiers that judge samples are kept: one file for each data set."""

from __future__ import annotations

import hashlib
import io
import os
import pathlib
import zipfile
import zlib

import numpy as np

from aae_tf.data import ImageData
from aae_tf.evaluation.quality.blocks import note
from aae_tf.evaluation.quality.classifier import RECIPE, Classifier
from aae_tf.utils import write_aside


def cache_folder(cache_dir: str = "") -> pathlib.Path:
    """The cache's folder: the one given, else aae_tf in $XDG_CACHE_HOME or ~/.cache."""
    if cache_dir:
        return pathlib.Path(os.path.expanduser(cache_dir))
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    chosen = base if os.path.isabs(base) else os.path.expanduser("~/.cache")
    return pathlib.Path(chosen) / "aae_tf"


def can_classify(data: ImageData) -> bool:
    """Whether the training images have labels of two classes or more, numbered from 0."""
    labels = data.train.labels
    return labels is not None and len(labels) > 0 and labels.min() >= 0 and labels.max() > 0


def classifier_of(data: ImageData, cache_dir: str = "") -> Classifier:
    """The classifier of a data set: the one kept, or else one that is trained now and kept.

    A file that can't be used is replaced.

    Args:
      data: of which `can_classify` holds.
      cache_dir: see `folder`.
    """
    made = Classifier(data.image_shape, data.num_classes)
    path = cache_folder(cache_dir) / "classifiers" / f"{_key(data)}.npz"
    try:
        made.take(_read(path, len(made.weights)))
        return made
    except FileNotFoundError:
        pass
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        note(f"{path} can't be used ({error}): the classifier is trained again")
    made.train(data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, made.weights)
    except OSError as error:
        # It judges this run all the same; the next one has to train it again.
        note(f"{path} can't be written ({error.strerror}): the classifier isn't kept")
    return made


def _key(data: ImageData) -> str:
    """Of the training images, their labels and how the classifier is made of them."""
    told = data.describe()
    labels = np.ascontiguousarray(data.train.labels, np.int64)
    parts = (RECIPE, told["sha256_of_train"], data.image_shape, data.num_classes)
    return hashlib.sha256(repr(parts).encode() + labels.tobytes()).hexdigest()


def _read(path, count) -> list[np.ndarray]:
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        if len(arrays.files) != count:
            raise ValueError(f"{len(arrays.files)} arrays, expected {count}")
        return [arrays[f"weight_{number}"] for number in range(count)]


def _write(path, weights) -> None:
    content = io.BytesIO()
    np.savez(content, **{f"weight_{number}": weight for number, weight in enumerate(weights)})
    write_aside(path, content.getvalue())
