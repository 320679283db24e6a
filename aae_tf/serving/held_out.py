"""Codes of held-out images that travel with a SavedModel, to be drawn under what it decodes.

The images themselves go with them, small and in one picture, where they are anybody's to have.
"""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from aae_tf.client.outputs import png
from aae_tf.errors import DataError

FILE = pathlib.PurePath("assets.extra", "codes.json")  # TF Serving leaves assets.extra alone
SHEET = pathlib.PurePath("assets.extra", "held_out.png")
AT_MOST, DIGITS = 2000, 4
LARGEST = 64 * 2**20  # bytes of either file that are read
TILE_SIDE = 64  # pixels of an image on the sheet, at most


def describe(
    name: str,
    codes: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str],
    categories: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    images: np.ndarray | None = None,
) -> dict[str, Any]:
    """What codes.json holds, and beside it under 'sheet' what held_out.png does, if anything.

    Args:
      name: of the data set.
      codes: `(size, latent_dim)`; rounded to four digits after the point.
      labels: int64 `(size,)`, or None.
      class_names: of the labels.
      categories: names of what the decoder takes beside a code, if it takes anything.
      feature_names: of what it decodes to, if these are features with names.
      images: uint8 `(size, height, width, 1 or 3)`, small, or None.
    """
    finite = np.isfinite(codes).all(axis=1)
    sheet = {}
    if images is not None:
        kept = images[finite]
        columns = max(1, math.ceil(math.sqrt(len(kept))))
        tile = {"height": images.shape[1], "width": images.shape[2], "columns": columns}
        sheet = {"tile": tile, "sheet": png(tiled(kept, columns))}
    return {
        "data": name,
        "codes": np.round(np.asarray(codes, np.float64)[finite], DIGITS).tolist(),
        "labels": None if labels is None else np.asarray(labels)[finite].tolist(),
        "class_names": list(class_names),
        "categories": list(categories),
        "feature_names": list(feature_names),
        **sheet,
    }


def tiled(images: np.ndarray, columns: int) -> np.ndarray:
    """Images `(n, height, width, channels)` in one, row by row, black where there is none."""
    _, height, width, channels = images.shape
    rows = max(1, -(-len(images) // columns))
    sheet = np.zeros((rows * columns, *images.shape[1:]), images.dtype)
    sheet[: len(images)] = images
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, channels)


def write(version: pathlib.Path, described: dict[str, Any]) -> None:
    """Writes both files below the folder of a version that nobody looks at yet."""
    (version / FILE).parent.mkdir(exist_ok=True)
    told = {key: value for key, value in described.items() if key != "sheet"}
    (version / FILE).write_text(json.dumps(told, separators=(",", ":")))
    if "sheet" in described:
        (version / SHEET).write_bytes(described["sheet"])


def read(version: pathlib.Path, latent_dim: int) -> dict[str, Any] | None:
    """Reads what was described; None if there is none.

    Args:
      version: folder of the SavedModel.
      latent_dim: of its codes.

    Returns:
      What `describe` gives; without 'tile' and 'sheet' if held_out.png is missing, as it may be.

    Raises:
      DataError: if a file isn't of the form that `describe` gives.
    """
    file = version / FILE
    try:
        content = _content(file)
        if content is None:
            return None
        found = _checked(json.loads(content), latent_dim)
        file = version / SHEET
        if "tile" in found and (sheet := _content(file)) is None:
            del found["tile"]
        elif "tile" in found:
            found["sheet"] = _checked_sheet(sheet, found["tile"], len(found["codes"]))
        return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{file} can't be used ({error}); export the model again") from None


def _content(file):
    try:
        with open(file, "rb") as opened:
            content = opened.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    if len(content) > LARGEST:
        raise ValueError(f"more than {LARGEST} bytes")
    return content


def _checked(content, latent_dim):
    codes, labels = content["codes"], content["labels"]
    for code in codes:
        if len(code) != latent_dim or not all(map(math.isfinite, code)):
            raise ValueError(f"a code that isn't {latent_dim} finite numbers")
    if labels is not None and (
        len(labels) != len(codes) or not all(type(n) is int and n >= 0 for n in labels)
    ):
        raise ValueError("labels that aren't one whole number a code")
    names = {key: content[key] for key in ("class_names", "categories")}
    names["feature_names"] = content.get("feature_names", [])  # older exports have none
    for words in ([content["data"]], *names.values()):
        if not all(isinstance(word, str) for word in words):
            raise ValueError("names that aren't text")
    found = {"data": content["data"], "codes": codes, "labels": labels, **names}
    if "tile" in content:
        tile = {key: content["tile"][key] for key in ("height", "width", "columns")}
        if not all(type(n) is int and 1 <= n <= AT_MOST for n in tile.values()):
            raise ValueError("a tile that isn't three whole numbers")
        found["tile"] = tile
    return found


def _checked_sheet(content, tile, count):
    """A browser decodes it; here its head has to say the size that the tiles need."""
    rows = max(1, -(-count // tile["columns"]))
    size = (tile["columns"] * tile["width"], rows * tile["height"])
    told = tuple(int.from_bytes(content[n : n + 4], "big") for n in (16, 20))
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or told != size:
        raise ValueError(f"expected a PNG of {size[0]} x {size[1]} pixels")
    return content
