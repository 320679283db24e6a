"""A small convolutional classifier of the data at hand, in whose features samples are evaluated.

It is trained once for a data set and cached on disk, so that all runs are evaluated by the same
one. It has no part in what is evaluated, and depends on no setting of a run.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import pathlib
import zipfile
import zlib

import keras
import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data import ImageData, Split
from aae_tf.data.pipeline import epoch_order
from aae_tf.evaluation.sample_metrics import coarse
from aae_tf.seeds import name_number
from aae_tf.utils import evenly_spaced, note, progress_bar, to_bytes, write_aside

RECIPE = 1  # a new number for whatever changes the weights: older files are then left alone
FEATURES = 128
SEED = 0
BATCH, LEARNING_RATE, STEPS, EPOCHS = 128, 2e-3, 1100, (3, 60)
IMAGES_AT_MOST, BYTES_AT_MOST = 50_000, 2**30  # that it learns from, in memory as uint8
SMALLEST_SIDE, MOST_FILTERS = 8, 128
LARGEST_SIDE = 128  # pixels; larger images are averaged down to it


class Classifier:
    """Tells the classes of a data set's images apart, and has features of them.

    Args:
      image_shape: `(height, width, channels)`.
      num_classes: two or more.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int):
        height, width, channels = image_shape
        self._seen = (min(height, LARGEST_SIDE), min(width, LARGEST_SIDE), channels)
        self._model = _build(self._seen, num_classes)
        self._predict = tf.function(self._model, reduce_retracing=True, autograph=False)

    @property
    def weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of the layers."""
        return self._model.get_weights()

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Replaces all weights.

        Raises:
          ValueError: if there are others than it has, or some aren't finite.
        """
        if [w.shape for w in weights] != [w.shape for w in self._model.weights]:
            raise ValueError("weights of other shapes")
        if not all(w.dtype == np.float32 and np.isfinite(w).all() for w in weights):
            raise ValueError("weights that aren't finite numbers of 32 bits")
        self._model.set_weights(weights)

    def features(self, images: np.ndarray) -> np.ndarray:
        """The last hidden layer `(n, 128)` of images in 0..1; of mean square 1 over the data."""
        seen = coarse(images, LARGEST_SIDE)
        return self._predict(tf.constant(seen, tf.float32))[0].numpy()

    def classes(self, features: np.ndarray) -> np.ndarray:
        """The most probable class of each image `(n,)`, from its features."""
        kernel, bias = self.weights[-2:]
        return (features @ kernel + bias).argmax(1)

    def train(self, data: ImageData) -> None:
        """Learns from up to 50,000 training images, the same ones in the same order always."""
        fitting = max(1000, BYTES_AT_MOST // math.prod(self._seen))
        rows = evenly_spaced(len(data.train), min(IMAGES_AT_MOST, fitting))
        labels = tf.constant(data.train.labels[rows], tf.int32)
        blocks = data.train.blocks("images for the classifier", rows)
        images = np.concatenate([to_bytes(coarse(block, LARGEST_SIDE)) for block in blocks])
        batch = min(BATCH, len(rows))
        steps = len(rows) // batch  # in an epoch
        epochs = min(max(math.ceil(STEPS / steps), EPOCHS[0]), EPOCHS[1])
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps * epochs)
        optimizer = keras.optimizers.Adam(rate)
        optimizer.build(self._model.trainable_variables)

        @tf.function(autograph=False)
        def learn(batch_images, batch_labels):
            with tf.GradientTape() as tape:
                _, logits = self._model(tf.cast(batch_images, tf.float32) / 255, training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch_labels, logits)
                loss = tf.reduce_mean(losses)
            variables = self._model.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)

        seed = seeds.fold(seeds.root(SEED), "quality_classifier")
        bar = progress_bar(
            None, "step", late=True, label="training the classifier", over=range(steps * epochs)
        )
        for step in bar:
            epoch, number = divmod(step, steps)
            if not number:
                order = epoch_order(seed, epoch, len(rows)).numpy()
            chosen = order[number * batch : (number + 1) * batch]
            learn(tf.constant(images[chosen]), tf.gather(labels, chosen))
        self._scale(images)

    def _scale(self, images) -> None:
        """Makes the features' mean square 1 over these images, which changes no class.

        Distances of features then have one unit whatever the data, and the cubic kernel, which has
        none, isn't ruled by a few large products.
        """
        squares = [
            np.square(self.features(block), dtype=np.float64).sum()
            for block in Split(images).blocks("features of the classifier")
        ]
        size = np.float32(max(np.sqrt(sum(squares) / (len(images) * FEATURES)), 1e-6))
        *lower, kernel, bias, last_kernel, last_bias = self.weights
        self.set_weights([*lower, kernel / size, bias / size, last_kernel * size, last_bias])


def _build(image_shape, num_classes) -> keras.Model:
    """Convolutions that halve the image until its side is 8 or less, then two dense layers."""
    layers = keras.layers

    def conv(filters, stride, number):
        return layers.Conv2D(
            filters,
            3,
            stride,
            "same",
            activation="relu",
            dtype="float32",
            kernel_initializer=_initial("HeNormal", f"conv{number}"),
        )

    def dense(units, activation, scheme):
        return layers.Dense(
            units, activation, dtype="float32", kernel_initializer=_initial(scheme, f"dense{units}")
        )

    images = keras.Input(image_shape, dtype="float32")
    seen = layers.Rescaling(2.0, -1.0, dtype="float32")(images)
    side, filters, number = max(image_shape[:2]), 32, 0
    while side > SMALLEST_SIDE or not number:
        seen = conv(filters, 2, number)(seen)
        side, filters, number = -(-side // 2), min(2 * filters, MOST_FILTERS), number + 1
    seen = layers.Flatten()(conv(filters, 1, number)(seen))
    features = dense(FEATURES, "relu", "HeNormal")(seen)
    return keras.Model(images, [features, dense(num_classes, None, "GlorotUniform")(features)])


def _initial(scheme, name):
    return getattr(keras.initializers, scheme)(seed=name_number(SEED, "quality_classifier", name))


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
    """The classifier of a data set: the cached one, or else one that is trained now.

    A file that can't be used is replaced.

    Args:
      data: of which `can_classify` holds.
      cache_dir: see `cache_folder`.
    """
    classifier = Classifier(data.image_shape, data.num_classes)
    path = cache_folder(cache_dir) / "classifiers" / f"{_key(data)}.npz"
    try:
        classifier.set_weights(_read(path, len(classifier.weights)))
        return classifier
    except FileNotFoundError:
        pass
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        note(f"{path} can't be used ({error}): the classifier is trained again")
    classifier.train(data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, classifier.weights)
    except OSError as error:
        # It serves this run all the same; the next one has to train it again.
        note(f"{path} can't be written ({error.strerror}): the classifier isn't cached")
    return classifier


def _key(data: ImageData) -> str:
    """Of the training images, their labels and how the classifier is trained on them."""
    labels = np.ascontiguousarray(data.train.labels, np.int64)
    parts = (RECIPE, data.train.sha256, data.image_shape, data.num_classes)
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
