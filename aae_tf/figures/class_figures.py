"""The figures of the papers in which classes, clusters or labels have a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from aae_tf.data import ImageData
from aae_tf.figures.style import (
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
ROWS_IN_A_BLOCK = 16  # of clusters; more stand in further blocks beside it


def class_label(number: int, class_names: Sequence[str]) -> str:
    """The name of a class as Matplotlib is to show it, its number where it has none."""
    name = class_names[number] if number < len(class_names) else str(number)
    # Else what is between two of them is a formula.
    return printable(name).replace("$", r"\$")


def scatter_classes(
    axes, points: np.ndarray, labels: np.ndarray | None, class_names: Sequence[str]
) -> None:
    """Points `(n, 2)` in their classes' colours, named for a legend where there are labels."""
    if labels is None:
        axes.scatter(*points.T, s=2, color=class_colour(0), linewidths=0, alpha=0.7)
        return
    look = {"s": 3, "linewidths": 0, "alpha": 0.8}
    for number in np.unique(labels):
        name = class_label(number, class_names)
        axes.scatter(*points[labels == number].T, color=class_colour(number), label=name, **look)


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
    title = "Images along each class's part of the prior"
    return _grid(title, images, STEPS, row_names=names, across=across, down="class")


def style_grid(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Rows of one style, columns of the categories (AAE, figure 7)."""
    categories = min(method.num_categories, CATEGORIES_AT_MOST)
    codes = np.repeat(evaluator.prior_codes(STYLES), categories, axis=0)
    small = Thumbnails(method.image_shape, STYLES, categories)
    images = evaluator.inference.decode(codes, np.tile(np.arange(categories), STYLES), small)
    are_classes = method.num_categories == method.num_classes and method.labels != "none"
    names = data.class_names if are_classes else ()
    return _grid(
        "One style in each row, one category in each column",
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
    figure = new_figure(3.4 * blocks, 0.26 * height + (0.8 if blocks == 1 else 0.7))
    title = ("Cluster heads (first column)", "and held-out images of each")
    figure.suptitle(("\n" if blocks == 1 else " ").join(title), fontsize=10)
    with plot_style():
        for block, axes in enumerate(np.atleast_1d(figure.subplots(1, blocks))):
            numbers = range(block * height, min((block + 1) * height, count))
            show(axes, tile(np.concatenate([rows[number] for number in numbers]), MEMBERS + 1))
            side = small.shape[0] + 1
            axes.axvline(small.shape[1], color=class_colour(6), lw=1)
            axes.set_yticks(side * (np.arange(len(numbers)) + 0.5))
            axes.set_yticklabels(numbers, fontsize=7)
            axes.tick_params(length=0)
    return figure


def embedding(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Held-out images in the reduced space, by class, and the cluster heads (AAE, figure 11)."""
    shown = data.validation.take(slice(0, POINTS_AT_MOST))
    points = evaluator.inference.embed(shown)
    heads = np.asarray(method.heads.heads)
    note = ""
    if method.latent_dim > 2:
        points, heads = np.asarray(method.project(points)), np.asarray(method.project(heads))
        note = f" ({method.latent_dim}-D, projected)"
    elif method.latent_dim == 1:
        points, heads = (np.concatenate([part, 0 * part], 1) for part in (points, heads))
    figure = new_figure(6.2, 5)
    with plot_style():
        axes = figure.add_subplot(title=f"{len(points):,} held-out images{note} and cluster heads")
        scatter_classes(axes, points, shown.labels, data.class_names)
        axes.scatter(*heads.T, s=90, marker="*", color="white", edgecolors="black", label="head")
        axes.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
        axes.legend(title="class", markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def categories_over_training(
    runs: Mapping[str, Sequence[Mapping[str, float]]], num_categories: int
) -> Figure:
    """What becomes of the softmax: one row a run, its histograms after each epoch as columns.

    Args:
      runs: for each run's title the rows of its categories.csv, as numbers.
      num_categories: size of the code.
    """
    panels = (
        ("largest_probability", "largest probability", (0.0, 1.0)),
        ("entropy", "entropy of $q(y|x)$ (nats)", (0.0, float(np.log(num_categories)))),
        ("usage", "category", (-0.5, num_categories - 0.5)),
    )
    figure = new_figure(9, 2.6 * len(runs))
    with plot_style():
        grid = figure.subplots(len(runs), len(panels), squeeze=False)
        for row_of_axes, (title, rows) in zip(grid, runs.items(), strict=True):
            last = rows[-1]["epoch"]
            for axes, (kind, label, (low, high)) in zip(row_of_axes, panels, strict=True):
                names = [name for name in rows[0] if name.startswith(f"{kind}/")]
                table = np.array([[row[name] for name in names] for row in rows]).T
                if kind == "usage":
                    table = table * num_categories
                image = axes.imshow(
                    table,
                    origin="lower",
                    aspect="auto",
                    cmap="cividis",
                    vmin=0,
                    vmax=2 if kind == "usage" else 1,
                    extent=(0, last, low, high),
                )
                axes.set(xlabel="epoch", ylabel=label)
                share = "times an even share" if kind == "usage" else "share of images"
                figure.colorbar(image, ax=axes, label=share)
            row_of_axes[1].set_title(title)
    return figure


def _grid(title, images, columns, *, row_names=(), column_names=(), across="", down="") -> Figure:
    figure = picture(title, tile(images, columns), across, down, width=5.5)
    axes = figure.axes[0]
    for axis, names, size in (
        (axes.yaxis, row_names, images.shape[1] + 1),
        (axes.xaxis, column_names, images.shape[2] + 1),
    ):
        if names:
            axis.set_ticks(size * (np.arange(len(names)) + 0.5))
            axis.set_ticklabels(names, fontsize=7)
    return figure
