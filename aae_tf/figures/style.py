"""The plot style of all figures: type, and colours that colour-blind readers can tell apart."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from aae_tf.data import Split
from aae_tf.data.images import shrunk

# Searched for: as far apart as ten can be in CIELAB, also as people without red or green cones see
# them (Machado et al., 2009), with luminances evenly apart, so that they differ in grey as well.
# Neighbours are far apart.
CLASS_COLOURS = (
    "#291F7A",
    "#F5CC0A",
    "#007085",
    "#CC9985",
    "#1F14CC",
    "#A38F29",
    "#8FC2F5",
    "#7A4729",
    "#477AE0",
    "#331429",
)
MARKERS = "osD^vPX*<>"
SEAM = "#CC6677"  # of lines in pictures
PICTURE_SIDE = 2048  # pixels of a picture of many images, at most; it is drawn with fewer
# Height over width of a picture whose pixels are drawn as squares; others fill their axes.
FLATTEST, TALLEST = 0.1, 4.0
PLOT_STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.dpi": 150,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "aae_tf",  # else names in it are random
}
CARD = 0.6  # of the size that a figure has on a page: its letters are larger in a card of a screen
PAD = 0.12  # inches around axes
CELL = 0.55  # inches of one image among many, at most


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in the plot style; sizes in inches."""
    with plot_style():
        figure = Figure(figsize=(width, height), layout="constrained")
    # Axes of a fixed aspect lie a few pixels elsewhere at each drawing: room for these.
    figure.get_layout_engine().set(w_pad=PAD, h_pad=PAD)
    FigureCanvasAgg(figure)
    return figure


def plot_style():
    """The context in which figures are to be made and drawn, whatever a matplotlibrc says."""
    return matplotlib.style.context(["default", PLOT_STYLE])


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file's content."""
    return to_file(figure, "png")


def to_file(figure: Figure, form: str) -> bytes:
    """The figure as the content of a 'png', 'pdf' or 'svg' file, without time and program."""
    # Without these entries the bytes change neither with matplotlib's version nor from day to day.
    entries = {"png": ["Software"], "pdf": ["CreationDate", "Producer", "Creator"], "svg": ["Date"]}
    buffer = io.BytesIO()
    with plot_style():
        metadata = dict.fromkeys(entries[form])
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()


def to_card(figure: Figure) -> bytes:
    """The figure as a PNG for a card of TensorBoard: smaller, with letters of the same size."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(CARD * width, CARD * height)
    try:
        return to_png(figure)
    finally:
        figure.set_size_inches(width, height)


def class_colour(number: int) -> str:
    """The colour of a class; from the eleventh on they repeat."""
    return CLASS_COLOURS[number % len(CLASS_COLOURS)]


def line_of(number: int) -> dict[str, str]:
    """Colour and dashes of a run among many: neighbours are far apart in the scheme."""
    dashes = ("-", "--", ":", "-.")[number // len(CLASS_COLOURS) % 4]
    return {"color": class_colour(number), "ls": dashes}


def picture(image: np.ndarray, across="", down="", width=5.0, columns=0) -> Figure:
    """One picture in axes of its own. What it shows is said where it is shown, not in it.

    Args:
      image: `(height, width, 3)`.
      across: below it, what differs from left to right.
      down: on its left, what differs from top to bottom.
      width: of the figure in inches, at most.
      columns: of images in it, if it is of several; few aren't drawn large.
    """
    width = min(width, max(2.4, CELL * columns)) if columns else width
    ratio = min(max(image.shape[0] / image.shape[1], FLATTEST), TALLEST)
    figure = new_figure(width, width * ratio + 0.2 + 0.2 * bool(across))
    with plot_style():
        axes = figure.add_subplot()
        show(axes, image)
        axes.set(xlabel=across, ylabel=down)
        axes.tick_params(length=0)
    return figure


def show(axes, picture: np.ndarray) -> None:
    """A picture `(height, width, 3)` without ticks and frame; its pixels are the axes' units."""
    height, width = picture.shape[:2]
    axes.imshow(
        picture,
        interpolation="nearest",
        extent=(0, width, height, 0),
        aspect="equal" if FLATTEST <= height / width <= TALLEST else "auto",
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


class Thumbnails:
    """Makes images small enough for one picture of them all; small ones stay as they are.

    Args:
      image_shape: `(height, width, channels)`.
      rows: of images in the picture.
      columns: of images in the picture.
      gap: white pixels between images.
      side: pixels along each side of the picture, at most.

    Attributes:
      shape: `(height, width, channels)` of what it makes.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        rows: int,
        columns: int,
        gap: int = 1,
        side: int = PICTURE_SIDE,
    ):
        height, width, channels = image_shape
        scale = min(1.0, (side / rows - gap) / height, (side / columns - gap) / width)
        self.shape = (max(1, int(height * scale)), max(1, int(width * scale)), channels)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Images `(n, height, width, channels)` as thumbnails, intensities."""
        return shrunk(images, *self.shape[:2])

    def of(self, split: Split, rows: np.ndarray | None = None) -> np.ndarray:
        """Those of a split's images, or of those at some rows; read a block at a time."""
        blocks = split.blocks("images to draw", rows)
        return np.concatenate([np.empty((0, *self.shape), np.float32), *map(self, blocks)])


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Images side by side in one picture, row by row.

    Args:
      images: `(n, height, width, channels)` in 0..1; values outside are clipped. Or uint8.
      columns: images in a row.
      gap: white pixels between images.

    Returns:
      `(rows * (height + gap) - gap, columns * (width + gap) - gap, 3)` of the images' dtype.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    white = 255 if images.dtype == np.uint8 else 1
    canvas = np.full(shape, white, images.dtype)
    for number, image in enumerate(images):
        top, left = (number // columns) * (height + gap), (number % columns) * (width + gap)
        # Of what isn't in colours the first channel is drawn.
        colour = image if channels == 3 else image[..., :1]
        canvas[top : top + height, left : left + width] = np.clip(colour, 0, white)
    return canvas
