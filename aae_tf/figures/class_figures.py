"""The figures of the papers in which classes, clusters or labels have a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import patheffects
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aae_tf.data import ImageData
from aae_tf.figures.style import (
    CLASS_COLOURS,
    MARKERS,
    SEAM,
    Thumbnails,
    class_colour,
    new_figure,
    picture,
    plot_style,
    show,
    tile,
)
from aae_tf.methods import Method
from aae_tf.utils import printable

if TYPE_CHECKING:
    from aae_tf.evaluation import Evaluator

STEPS, STYLES, MEMBERS, POINTS_AT_MOST = 15, 10, 12, 5000
CATEGORIES_AT_MOST = 100  # whose images are drawn, of which each has a row or a column
NAMED_IN_PLACE, LETTERS_IN_PLACE = 12, 12  # classes whose names stand among their points, at most
NAME_LETTERS = 20  # of a class's name beside a row or below a column
FEW_EPOCHS = 10
ANNOTATED = 20  # classes in a confusion matrix with numbers, at most
ROWS_IN_A_BLOCK = 16  # of clusters; more stand in further blocks beside it


def class_label(number: int, class_names: Sequence[str]) -> str:
    """The name of a class as Matplotlib is to show it, its number where it has none."""
    name = class_names[number] if number < len(class_names) else str(number)
    # Else what is between two of them is a formula.
    return printable(name).replace("$", r"\$")


def scatter_classes(
    axes, points: np.ndarray, labels: np.ndarray | None, class_names: Sequence[str]
) -> None:
    """Points `(n, 2)` in their classes' colours and shapes, with names where they are densest.

    The names are for a legend, too. Without labels all points are of one colour.
    """
    if labels is None:
        axes.scatter(*points.T, s=2, color=class_colour(0), linewidths=0, alpha=0.7)
        return
    named, extent = [], np.ptp(points, axis=0).max()
    for number in np.unique(labels):
        mine, name = points[labels == number], class_label(number, class_names)
        look = {"s": 7, "linewidths": 0, "alpha": 0.8, "marker": MARKERS[number % len(MARKERS)]}
        axes.scatter(*mine.T, color=class_colour(number), label=name, **look)
        middle = np.median(mine, axis=0)
        place = mine[np.argmin(((mine - middle) ** 2).sum(1))]
        # Names that would cover each other are in the legend alone.
        is_free = all(np.abs(place - other).max() > 0.06 * extent for other in named)
        if is_free and len(named) < NAMED_IN_PLACE and len(name) <= LETTERS_IN_PLACE:
            named.append(place)
            halo = [patheffects.withStroke(linewidth=2.5, foreground="white")]
            axes.annotate(name, place, ha="center", va="center", path_effects=halo, weight="bold")


def components(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Images along each part of the prior (AAE, figure 4b and 4d): one class a row."""
    axes = method.class_prior.axes(STEPS)[:CATEGORIES_AT_MOST]
    small = Thumbnails(method.image_shape, len(axes), STEPS)
    images = evaluator.inference.decode(axes.reshape(-1, axes.shape[-1]), of_block=small)
    names = [class_label(number, data.class_names) for number in range(len(axes))]
    if method.settings.prior.prior == "swiss_roll":
        across = "along the roll, inside to outside"
    else:
        across = "along the component's long axis, centre of the ring to its outside (±2 sd)"
    return _grid(images, STEPS, row_names=names, across=across, down="class")


