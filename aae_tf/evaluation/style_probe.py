"""How well style and class are apart (AAE, section 4).

The classifiers are scikit-learn's, trained with a fixed seed on training images or on their codes;
none of them is part of what is evaluated.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from aae_tf.evaluation.sample_metrics import coarse_pixels

SEED = 0
READER_UNITS, READER_EPOCHS = (300,), 12
READER_BYTES = 2**30  # of float32 pixels that the reader learns from, at most
READER_SIDE = 64  # pixels; larger images are averaged down to it
PROBE_UNITS, PROBE_EPOCHS = (100,), 20
PROBE_CODES = 20_000  # codes that probes learn from, at most


class Reader:
    """An independent classifier of images: one hidden layer, trained on training images.

    Args:
      blocks: of intensities `(some, height, width, channels)` in 0..1, n in all.
      labels: `(n,)`.
    """

    def __init__(self, blocks: Iterable[np.ndarray], labels: np.ndarray):
        self._classifier = _mlp(READER_UNITS, READER_EPOCHS)
        pixels = np.concatenate([coarse_pixels(block, READER_SIDE) for block in blocks])
        _fit(self._classifier, pixels, labels)

    def read(self, images: np.ndarray) -> np.ndarray:
        """The classes of images, `(n,)`."""
        return self._classifier.predict(coarse_pixels(np.clip(images, 0, 1), READER_SIDE))


def readable(image_shape: Sequence[int]) -> int:
    """How many images of a shape a reader learns from, at most: as many as memory is bounded for.

    All 50,000 of MNIST.
    """
    height, width, channels = image_shape
    pixels = min(height, READER_SIDE) * min(width, READER_SIDE) * channels
    return READER_BYTES // (4 * pixels)


def probe_metrics(
    codes: np.ndarray, labels: np.ndarray, held_out: np.ndarray, held_out_labels: np.ndarray
) -> dict[str, float]:
    """How much of the class is left in the style code.

    Args:
      codes: of training images, `(n, latent_dim)`.
      labels: theirs, `(n,)`.
      held_out: codes of the images to score, `(m, latent_dim)`.
      held_out_labels: theirs.

    Returns:
      'class_from_style_linear' and 'class_from_style_mlp': the share of held-out images whose class
      a logistic regression and a network of one hidden layer read from the code alone; and
      'class_by_chance': what the commonest class gives.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    codes, labels = codes[:PROBE_CODES], labels[:PROBE_CODES]
    probes = {
        "linear": LogisticRegression(max_iter=1000),
        "mlp": _mlp(PROBE_UNITS, PROBE_EPOCHS),
    }
    metrics = {}
    for name, probe in probes.items():
        whole = make_pipeline(StandardScaler(), probe)
        _fit(whole, codes, labels)
        metrics[f"class_from_style_{name}"] = float(whole.score(held_out, held_out_labels))
    metrics["class_by_chance"] = float(np.bincount(held_out_labels).max() / len(held_out_labels))
    return metrics


def _mlp(units, epochs):
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(units, batch_size=200, max_iter=epochs, random_state=SEED, tol=0.0)


def _fit(classifier, features, labels):
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # It is stopped after so many epochs on purpose.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(features, labels)
