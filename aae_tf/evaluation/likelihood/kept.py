"""Unfinished sums in a file, so that an evaluation that was stopped goes on where it stood."""

from __future__ import annotations

import io
import json
import pathlib
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from aae_tf.evaluation.likelihood.parzen import Sums
from aae_tf.utils import write_aside


class PartialSums:
    """The sums of one pass over the samples.

    Args:
      path: of the file, or None to keep nothing.
      identity: all that the sums hang on, as JSON; those of another identity are not read.
    """

    def __init__(self, path: pathlib.Path | None, identity: Mapping[str, Any]):
        self._path = path
        self._identity = json.dumps(identity, sort_keys=True)

    def read(self, like: Sums) -> Sums | None:
        """The sums kept, or None if there are none, or none that can be used.

        Args:
          like: sums of the shapes that are wanted.
        """
        if self._path is None:
            return None
        try:
            with open(self._path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                if str(arrays["identity"]) != self._identity:
                    return None
                found = Sums(int(arrays["count"]), arrays["largest"], arrays["weights"])
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
            return None
        pairs = (found.largest, like.largest), (found.weights, like.weights)
        fit = all(own.shape == other.shape and own.dtype == other.dtype for own, other in pairs)
        return found if fit else None

    def write(self, sums: Sums) -> None:
        """Keeps the sums in the place of older ones."""
        if self._path is None:
            return
        content = io.BytesIO()
        np.savez(
            content,
            identity=np.array(self._identity),
            count=sums.count,
            largest=sums.largest,
            weights=sums.weights,
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(self._path, content.getvalue())
