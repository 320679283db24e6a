"""Decoded codes between the codes of two held-out images."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from aae_tf.data import ImageData, Split
from aae_tf.evaluation import Evaluator
from aae_tf.methods import Method
from aae_tf.reporting.prior_shape import lies_on_sphere
from aae_tf.reporting.style import class_colour, new_figure, show, styled, tile

PAIRS, STEPS, CANDIDATES = 8, 9, 200


def interpolations(method: Method, data: ImageData, evaluator: Evaluator) -> Figure | None:
    """Pairs of held-out images, one a row, and between them what lies between their codes.

    The codes lie on a straight line, or on the great circle where the prior is a sphere. Where the
    decoder takes a category beside the code, both images of a pair are of the same one, which is
    kept: the style alone changes.

    Returns:
      The figure, or None where there is no pair.
    """
    shown = data.validation.take(slice(0, CANDIDATES))
    categories = categories_of(method, shown, evaluator)
    pairs = pairs_of(categories, len(shown))
    if not len(pairs):
        return None
    codes = evaluator.passes.encode(shown)
    on_sphere = lies_on_sphere(method.prior)
    path = along_sphere if on_sphere else along_line
    between = path(codes[pairs[:, 0]], codes[pairs[:, 1]], STEPS)
    kept = None if categories is None else np.repeat(categories[pairs[:, 0]], STEPS)
    decoded = evaluator.passes.decode(between.reshape(-1, codes.shape[1]), kept)
    originals = shown.intensities()
    rows = [
        np.concatenate([originals[first][None], row, originals[second][None]])
        for (first, second), row in zip(
            pairs, decoded.reshape(len(pairs), STEPS, *method.image_shape), strict=True
        )
    ]
    way = "along the sphere" if on_sphere else "on a straight line"
    note = f"first and last: held-out images; between them decoded codes {way}"
    if categories is not None:
        note += f"\nboth of one {'class' if is_of_labels(method) else 'category'}, which is kept"
    return _figure(np.concatenate(rows), len(pairs), note)


def is_of_labels(method: Method) -> bool:
    """Whether the category that the decoder takes is the image's label, given to it."""
    return bool(method.num_categories) and not hasattr(method, "classify")


def categories_of(method: Method, shown: Split, evaluator: Evaluator) -> np.ndarray | None:
    """What the decoder takes beside the code of each image: its label, or what q(y|x) says."""
    if not method.num_categories:
        return None
    if is_of_labels(method):
        return shown.labels
    return evaluator.passes.classify(shown).argmax(1)


def pairs_of(categories: np.ndarray | None, count: int) -> np.ndarray:
    """Row numbers of images to go between, `(pairs, 2)`: neighbours, each image in one pair.

    Args:
      categories: `(count,)` if both images of a pair are to be of the same one, else None.
      count: of the images.
    """
    found, waiting = [], {}
    for number in range(count):
        category = None if categories is None else int(categories[number])
        if category in waiting:
            found.append((waiting.pop(category), number))
        else:
            waiting[category] = number
    return np.array(found[:PAIRS], int).reshape(-1, 2)


def along_line(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Evenly spaced points from codes to codes, both ends included.

    Args:
      first: `(n, latent_dim)`.
      second: `(n, latent_dim)`.
      steps: points of each line.

    Returns:
      `(n, steps, latent_dim)`.
    """
    share = np.linspace(0, 1, steps)[:, None]
    return first[:, None] * (1 - share) + second[:, None] * share


def along_sphere(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """The same along the great circle, evenly in angle, with lengths that change evenly.

    Opposite codes, between which there are many great circles, take a straight line.
    """
    share = np.linspace(0, 1, steps)[:, None]
    lengths = [np.linalg.norm(codes, axis=-1)[:, None, None] for codes in (first, second)]
    units = [
        codes[:, None] / np.maximum(length, 1e-12)
        for codes, length in zip((first, second), lengths, strict=True)
    ]
    cosine = np.sum(units[0] * units[1], -1, keepdims=True)
    angle = np.arccos(np.clip(cosine, -1, 1))
    sine = np.sin(angle)
    is_straight = sine < 1e-4
    safe = np.where(is_straight, 1, sine)
    turned = (np.sin((1 - share) * angle) * units[0] + np.sin(share * angle) * units[1]) / safe
    curved = turned * (lengths[0] * (1 - share) + lengths[1] * share)
    return np.where(is_straight, along_line(first, second, steps), curved)


def _figure(images: np.ndarray, rows: int, note: str) -> Figure:
    columns = STEPS + 2
    picture = tile(images, columns)
    side = images.shape[2] + 1
    figure = new_figure(
        5.5, 5.5 * picture.shape[0] / picture.shape[1] + 0.45 + 0.15 * note.count("\n")
    )
    with styled():
        axes = figure.add_subplot(title="Interpolations")
        show(axes, picture)
        for edge in (side, (columns - 1) * side):
            axes.axvline(edge - 0.5, color=class_colour(6), lw=1.5)
        axes.set_xlabel(note)
    return figure
