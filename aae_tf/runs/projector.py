"""What TensorBoard's projector shows of a run: codes, what is known of each, and small images."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorboard.plugins.projector import projector_config_pb2

from aae_tf.arrays import is_picture
from aae_tf.data import Split
from aae_tf.figures.style import Thumbnails, tile
from aae_tf.utils import printable, to_bytes, write_aside

POINTS = 2000
SPRITE_SIDE = 4096  # pixels, at most; browsers hold no picture of more than 8192 a side
UNCOLOURED = "No color map"  # as the projector calls it
CUSTOM = ("XLeft", "XRight", "YUp", "YDown")  # fields that a bookmark isn't loaded without
INK = 0.2  # of the intensity, below which a grey image is transparent
SHADE = 0.7  # of its intensity, so that it is seen on the projector's white before it is coloured


def write_projector(
    folder: pathlib.Path,
    codes: np.ndarray,
    shown: Split,
    known: Mapping[str, Sequence[str]],
) -> None:
    """Writes what TensorBoard's projector shows: codes, metadata and a sprite of the images.

    Args:
      folder: of event files; the projector looks nowhere else.
      codes: `(n, latent_dim)`.
      shown: the n images.
      known: columns of the metadata beside the index, by name, n each. The first one colours the
        bookmark.
    """
    config = projector_config_pb2.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "codes"
    embedding.tensor_path = "codes.tsv"
    # The projector draws in three dimensions and shows nothing of codes that have fewer.
    wide = np.pad(codes, ((0, 0), (0, max(0, 3 - codes.shape[1]))))
    lines = ["\t".join(f"{value:.6g}" for value in code) for code in wide]
    write_aside(folder / "codes.tsv", "\n".join(lines) + "\n")
    embedding.metadata_path = "metadata.tsv"
    columns = {**known, "index": list(map(str, range(len(codes))))}
    rows = ["\t".join(map(printable, row)) for row in zip(*columns.values(), strict=True)]
    if len(columns) > 1:  # a table of one column has no head
        rows.insert(0, "\t".join(columns))
    write_aside(folder / "metadata.tsv", "\n".join(rows) + "\n")
    embedding.bookmarks_path = "bookmarks.json"
    bookmark = _bookmark(wide, min(3, max(2, codes.shape[1])), next(iter(known), UNCOLOURED))
    write_aside(folder / "bookmarks.json", json.dumps([bookmark]))
    if is_picture(shown.images.shape[1:]):
        _write_sprite(folder, shown, embedding)
    write_aside(folder / "projector_config.pbtxt", str(config))


def _bookmark(codes: np.ndarray, dimensions: int, colour: str) -> dict[str, object]:
    """A view to choose: the code's first dimensions themselves, coloured by a column.

    The projector itself begins with principal components in black, whatever it is given.
    """
    names = [f"pca-{number}" for number in range(3)]
    points = np.round(codes[:, :3].astype(float), 5).tolist()
    return {
        "label": "codes" if colour == UNCOLOURED else f"codes by {colour}",
        "isSelected": True,
        "selectedProjection": "pca",
        "pcaComponentDimensions": list(range(dimensions)),
        "projections": [dict(zip(names, point, strict=True)) for point in points],
        "dataSetDimensions": list(codes.shape),
        "selectedPoints": [],
        "selectedColorOptionName": colour,
        "forceCategoricalColoring": True,
        "selectedLabelOption": colour,
        "tSNEIteration": 0,
        "tSNEPerplexity": 30,
        "tSNELearningRate": 10,
        "tSNEis3d": False,
        "umapIs3d": False,
        "umapNeighbors": 15,
        "umapMinDist": 0.1,
        "customSelectedSearchByMetadataOption": colour,
        **{f"custom{side}Text": "" for side in CUSTOM},
        **{f"custom{side}Regex": False for side in CUSTOM},
    }


def _write_sprite(folder: pathlib.Path, shown: Split, embedding) -> None:
    """Writes one picture of all images, and says so in the projector's configuration."""
    side = math.ceil(math.sqrt(len(shown)))
    small = Thumbnails(shown.images.shape[1:], side, side, gap=0, side=SPRITE_SIDE)
    images = np.concatenate([to_bytes(small(block)) for block in shown.blocks("sprite")])
    there = np.full_like(images[..., :1], 255)
    if images.shape[-1] != 3:
        edges = np.concatenate([images[:, 0], images[:, -1]])
        if edges.mean() > 127:  # dark on bright
            images = 255 - images
        # The projector leaves out what is wholly transparent and colours the rest by its class.
        there = np.where(images[..., :1] < INK * 255, 0, there).astype(np.uint8)
        images = np.round(SHADE * images).astype(np.uint8)
    missing = side * side - len(images)
    sprite, mask = (
        tile(np.pad(each, ((0, missing), (0, 0), (0, 0), (0, 0))), side, gap=0)
        for each in (images, there)
    )
    content = np.concatenate([sprite, mask[..., :1]], -1)
    write_aside(folder / "sprite.png", tf.io.encode_png(content).numpy())
    embedding.sprite.image_path = "sprite.png"
    embedding.sprite.single_image_dim.extend([images.shape[2], images.shape[1]])
