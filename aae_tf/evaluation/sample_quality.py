"""All the numbers on samples, of one method against one split."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from aae_tf import seeds
from aae_tf.data import ImageData, Split
from aae_tf.evaluation import inference
from aae_tf.evaluation.classifier import Classifier, can_classify, classifier_of
from aae_tf.evaluation.inception import inception_of
from aae_tf.evaluation.sample_metrics import (
    NEIGHBOURS,
    coarse_pixels,
    frechet_distance,
    kernel_distance,
    nearest_images,
    precision_recall,
    sharpness,
)
from aae_tf.methods import Method
from aae_tf.settings import EvaluationSettings
from aae_tf.utils import evenly_spaced

LOOKED_AT = 1000  # samples, and images, whose sharpness and nearest training image is found

Features = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class _Judged:
    """What is kept of a set of images.

    Args:
      features: `(size, dim)` by the name of what sees them.
      shown: some of the images, `(at most 1000, height, width, channels)`.
    """

    features: Mapping[str, np.ndarray]
    shown: np.ndarray


def check(settings: EvaluationSettings) -> None:
    """Tells of wrong weights before a run has been trained for them.

    Raises:
      DataError: if a file of weights can't be used.
    """
    if settings.sample_quality and settings.inception_weights:
        inception_of(settings.inception_weights)


class SampleQuality:
    """Judges samples of a method's prior.

    Args:
      method: whose samples to judge; its weights may change between calls.
      data: whose training images samples may be copies of, and a classifier learns from.
      settings: how many samples, and by which networks.
      seed: of the samples.
    """

    def __init__(
        self, method: Method, data: ImageData, settings: EvaluationSettings, seed: seeds.Seed
    ):
        self._method, self._data, self._settings, self._seed = method, data, settings, seed
        self._drawn: dict[str, tuple[_Judged, float]] = {}

    def measure(self, split: Split) -> dict[str, float]:
        """The measures of samples against a split's images, by name.

        Returns:
          'quality_samples': how many; 'fid' and 'kid': in InceptionV3's features, if its weights
          are there; 'fid_classifier' and 'kid_classifier': in those of a classifier of the data,
          with its 'classifier_accuracy' on the split, and 'precision' and 'recall' in the same
          features, or, if there are no labels to learn from, 'precision_pixels' and
          'recall_pixels' in coarse pixels; 'sharpness'; 'nearest_training_distance'. Each but the
          first and the accuracy has its '..._of_data': the same number for real images.
        """
        samples, to_train = self._samples()
        count = self._settings.quality_samples
        held_out = self._judge(inference.blocks_of_split(split, "held-out images"), len(split))
        found = {"quality_samples": float(count)}
        for name, real in held_out.features.items():
            found |= _distances(name, samples.features[name], self._train.features[name], real)
        if "classifier" in held_out.features and split.labels is not None:
            classes = self._classifier.classes(held_out.features["classifier"])
            found["classifier_accuracy"] = float(np.mean(classes == split.labels))
        if min(self._data.image_shape[:2]) >= 3:
            found["sharpness"] = float(sharpness(samples.shown).mean())
            found["sharpness_of_data"] = float(sharpness(held_out.shown).mean())
        found["nearest_training_distance"] = to_train
        found["nearest_training_distance_of_data"] = self._distance_to_train(held_out.shown)
        return found

    def _samples(self) -> tuple[_Judged, float]:
        """The samples, and their mean distance to the training images; again for new weights."""
        state = inference.weights_digest(self._method)
        if state not in self._drawn:
            count = self._settings.quality_samples
            drawn = inference.blocks_of_samples(self._method, self._seed, count, "samples")
            judged = self._judge(drawn, count)
            self._drawn = {state: (judged, self._distance_to_train(judged.shown))}
        return self._drawn[state]

    @functools.cached_property
    def _train(self) -> _Judged:
        """As many training images as samples: what a perfect model's samples would be like."""
        train = self._data.train
        rows = evenly_spaced(len(train), self._settings.quality_samples)
        return self._judge(inference.blocks_of_split(train, "training images", rows), len(rows))

    def _judge(self, images: Iterable[np.ndarray], count: int) -> _Judged:
        """Features of all images, and evenly spaced ones of them as they are."""
        rows, start = evenly_spaced(count, LOOKED_AT), 0
        features: dict[str, list[np.ndarray]] = {name: [] for name in self._judges}
        shown = []
        for block in images:
            for name, see in self._judges.items():
                features[name].append(see(block))
            inside = rows[(rows >= start) & (rows < start + len(block))]
            shown.append(block[inside - start])
            start += len(block)
        seen = {name: np.concatenate(parts) for name, parts in features.items()}
        return _Judged(seen, np.concatenate(shown))

    def _distance_to_train(self, images: np.ndarray) -> float:
        return float(nearest_images(images, self._data.train)[1].mean())

    @functools.cached_property
    def _classifier(self) -> Classifier | None:
        if not can_classify(self._data):
            return None
        return classifier_of(self._data, self._settings.cache_dir)

    @functools.cached_property
    def _judges(self) -> Mapping[str, Features]:
        found: dict[str, Features] = {}
        inception = inception_of(self._settings.inception_weights)
        if inception is not None:
            found["inception"] = inception.features
        if self._classifier is not None:
            found["classifier"] = self._classifier.features
        else:
            found["pixels"] = coarse_pixels
        return found


def _distances(
    name: str, samples: np.ndarray, train: np.ndarray, real: np.ndarray
) -> dict[str, float]:
    """What the features of one kind say of samples, and of training images in their place."""
    found = {}
    for ending, own in (("", samples), ("_of_data", train)):
        if name != "pixels":
            suffix = "" if name == "inception" else f"_{name}"
            found[f"fid{suffix}{ending}"] = frechet_distance(own, real)
            found[f"kid{suffix}{ending}"] = kernel_distance(own, real)
        if name != "inception" and min(len(own), len(real)) > NEIGHBOURS:
            suffix = "_pixels" if name == "pixels" else ""
            shares = precision_recall(own, real)
            found[f"precision{suffix}{ending}"], found[f"recall{suffix}{ending}"] = shares
    return found
