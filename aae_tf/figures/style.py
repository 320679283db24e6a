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
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in the plot style; sizes in inches."""
    with plot_style():
        figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plot_style():
    """The context in which figures are to be made and drawn, whatever a matplotlibrc says."""
    return matplotlib.style.context(["default", PLOT_STYLE])


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file's content."""
    buffer = io.BytesIO()
    with plot_style():
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
    ratio = min(max(image.shape[0] / image.shape[1], FLATTEST), TALLEST)
    figure = new_figure(width, width * ratio + 0.4 + 0.2 * (note.count("\n") + 1))
    with plot_style():
        axes = figure.add_subplot(title=title)
        show(axes, image)
        axes.set(xlabel=note, ylabel=down)
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
