"""Successive halving: after how many epochs trials are compared, and which of them go on.

It imports no TensorFlow; optuna is imported where it is used, since it is an extra.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from aae_tf.errors import SettingsError, UserError

EXPECTED_HALVING = "EPOCHS,FACTOR such as 2,3, or off"


@dataclasses.dataclass(frozen=True)
class Halving:
    """After which epochs trials are judged.

    Args:
      epochs: of a whole trial.
      first: epochs of the first rung; `epochs` for no halving.
      factor: one in so many goes on from a rung, and the next has so many times the epochs.
    """

    epochs: int
    first: int
    factor: int = 3

    @property
    def rungs(self) -> list[int]:
        """Epochs, ascending; the last ones are all."""
        found, rung = [], self.first
        while rung < self.epochs:
            found.append(rung)
            rung *= self.factor
        return [*found, self.epochs]


def parse_halving(text: str | None, epochs: int) -> Halving:
    """Reads 'EPOCHS,FACTOR', or 'off'; by default a ninth of the epochs and a third of the trials.

    Raises:
      SettingsError: if it is neither, or its rungs don't fit the epochs.
    """
    if text is None:
        return Halving(epochs, max(1, epochs // 9))
    if text == "off":
        return Halving(epochs, epochs)
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise SettingsError("halving", text, EXPECTED_HALVING)
    first, factor = map(int, parts)
    if not 1 <= first < epochs or factor < 2:
        expected = f"epochs from 1 to below --epochs={epochs} and a factor of 2 or more, or off"
        raise SettingsError("halving", text, expected)
    return Halving(epochs, first, factor)


class Pruner:
    """Decides which trials go on: optuna's SuccessiveHalvingPruner, which doesn't wait.

    A trial goes on from a rung if it is among the best `1 / factor` of those that have reached it
    so far, itself included, or the best. All that it knows lies in memory: told the same scores in
    the same order it decides the same, so a search that goes on tells it all of them again.

    Args:
      halving: the rungs.
      larger_is_better: of the scores.
    """

    def __init__(self, halving: Halving, larger_is_better: bool):
        try:
            import optuna
        except ImportError:
            raise UserError(
                "--mode=search: needs optuna; expected the extra, pip install -e '.[search]'"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._states = optuna.trial.TrialState
        self._halving = halving
        self._study = optuna.create_study(
            direction="maximize" if larger_is_better else "minimize",
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=halving.first, reduction_factor=halving.factor
            ),
        )
        self._trial: Any = None

    def begin(self, drawn: Mapping[str, Any]) -> None:
        """Begins the next trial."""
        self._study.enqueue_trial(dict(drawn))
        self._trial = self._study.ask()

    def goes_on(self, rung: int, score: float) -> bool:
        """Whether the trial goes on after the score at a rung; from the last none does."""
        self._trial.report(score, rung)
        if rung == self._halving.epochs:
            self._study.tell(self._trial, score)
            return False
        if self._trial.should_prune():
            self._study.tell(self._trial, state=self._states.PRUNED)
            return False
        return True

    def failed(self) -> None:
        """Ends the trial without a score."""
        self._study.tell(self._trial, state=self._states.FAIL)
