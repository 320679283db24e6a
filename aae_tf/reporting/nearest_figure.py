"""Samples beside what they may have been copied from."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from aae_tf.data import ImageData
from aae_tf.evaluation import Evaluator
from aae_tf.evaluation.sample_metrics import nearest_images
from aae_tf.methods import Method
from aae_tf.reporting.style import new_figure, styled, tile

COLUMNS, ROWS = 10, 4


def nearest(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Rows of samples, below each its nearest training image."""
    drawn = evaluator.samples(COLUMNS * ROWS)
    rows, distances = nearest_images(drawn, data.train)
    chosen, place = np.unique(rows, return_inverse=True)
    originals = data.train.take(chosen).intensities()[place.reshape(-1)]
    shape = (ROWS, 1, COLUMNS, *drawn.shape[1:])
    pairs = np.concatenate([drawn.reshape(shape), originals.reshape(shape)], axis=1)
    canvas = tile(pairs.reshape(-1, *drawn.shape[1:]), COLUMNS)
    figure = new_figure(5, 5 * canvas.shape[0] / canvas.shape[1] + 0.6)
    with styled():
        axes = figure.add_subplot(title="Samples and their nearest training images")
        axes.imshow(canvas, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_xlabel(
            "samples in odd rows, below each its nearest training image\n"
            f"(Euclidean distance of the pixels, on average {distances.mean():.3g})"
        )
    return figure
