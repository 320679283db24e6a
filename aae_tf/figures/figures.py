"""The figures of the papers, drawn from held-out images and the prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from aae_tf.arrays import is_picture
from aae_tf.data import ImageData, Split
from aae_tf.evaluation.sample_metrics import nearest_images
from aae_tf.figures import class_figures, feature_figures, prior_shape
from aae_tf.figures.style import (
    SEAM,
    Thumbnails,
    new_figure,
    picture,
    plot_style,
    tile,
)
from aae_tf.methods import Method
from aae_tf.utils import progress_bar

if TYPE_CHECKING:
    from aae_tf.evaluation import Evaluator

RECONSTRUCTIONS, SAMPLES_SIDE, MANIFOLD_SIDE, CODES_AT_MOST = 40, 10, 20, 5000
NEAREST_ROWS, NEAREST_COLUMNS = 4, 10
PAIRS, STEPS, CANDIDATES = 8, 9, 200  # of interpolations
OF_PICTURES = (  # which features have not
    "reconstructions",
    "samples",
    "manifold",
    "interpolations",
    "style_grid",
    "clusters",
    "nearest",
)
DENSITY_SIDE = 200  # points along each side of a shaded density


def draw_all(method: Method, data: ImageData, evaluator: Evaluator) -> Mapping[str, Figure]:
    """Draws the figures that a method names, those apart that don't suit its code.

    Validation images are drawn, not test ones, so that looking at them chooses nothing on test
    data.
    """
    functions = {
        "reconstructions": _reconstructions,
        "samples": _samples,
        "manifold": _manifold,
        "codes": _codes,
        "interpolations": interpolations,
        "components": class_figures.components,
        "confusion": class_figures.confusion,
        "style_grid": class_figures.style_grid,
        "clusters": class_figures.clusters,
        "embedding": class_figures.embedding,
        "nearest": _nearest,
    }
    functions |= feature_figures.FIGURES
    names, evaluation = method.figures, method.settings.evaluation
    if not is_picture(data.image_shape):
        names = tuple(name for name in names if name not in OF_PICTURES)
        names += tuple(feature_figures.FIGURES)
    by_samples = evaluation.sample_quality or any(evaluation.likelihood_samples)
    if by_samples and "nearest" not in names and is_picture(data.image_shape):
        names += ("nearest",)
    with plot_style():
        named = progress_bar(None, "figure", late=True, label="drawing", over=names)
        drawn = {name: functions[name](method, data, evaluator) for name in named}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _reconstructions(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    columns = min(10, len(data.validation))
    rows = min(RECONSTRUCTIONS, len(data.validation)) // columns
    shown = data.validation.take(slice(0, rows * columns))
    small = Thumbnails(data.image_shape, 2 * rows, columns)
    rebuilt = evaluator.inference.reconstruct(shown, of_block=small)
    image = tile(_interleaved(small.of(shown), rebuilt, columns), columns)
    return picture(image, columns=columns)


def _interleaved(first: np.ndarray, second: np.ndarray, columns: int) -> np.ndarray:
    """Images of two sets, a row of the one and below it the same row of the other."""
    shape = (-1, 1, columns, *first.shape[1:])
    pairs = np.concatenate([first.reshape(shape), second.reshape(shape)], axis=1)
    return pairs.reshape(-1, *first.shape[1:])


def _samples(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    codes = prior_shape.samples(method.sampler, SAMPLES_SIDE**2)
    small = Thumbnails(method.image_shape, SAMPLES_SIDE, SAMPLES_SIDE)
    images = evaluator.inference.decode(codes, of_block=small)
    return picture(tile(images, SAMPLES_SIDE))


def _nearest(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    """Rows of samples, below each its nearest training image."""
    samples = evaluator.samples(NEAREST_COLUMNS * NEAREST_ROWS)
    rows, _ = nearest_images(samples, data.train)
    small = Thumbnails(method.image_shape, 2 * NEAREST_ROWS, NEAREST_COLUMNS)
    both = _interleaved(small(samples), small.of(data.train, rows), NEAREST_COLUMNS)
    return picture(tile(both, NEAREST_COLUMNS))


def _manifold(method: Method, data: ImageData, evaluator: Evaluator) -> Figure | None:
    grid = prior_shape.percentile_grid(method.prior, method.latent_dim, MANIFOLD_SIDE)
    if grid is None:
        return None
    small = Thumbnails(method.image_shape, MANIFOLD_SIDE, MANIFOLD_SIDE, gap=0)
    images = evaluator.inference.decode(grid, of_block=small)
    likely = prior_shape.is_likely(method.prior, grid)
    images = np.where(likely[:, None, None, None], images, 0.75 + 0.25 * images)
    if prior_shape.is_on_sphere(method.prior, method.latent_dim):
        across, up = "longitude", "height"
    else:
        across, up = "percentile of $z_1$", "percentile of $z_2$"
    return picture(tile(images, MANIFOLD_SIDE, gap=0), across, up)


def _codes(method: Method, data: ImageData, evaluator: Evaluator) -> Figure:
    shown = data.validation.take(slice(0, CODES_AT_MOST))
    codes = evaluator.aggregated_posterior(shown)
    return codes_over_prior(codes, shown.labels, method.prior, data.class_names)


def codes_over_prior(
    codes: np.ndarray,
    labels: np.ndarray | None,
    prior,
    class_names: Sequence[str] = (),
) -> Figure:
    """A figure of codes over their prior, as `draw_codes` draws them, with a legend."""
    projection = prior_shape.projection_of(prior, codes.shape[1])
    figure = new_figure(*((7, 3.6) if projection else (6.2, 5)))
    with plot_style():
        axes = figure.add_subplot(projection=projection)
        draw_codes(axes, codes, labels, prior, class_names)
        if labels is not None:
            figure.legend(title="class", markerscale=2, loc="outside right center")
    return figure


def draw_codes(
    axes, codes: np.ndarray, labels: np.ndarray | None, prior, class_names: Sequence[str] = ()
) -> None:
    """Codes coloured by class over the prior's density, or over its samples where it has none.

    Codes of more than two dimensions are projected on the first two principal components of the
    prior's and their own points; those on the sphere of R^3 are drawn on a map.

    Args:
      axes: of the projection that `prior_shape.projection_of` names.
      codes: `(n, latent_dim)`.
      labels: `(n,)`, or None.
      prior: that they are to match.
      class_names: for a legend.
    """
    if prior_shape.projection_of(prior, codes.shape[1]):
        points = np.stack(prior_shape.to_map(codes), -1)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=6)
    elif codes.shape[1] == 2:
        points = codes
        _shade_prior(axes, prior, codes)
        axes.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    else:
        points = _project(axes, codes, prior_shape.samples(prior, 5000))
    class_figures.scatter_classes(axes, points, labels, class_names)


def _shade_prior(axes, prior, codes):
    drawn = prior_shape.samples(prior, prior_shape.SAMPLES)
    both = np.concatenate([np.quantile(codes, [0.001, 0.999], axis=0), drawn])
    low, high = both.min(0), both.max(0)
    middle, half = (low + high) / 2, 0.54 * (high - low).max()
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    levels = prior_shape.density_levels(prior)
    if levels is None:
        axes.scatter(*drawn[:5000].T, s=2, color="0.8", linewidths=0)
        return
    across, up = (np.linspace(m - half, m + half, DENSITY_SIDE) for m in middle)
    grid = np.stack(np.meshgrid(across, up), -1).reshape(-1, 2)
    dtype = getattr(prior, "dtype", tf.float32)
    log_density = np.asarray(prior.log_prob(tf.constant(grid, dtype))).reshape(DENSITY_SIDE, -1)
    # A flat density is its own level, so the edge is drawn just below it.
    log_density = np.maximum(log_density, levels[0] - 10)
    greys = ["0.92", "0.84", "0.76"][: len(levels)]
    axes.contourf(across, up, log_density, [*(levels - 1e-4), np.inf], colors=greys, zorder=0)
    if len(levels) == len(prior_shape.REGIONS):
        _name_regions(axes, across, up, log_density, levels)


def _name_regions(axes, across, up, log_density, levels) -> None:
    """Writes how much of the prior's mass lies in each region at its top."""
    for share, level in zip(sorted(prior_shape.REGIONS)[::-1], levels, strict=True):
        rows, columns = np.nonzero(log_density >= level)
        if len(rows):
            top = columns[rows == rows.max()]
            place = across[int(np.median(top))], up[rows.max()]
            look = {"fontsize": 6, "color": "0.35", "ha": "center", "va": "top", "zorder": 3}
            look["path_effects"] = [withStroke(linewidth=2, foreground="white")]
            axes.annotate(f"{share:.0%}".replace("%", " %"), place, **look)


