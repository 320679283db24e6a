"""The beginnings among which a run was chosen (--best_after), as its begun.json has them.

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Restarts:
    """Runs of several seeds, of which the best goes on; what a begun.json holds.

    Args:
      seeds: of all that were begun.
      epochs: after which they were compared.
      score: the measure on validation images by which they were.
    """

    seeds: tuple[int, ...]
    epochs: int
    score: str

    @property
    def told(self) -> dict[str, Any]:
        """What tells a run that was chosen so from others, by name."""
        return {"best_of": len(self.seeds), "best_after": self.epochs, "score": self.score}

    @property
    def flags(self) -> list[str]:
        """What chooses the same run again."""
        listed = ",".join(map(str, self.seeds))
        return [f"--seeds={listed}", f"--best_after={self.epochs}", f"--score={self.score}"]


def read_restarts(begun: Mapping[str, Any], seed: int) -> Restarts:
    """Takes the content of a begun.json.

    Args:
      begun: what it holds.
      seed: of the run beside it.

    Raises:
      ValueError: if it isn't what a choice among beginnings leaves beside the best one.
    """
    epochs, score, scores = (begun.get(key) for key in ("epochs", "score", "scores"))
    if type(epochs) is not int or epochs < 1:
        raise ValueError(f"begun.json: epochs is {epochs}")
    if not isinstance(score, str):
        raise ValueError(f"begun.json: score is {score}")
    seeds = list(scores) if isinstance(scores, dict) else []
    if len(seeds) < 2 or str(seed) not in seeds or not all(map(str.isdecimal, seeds)):
        raise ValueError(f"begun.json: scores are {scores}")
    return Restarts(tuple(map(int, seeds)), epochs, score)
