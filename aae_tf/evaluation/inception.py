"""Features of InceptionV3, in which the Fréchet distance is called FID (Heusel et al., 2017)."""

from __future__ import annotations

import os
import pathlib

import h5py
import keras
import numpy as np
import tensorflow as tf

from aae_tf.data import tfds
from aae_tf.errors import DataError
from aae_tf.settings.evaluation import IMAGENET
from aae_tf.utils import note

SIDE, FEATURES = 299, 2048
BATCH = 50  # images of 299 x 299 at once


class Inception:
    """keras.applications' InceptionV3 without its top, pooled.

    Args:
      weights: 'imagenet', or a .weights.h5 or .h5 file.

    Raises:
      DataError: if the file can't be used.
      OSError: if 'imagenet' can't be had.
    """

    def __init__(self, weights: str):
        self._model = _load(weights)
        self._predict = tf.function(self._pooled, reduce_retracing=True, autograph=False)

    def features(self, images: np.ndarray) -> np.ndarray:
        """The pooled features `(n, 2048)` of images in 0..1, grey or RGB, of any size."""
        if images.shape[-1] != 3:
            images = np.repeat(images[..., :1], 3, -1)
        starts = range(0, len(images), BATCH)
        blocks = [tf.constant(images[start : start + BATCH], tf.float32) for start in starts]
        return np.concatenate([self._predict(block).numpy() for block in blocks])

    def _pooled(self, images):
        # Antialiased where they become smaller; where they grow that changes nothing.
        resized = tf.image.resize(images, (SIDE, SIDE), antialias=True)
        seen = keras.applications.inception_v3.preprocess_input(255 * resized)
        return self._model(seen, training=False)


def inception_of(weights: str) -> Inception | None:
    """The network of these weights, or None if there are none or 'imagenet' can't be had.

    Raises:
      DataError: if a file can't be used.
    """
    if not weights:
        return None
    try:
        return Inception(weights)
    except OSError as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        note(f"no fid and kid: --inception_weights={weights} can't be had ({reason})")
        return None


def _load(weights) -> keras.Model:
    build = keras.applications.InceptionV3
    options = {"include_top": False, "pooling": "avg", "input_shape": (SIDE, SIDE, 3)}
    if weights == IMAGENET:
        if not _is_cached() and not tfds.has_network():
            raise OSError("no network")
        try:
            return build(weights=IMAGENET, **options)
        except Exception as error:  # of several kinds: no network, no space, a changed checksum
            raise OSError(str(error)) from None
    expected = "keras.applications' InceptionV3 without its top, as .weights.h5 or .h5"
    path = pathlib.Path(os.path.expanduser(weights))
    if not path.is_file():
        raise DataError(f"--inception_weights={weights}: no such file; expected {expected}")
    if not h5py.is_hdf5(path):
        raise DataError(f"--inception_weights={weights}: not HDF5; expected {expected}")
    model = build(weights=None, **options)
    try:
        model.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds for what isn't such a file
        reason = " ".join(str(error).split())[:160]
        raise DataError(
            f"--inception_weights={weights}: can't be used ({reason}); expected {expected}"
        ) from None
    return model


def _is_cached() -> bool:
    """Whether Keras has downloaded the weights before."""
    home = pathlib.Path(os.path.expanduser(os.environ.get("KERAS_HOME", "~/.keras")))
    return any((home / "models").glob("inception_v3*notop.h5"))