def _project(axes, codes, drawn):
    everything = np.concatenate([codes, drawn[: len(codes)]])
    centre = everything.mean(0)
    _, _, components = np.linalg.svd(everything - centre, full_matrices=False)
    if len(components) == 1:  # a code of one dimension: spread the points to see them
        spread = (np.arange(len(codes)) % 97) / 97
        axes.set(xlabel="$z_1$", ylabel="(spread at will)")
        return np.stack([codes[:, 0], spread], -1)
    axes.scatter(*((drawn - centre) @ components[:2].T).T, s=2, color="0.8", linewidths=0)
    axes.set(xlabel="first principal component", ylabel="second principal component")
    axes.set_aspect("equal", adjustable="datalim")
    return (codes - centre) @ components[:2].T


def interpolations(method: Method, data: ImageData, evaluator: Evaluator) -> Figure | None:
    """Pairs of held-out images, one a row, and between them what lies between their codes.

    The codes lie on a straight line, or on the great circle where the prior is a sphere. Where the
    decoder takes a category beside the code, both images of a pair are of the same one, so that the
    style alone changes.

    Returns:
      The figure, or None where there is no pair.
    """
    shown = data.validation.take(slice(0, CANDIDATES))
    categories = categories_of(method, shown, evaluator)
    pairs = pairs_of(categories, len(shown))
    if not len(pairs):
        return None
    codes = evaluator.inference.encode(shown)
    on_sphere = prior_shape.lies_on_sphere(method.prior)
    path = along_sphere if on_sphere else along_line
    between = path(codes[pairs[:, 0]], codes[pairs[:, 1]], STEPS)
    repeated = None if categories is None else np.repeat(categories[pairs[:, 0]], STEPS)
    small = Thumbnails(method.image_shape, len(pairs), STEPS + 2)
    decoded = evaluator.inference.decode(between.reshape(-1, codes.shape[1]), repeated, small)
    decoded = decoded.reshape(len(pairs), STEPS, *small.shape)
    first, last = (small.of(shown, rows)[:, None] for rows in pairs.T)
    rows = np.concatenate([first, decoded, last], axis=1)
    image = tile(rows.reshape(-1, *small.shape), STEPS + 2)
    figure = picture(image, width=5.5, columns=STEPS + 2)
    side = small.shape[1] + 1
    for edge in (side, (STEPS + 1) * side):
        figure.axes[0].axvline(edge - 0.5, color=SEAM, lw=1.5)
    return figure


def is_of_labels(method: Method) -> bool:
    """Whether the category that the decoder takes is the image's label, given to it."""
    return bool(method.num_categories) and not hasattr(method, "classify")


def categories_of(method: Method, shown: Split, evaluator: Evaluator) -> np.ndarray | None:
    """What the decoder takes beside the code of each image: its label, or what q(y|x) says."""
    if not method.num_categories:
        return None
    if is_of_labels(method):
        return shown.labels
    return evaluator.inference.classify(shown).argmax(1)


def pairs_of(categories: np.ndarray | None, count: int) -> np.ndarray:
    """Row numbers of images to go between, `(pairs, 2)`: neighbours, each image in one pair.

    Args:
      categories: `(count,)` if both images of a pair are to be of the same one, else None.
      count: of the images.
    """
    pairs, waiting = [], {}
    for number in range(count):
        category = None if categories is None else int(categories[number])
        if category in waiting:
            pairs.append((waiting.pop(category), number))
        else:
            waiting[category] = number
    return np.array(pairs[:PAIRS], int).reshape(-1, 2)


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
