"""The metrics of samples, of one method against one split."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from aae_tf import seeds
from aae_tf.data import ImageData, Split
from aae_tf.data.images import images_at_once
from aae_tf.evaluation.classifier import Classifier, can_classify, classifier_of
from aae_tf.evaluation.inception import inception_of
from aae_tf.evaluation.inference import blocks_of_samples
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
from aae_tf.training.variables import digest, network_variables
from aae_tf.utils import evenly_spaced

IN_PIXELS = 1000  # samples, and images, of which sharpness and the nearest training image are taken
BYTES_IN_PIXELS = 2**28  # of float32, of them: 1000 images of 128 x 128 x 3 fit, and fewer larger

Features = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class _ImageSet:
    """What metrics need of a set of images.

    Args:
      features: `(size, dim)` by the name of the function that gives them.
      some: of the images, `(at most 1000, height, width, channels)`.
    """

    features: Mapping[str, np.ndarray]
    some: np.ndarray


def check(settings: EvaluationSettings) -> None:
    """Refuses wrong weights before a run has been trained for them.

    Raises:
      DataError: if a file of weights can't be used.
    """
    if settings.sample_quality and settings.inception_weights:
        inception_of(settings.inception_weights)


class SampleQuality:
    """Evaluates samples of a method's prior, and of what was fitted to its codes, if anything.

    Args:
      method: whose samples to evaluate; its weights may change between calls.
      data: whose training images samples may be copies of, and a classifier learns from.
      settings: how many samples, and by which networks.
      seed: of the samples.
    """

    def __init__(
        self, method: Method, data: ImageData, settings: EvaluationSettings, seed: seeds.Seed
    ):
        self._method, self._data, self._settings, self._seed = method, data, settings, seed
        self._drawn: dict[str, Mapping[str, tuple[_ImageSet, float]]] = {}

    def evaluate(self, split: Split) -> dict[str, float]:
        """The metrics of samples against a split's images, by name.

        Returns:
          'quality_samples': how many; 'fid' and 'kid': in InceptionV3's features, if its weights
          are there; 'fid_classifier' and 'kid_classifier': in those of a classifier of the data,
          with its 'classifier_accuracy' on the split, and 'precision' and 'recall' in the same
          features, or, if there are no labels to learn from, 'precision_pixels' and
          'recall_pixels' in coarse pixels; 'sharpness'; 'nearest_training_distance'. Each but the
          first and the accuracy has its '..._of_data': the same number for real images; and
          '..._of_sampler' where samples are drawn from what was fitted to codes, too.
        """
        held_out = self._image_set(split.blocks("held-out images"), len(split))
        metrics = {"quality_samples": float(self._settings.quality_samples)}
        samples = self._samples()
        for name, real in held_out.features.items():
            for ending, (images, _) in samples.items():
                metrics |= _distances(name, images.features[name], real, ending)
            metrics |= _distances(name, self._train.features[name], real, "_of_data")
        if "classifier" in held_out.features and split.labels is not None:
            classes = self._classifier.classes(held_out.features["classifier"])
            metrics["classifier_accuracy"] = float(np.mean(classes == split.labels))
        if min(self._data.image_shape[:2]) >= 3:
            for ending, (images, _) in samples.items():
                metrics[f"sharpness{ending}"] = float(sharpness(images.some).mean())
            metrics["sharpness_of_data"] = float(sharpness(held_out.some).mean())
        for ending, (_, distance) in samples.items():
            metrics[f"nearest_training_distance{ending}"] = distance
        metrics["nearest_training_distance_of_data"] = self._distance_to_train(held_out.some)
        return metrics

    def _samples(self) -> Mapping[str, tuple[_ImageSet, float]]:
        """Samples and their mean distance to the training images, by how their metrics end.

        Drawn again for new weights.
        """
        state = digest(network_variables(self._method.networks))
        if state not in self._drawn:
            drawn, count = {}, self._settings.quality_samples
            for ending, sampler in self._samplers.items():
                label = f"samples{ending.replace('_', ' ')}"
                blocks = blocks_of_samples(self._method, self._seed, count, label, sampler)
                samples = self._image_set(blocks, count)
                drawn[ending] = (samples, self._distance_to_train(samples.some))
            self._drawn = {state: drawn}
        return self._drawn[state]

    @property
    def _samplers(self) -> Mapping[str, Any]:
        """The prior, and what was fitted, if anything, by how their metrics end."""
        fitted = self._method.fitted
        of_sampler = {} if fitted is None else {"_of_sampler": fitted}
        return {"": self._method.prior, **of_sampler}

    @functools.cached_property
    def _train(self) -> _ImageSet:
        """As many training images as samples: what a perfect model's samples would be like."""
        train = self._data.train
        rows = evenly_spaced(len(train), self._settings.quality_samples)
        return self._image_set(train.blocks("training images", rows), len(rows))

    def _image_set(self, blocks: Iterable[np.ndarray], count: int) -> _ImageSet:
        """Features of all images, and evenly spaced ones of them as they are."""
        most = images_at_once(self._data.image_shape, IN_PIXELS, BYTES_IN_PIXELS)
        rows, start = evenly_spaced(count, most), 0
        features: dict[str, list[np.ndarray]] = {name: [] for name in self._extractors}
        some = []
        for block in blocks:
            for name, extract in self._extractors.items():
                features[name].append(extract(block))
            inside = rows[(rows >= start) & (rows < start + len(block))]
            some.append(block[inside - start])
            start += len(block)
        whole = {name: np.concatenate(parts) for name, parts in features.items()}
        return _ImageSet(whole, np.concatenate(some))

    def _distance_to_train(self, images: np.ndarray) -> float:
        return float(nearest_images(images, self._data.train)[1].mean())

    @functools.cached_property
    def _classifier(self) -> Classifier | None:
        if not can_classify(self._data):
            return None
        return classifier_of(self._data, self._settings.cache_dir)

    @functools.cached_property
    def _extractors(self) -> Mapping[str, Features]:
        """The functions that give features of images."""
        extractors: dict[str, Features] = {}
        inception = inception_of(self._settings.inception_weights)
        if inception is not None:
            extractors["inception"] = inception.features
        if self._classifier is not None:
            extractors["classifier"] = self._classifier.features
        else:
            extractors["pixels"] = coarse_pixels
        return extractors


def _distances(name: str, features: np.ndarray, real: np.ndarray, ending: str) -> dict[str, float]:
    """Metrics of features of one kind, whose names end so."""
    metrics = {}
    if name != "pixels":
        suffix = "" if name == "inception" else f"_{name}"
        metrics[f"fid{suffix}{ending}"] = frechet_distance(features, real)
        metrics[f"kid{suffix}{ending}"] = kernel_distance(features, real)
    if name != "inception" and min(len(features), len(real)) > NEIGHBOURS:
        suffix = "_pixels" if name == "pixels" else ""
        precision, recall = precision_recall(features, real)
        metrics[f"precision{suffix}{ending}"] = precision
        metrics[f"recall{suffix}{ending}"] = recall
    return metrics
