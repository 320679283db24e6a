"""The plot style of all figures: type, and colours that colour-blind readers can tell apart."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Paul Tol's 'muted' scheme (personal.sron.nl/~pault), and black for a tenth class.
CLASS_COLOURS = (
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#117733",
    "#999933",
    "#DDCC77",
    "#CC6677",
    "#882255",
    "#AA4499",
    "#000000",
)
PLOT_STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.dpi": 150,
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in the plot style; sizes in inches."""
    with matplotlib.rc_context(PLOT_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plot_style():
    """The context in which axes of a figure are to be made."""
    return matplotlib.rc_context(PLOT_STYLE)


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file's content."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(PLOT_STYLE):
        # Without the 'Software' entry the bytes don't change with matplotlib's version.
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def class_colour(number: int) -> str:
    """The colour of a class; from the eleventh on they repeat."""
    return CLASS_COLOURS[number % len(CLASS_COLOURS)]


def line_of(number: int) -> dict[str, str]:
    """Colour and dashes of a run among many: neighbours are far apart in the scheme."""
    order = (0, 6, 2, 8, 4, 1, 7, 3, 9, 5)
    dashes = ("-", "--", ":", "-.")[number // len(order) % 4]
    return {"color": CLASS_COLOURS[order[number % len(order)]], "ls": dashes}


def picture(title: str, image: np.ndarray, note="", down="", width=5.0) -> Figure:
    """One picture in axes of its own.

    Args:
      title: above it.
      image: `(height, width, 3)`.
      note: below it.
      down: on its left.
      width: of the figure in inches.
    """
    height = width * image.shape[0] / image.shape[1] + 0.4 + 0.2 * (note.count("\n") + 1)
    figure = new_figure(width, height)
    with plot_style():
        axes = figure.add_subplot(title=title)
        show(axes, image)
        axes.set(xlabel=note, ylabel=down)
        axes.tick_params(length=0)
    return figure


def show(axes, picture: np.ndarray) -> None:
    """A picture `(height, width, 3)` without ticks and frame; its pixels are the axes' units."""
    axes.imshow(picture, interpolation="nearest", extent=(0, picture.shape[1], picture.shape[0], 0))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Images side by side in one picture, row by row.

    Args:
      images: `(n, height, width, channels)` in 0..1; values outside are clipped.
      columns: images in a row.
      gap: white pixels between images.

    Returns:
      `(rows * (height + gap) - gap, columns * (width + gap) - gap, 3)`, float in 0..1.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    canvas = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, 3))
    for number, image in enumerate(np.clip(images, 0, 1)):
        top, left = (number // columns) * (height + gap), (number % columns) * (width + gap)
        colour = np.repeat(image[..., :1], 3, -1) if channels != 3 else image
        canvas[top : top + height, left : left + width] = colour
    return canvas
