"""Figures of features that are no images: how well each is reconstructed, and each example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from aae_tf.data import ImageData
from aae_tf.figures.style import class_colour, new_figure, plot_style
from aae_tf.methods import Method

if TYPE_CHECKING:
    from aae_tf.evaluation import Evaluator

EXAMPLES = 2000  # held-out ones that are drawn, at most
PANELS, COLUMNS = 12, 4  # features that are drawn, those of the largest variance


def reconstructed_features(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Held-out values across, their reconstructions up, a panel a feature."""
    shown = data.validation.take(slice(0, EXAMPLES))
    values = shown.intensities().reshape(len(shown), -1)
    rebuilt = evaluator.inference.reconstruct(shown).reshape(len(shown), -1)
    chosen = np.sort(np.argsort(values.var(0), kind="stable")[::-1][:PANELS])
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = new_figure(2.1 * columns, 2.1 * rows + 0.3)
    with plot_style():
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, feature in zip(grid, chosen, strict=False):
            axes.scatter(values[:, feature], rebuilt[:, feature], s=3, lw=0, alpha=0.5)
            axes.axline((values[:, feature].mean(),) * 2, slope=1, color="0.5", lw=0.8)
            axes.set_title(feature_name(data, int(feature)), fontsize=8)
            axes.tick_params(labelsize=6)
        for axes in grid[len(chosen) :]:
            axes.set_axis_off()
        figure.supxlabel("held-out value", fontsize=9)
        figure.supylabel("reconstruction", fontsize=9)
    return figure


def reconstruction_errors(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """A histogram of the held-out examples' errors, by class where there are a few."""
    shown = data.validation.take(slice(0, EXAMPLES))
    errors = evaluator.inference.reconstruction_errors(shown)
    figure = new_figure(5, 3)
    with plot_style():
        axes = figure.add_subplot()
        bins = np.histogram_bin_edges(errors, min(50, max(10, len(errors) // 10)))
        classes = [] if shown.labels is None else np.unique(shown.labels).tolist()
        if 1 < len(classes) <= 10:
            for number in classes:
                chosen = {"color": class_colour(number), "label": data.class_label(number)}
                axes.hist(errors[shown.labels == number], bins, histtype="step", **chosen)
            axes.legend(title="class", fontsize=7)
        else:
            axes.hist(errors, bins, color="0.6")
        axes.set(xlabel="half squared error", ylabel="examples")
    return figure


def feature_name(data: ImageData, number: int) -> str:
    """The name of a feature, or its indices."""
    if number < len(data.feature_names):
        return data.feature_names[number][:24]
    return str([int(n) for n in np.unravel_index(number, data.image_shape)])


FIGURES: Mapping[str, object] = {
    "reconstructed_features": reconstructed_features,
    "reconstruction_errors": reconstruction_errors,
}
