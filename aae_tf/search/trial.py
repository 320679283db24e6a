"""What a search knows of a trial: what was drawn for it, and the scores in its folder.

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from aae_tf.errors import UserError
from aae_tf.settings import Settings

SCORES = "scores.json"  # of a trial: its score by epochs, or why it has none


def read_scores(folder: pathlib.Path) -> dict[str, float | str]:
    """What a trial's scores.json holds: a score by epochs, and 'diverged' with a reason if it did.

    Raises:
      UserError: if it can't be read.
    """
    file = folder / SCORES
    try:
        found = json.loads(file.read_text())
        if isinstance(found, dict):
            return found
        error = "expected an object"
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        error = problem
    raise UserError(f"{file} can't be used ({error})")


@dataclasses.dataclass
class Trial:
    """One trial.

    Args:
      number: from 0 on.
      drawn: the flags that were drawn for it.
      settings: with them.
      folder: of its run.
      ended: whether it was decided that it doesn't go on, because of its score or its epochs.
    """

    number: int
    drawn: Mapping[str, Any]
    settings: Settings
    folder: pathlib.Path
    ended: bool = False

    def scores(self, rungs: Collection[int] | None = None) -> dict[int, float]:
        """Its score by epochs done.

        Args:
          rungs: the epochs that count; None for all.

        Raises:
          UserError: if its file can't be used.
        """
        found = {}
        for key, value in read_scores(self.folder).items():
            if key == "diverged":
                continue
            if not (key.isdigit() and isinstance(value, (int, float)) and math.isfinite(value)):
                raise UserError(f"{self.folder / SCORES} can't be used ({key}: {value})")
            if rungs is None or int(key) in rungs:
                found[int(key)] = float(value)
        return found

    @property
    def diverged(self) -> str:
        """Why it has no score, or ''."""
        return str(read_scores(self.folder).get("diverged", ""))

    def state(self, epochs: int) -> str:
        """'completed', 'pruned', 'diverged', 'unfinished' or 'waiting'."""
        if self.diverged:
            return "diverged"
        if epochs in self.scores():
            return "completed"
        if self.ended:
            return "pruned"
        return "unfinished" if self.folder.exists() else "waiting"