def style_grid(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Rows of one style, columns of the categories (AAE, figure 7)."""
    categories = min(method.num_categories, CATEGORIES_AT_MOST)
    codes = np.repeat(evaluator.prior_codes(STYLES), categories, axis=0)
    small = Thumbnails(method.image_shape, STYLES, categories)
    images = evaluator.inference.decode(codes, np.tile(np.arange(categories), STYLES), small)
    are_classes = method.num_categories == method.num_classes and method.labels != "none"
    names = data.class_names if are_classes else ()
    return _grid(
        images,
        categories,
        column_names=[class_label(number, names) for number in range(categories)],
        across="class given to the decoder" if are_classes else "cluster",
        down="samples of the style prior",
    )


def clusters(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Each cluster's head and held-out images of it (AAE, figure 9)."""
    count = min(method.num_categories, CATEGORIES_AT_MOST)
    blocks = -(-count // ROWS_IN_A_BLOCK)
    height = -(-count // blocks)
    small = Thumbnails(data.image_shape, height, MEMBERS + 1)
    codes = np.zeros((count, method.latent_dim))
    heads = evaluator.inference.decode(codes, np.arange(count), small)
    assigned = evaluator.inference.classify(data.validation).argmax(1)
    random = np.random.RandomState(0)  # which members are shown, always the same
    rows = []
    for number in range(count):
        members = random.permutation(np.flatnonzero(assigned == number))[:MEMBERS]
        shown = small.of(data.validation, members)
        blank = np.ones((MEMBERS - len(members), *small.shape), np.float32)
        rows.append(np.concatenate([heads[number][None], shown, blank]))
    figure = new_figure(3.4 * blocks, 0.26 * height + 0.4)
    with plot_style():
        for block, axes in enumerate(np.atleast_1d(figure.subplots(1, blocks))):
            numbers = range(block * height, min((block + 1) * height, count))
            show(axes, tile(np.concatenate([rows[number] for number in numbers]), MEMBERS + 1))
            side = small.shape[0] + 1
            axes.axvline(small.shape[1], color=SEAM, lw=1)
            axes.set_yticks(side * (np.arange(len(numbers)) + 0.5))
            axes.set_yticklabels(numbers, fontsize=7)
            axes.tick_params(length=0)
            axes.set(xlabel="decoded head | held-out", ylabel="cluster" if not block else "")
    return figure


def embedding(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Held-out images in the reduced space, by class, and the cluster heads (AAE, figure 11)."""
    shown = data.validation.take(slice(0, POINTS_AT_MOST))
    points = evaluator.inference.embed(shown)
    heads = np.asarray(method.heads.heads)
    if method.latent_dim > 2:
        points, heads = np.asarray(method.project(points)), np.asarray(method.project(heads))
    elif method.latent_dim == 1:
        points, heads = (np.concatenate([part, 0 * part], 1) for part in (points, heads))
    figure = new_figure(6.2, 5)
    with plot_style():
        axes = figure.add_subplot()
        scatter_classes(axes, points, shown.labels, data.class_names)
        axes.scatter(
            *heads.T, s=90, marker="*", color="white", edgecolors="black", label="cluster head"
        )
        names = ("projected, first", "second") if method.latent_dim > 2 else ("$z_1$", "$z_2$")
        axes.set(xlabel=names[0], ylabel=names[1], aspect="equal")
        figure.legend(title="class", markerscale=1.5, loc="outside right center")
    return figure


def confusion(method: Method, data: ImageData, evaluator: Evaluator) -> Figure | None:
    """Classes of held-out examples and what they are taken for, and the error of each class.

    Returns:
      The figure, or None where the categories aren't the classes, or there are no labels.
    """
    shown, count = data.validation, method.num_classes
    if shown.labels is None or method.labels == "none" or method.num_categories != count:
        return None
    known = shown.labels >= 0
    truth, taken = shown.labels[known], evaluator.inference.classify(shown).argmax(1)[known]
    counts = np.zeros((count, count))
    np.add.at(counts, (truth, taken), 1)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [class_label(number, data.class_names)[:NAME_LETTERS] for number in range(count)]
    side = min(6.0, max(2.0, 0.36 * count))
    figure = new_figure(side + 2.6, side + 0.6)
    with plot_style():
        matrix, errors = figure.subplots(1, 2, sharey=True, width_ratios=(side, 1.6))
        matrix.imshow(shares, cmap="Greys", vmin=0, vmax=100, aspect="auto")
        matrix.set(xlabel="taken for", ylabel="class")
        if count <= ANNOTATED:
            for row, column in zip(*np.nonzero(counts), strict=True):
                colour = "white" if shares[row, column] > 50 else "black"
                look = {"ha": "center", "va": "center", "fontsize": 7, "color": colour}
                matrix.text(column, row, f"{shares[row, column]:.0f}", **look)
        places = range(0, count, -(-count // 40))
        chosen = [names[place] for place in places]
        matrix.set_xticks(
            places, chosen, fontsize=7, rotation=90 if max(map(len, chosen)) > 3 else 0
        )
        matrix.set_yticks(places, chosen, fontsize=7)
        wrong = np.where(counts.sum(1) > 0, 100 - np.diag(shares), 0)
        errors.barh(range(count), wrong, color=CLASS_COLOURS[2])
        errors.set(xlabel="error (percent)", xlim=(0, max(1, 1.05 * wrong.max())))
        errors.tick_params(axis="y", length=0, labelleft=False)
    return figure


def categories_over_training(
    runs: Mapping[str, Sequence[Mapping[str, float]]],
    num_categories: int,
    class_names: Sequence[str] = (),
) -> Figure:
    """What becomes of the softmax: one row a run, its histograms after each epoch as columns.

    Args:
      runs: for each run's title, '' for a single one, the rows of its categories.csv, as numbers.
      num_categories: size of the code.
      class_names: of the categories, where they are classes.
    """
    panels = (
        ("largest_probability", "largest probability", (0.0, 1.0)),
        ("entropy", "entropy (nats)", (0.0, float(np.log(num_categories)))),
        ("usage", "category", (-0.5, num_categories - 0.5)),
    )
    # Of a run alone the panels stand in two rows, in which they are larger in a card.
    height, width = (2, 2) if set(runs) == {""} else (len(runs), len(panels))
    figure = new_figure(3 * width, (3.2 if width == 2 else 2.6) * height)
    with plot_style():
        drawn = [figure.add_subplot(height, width, n + 1) for n in range(len(runs) * len(panels))]
        grid = [drawn[n : n + len(panels)] for n in range(0, len(drawn), len(panels))]
        for row_of_axes, (title, rows) in zip(grid, runs.items(), strict=True):
            epochs = [row["epoch"] for row in rows]
            edges = [2 * epochs[0] - epochs[1] if len(rows) > 1 else epochs[0] - 1, *epochs]
            for axes, (kind, label, (low, high)) in zip(row_of_axes, panels, strict=True):
                names = [name for name in rows[0] if name.startswith(f"{kind}/")]
                table = np.array([[row[name] for name in names] for row in rows]).T
                if kind == "usage":
                    table = table * num_categories
                image = axes.pcolormesh(
                    edges,
                    np.linspace(low, high, len(names) + 1),
                    table,
                    cmap="cividis",
                    vmin=0,
                    vmax=2 if kind == "usage" else 1,
                    rasterized=True,
                )
                axes.set(xlabel="epoch", ylabel=label)
                # A few epochs don't fill the panel: a column is as wide as among ten.
                axes.set(xlim=(edges[0], max(edges[-1], edges[0] + FEW_EPOCHS)), ylim=(low, high))
                axes.xaxis.get_major_locator().set_params(integer=True)
                share = "times an even share" if kind == "usage" else "share of images"
                figure.colorbar(image, ax=axes, label=share)
                if kind == "usage":
                    axes.yaxis.set_major_locator(MaxNLocator(12, integer=True))
                    if 0 < len(class_names) == num_categories <= ANNOTATED:
                        shown = [class_label(n, class_names) for n in range(num_categories)]
                        axes.set_yticks(range(num_categories), [s[:NAME_LETTERS] for s in shown])
                        axes.tick_params(axis="y", labelsize=7)
            if title:
                row_of_axes[1].set_title(title)
    return figure


def _grid(images, columns, *, row_names=(), column_names=(), across="", down="") -> Figure:
    figure = picture(tile(images, columns), across, down, 5.5, columns)
    axes = figure.axes[0]
    for axis, names, size in (
        (axes.yaxis, row_names, images.shape[1] + 1),
        (axes.xaxis, column_names, images.shape[2] + 1),
    ):
        if names:
            axis.set_ticks(size * (np.arange(len(names)) + 0.5))
            axis.set_ticklabels([name[:NAME_LETTERS] for name in names], fontsize=7)
    if sum(map(len, column_names)) > 5 * len(column_names):
        axes.tick_params(axis="x", rotation=90)
    return figure
