"""Codes of held-out images that travel with a SavedModel, to be drawn under what it decodes."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from aae_tf.errors import DataError

FILE = pathlib.PurePath("assets.extra", "codes.json")  # TF Serving leaves assets.extra alone
AT_MOST, DIGITS = 2000, 4
LARGEST = 64 * 2**20  # bytes of the file that are read


def describe(
    name: str,
    codes: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str],
    categories: Sequence[str] = (),
) -> dict[str, Any]:
    """What codes.json holds.

    Args:
      name: of the data set.
      codes: `(size, latent_dim)`; rounded to four digits after the point.
      labels: int64 `(size,)`, or None.
      class_names: of the labels.
      categories: names of what the decoder takes beside a code, if it takes anything.
    """
    finite = np.isfinite(codes).all(axis=1)
    return {
        "data": name,
        "codes": np.round(np.asarray(codes, np.float64)[finite], DIGITS).tolist(),
        "labels": None if labels is None else np.asarray(labels)[finite].tolist(),
        "class_names": list(class_names),
        "categories": list(categories),
    }


def write(version: pathlib.Path, described: dict[str, Any]) -> None:
    """Writes codes.json below the folder of a version that nobody looks at yet."""
    (version / FILE).parent.mkdir(exist_ok=True)
    (version / FILE).write_text(json.dumps(described, separators=(",", ":")))


def read(version: pathlib.Path, latent_dim: int) -> dict[str, Any] | None:
    """Reads codes.json; None if there is none.

    Args:
      version: folder of the SavedModel.
      latent_dim: of its codes.

    Raises:
      DataError: if the file isn't of the form that `describe` gives.
    """
    file = version / FILE
    try:
        with open(file, "rb") as opened:
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes")
        return _checked(json.loads(content), latent_dim)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{file} can't be used ({error}); export the model again") from None


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
    for words in ([content["data"]], *names.values()):
        if not all(isinstance(word, str) for word in words):
            raise ValueError("names that aren't text")
    return {"data": content["data"], "codes": codes, "labels": labels, **names}
