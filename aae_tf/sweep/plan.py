"""What a search is to be: its settings, its space, its draws and its folder, all checked.

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.results.run_folder import check_folder
from aae_tf.settings import Settings, differences, flatten, override
from aae_tf.sweep import scores
from aae_tf.sweep.space import Dimension, draw

FILE = "search.json"  # of the folder: what is searched
ATTEMPTS = 1000  # to draw what was not drawn before
# Settings that change no run, but may change its score.
JUDGING = ("sample_quality", "quality_samples", "inception_weights")


@dataclasses.dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Args:
      settings: of all trials, but for what is drawn; the seed is theirs, and that of the draws.
      space: what each flag may be.
      trials: how many.
      score: the measure on validation images to go by.
      halving: after which epochs trials are compared.
      folder: of the search.
    """

    settings: Settings
    space: Mapping[str, Dimension]
    trials: int
    score: str
    halving: Halving
    folder: pathlib.Path

    def described(self) -> dict[str, Any]:
        """What has to stay the same for the search to go on; more trials may be asked for."""
        flat = flatten(self.settings)
        by_samples = ("likelihood_samples",) if self.score == scores.LOG_LIKELIHOOD else ()
        judging = (*JUDGING, *by_samples)
        return {
            **flatten(self.settings, only_changing_run=True),
            **{flag: flat[flag] for flag in judging},
            "score": self.score,
            "halving": ",".join(map(str, self.halving.rungs)),
            **{f"space/{flag}": str(dimension) for flag, dimension in self.space.items()},
        }


def check(search: Search) -> None:
    """Checks that a search can be made in its folder.

    Raises:
      UserError: if not.
    """
    if search.trials < 1:
        raise SettingsError("trials", search.trials, "at least 1")
    scores.check(search.score)
    scores.check_flags(search.score, flatten(search.settings))
    check_folder("run_dir", search.folder)
    file = search.folder / FILE
    if not file.exists():
        if search.folder.is_dir() and any(p.name != ".lock" for p in search.folder.iterdir()):
            raise RunFolderError(
                f"--run_dir={search.folder}: not empty and holds no search; expected a new folder "
                "or one with search.json"
            )
        return
    try:
        kept = dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise RunFolderError(f"{file} can't be used ({error})") from None
    different = differences(kept, search.described())
    if different:
        raise RunFolderError(
            f"--run_dir={search.folder}: holds another search ({'; '.join(different)}); expected "
            "the same one or another folder"
        )


def drawn(search: Search) -> list[Trial]:
    """The trials, each with settings of its own; no two are alike.

    Raises:
      UserError: if there aren't so many, or drawn settings don't go together.
    """
    found: list[Trial] = []
    seen: list[Mapping[str, Any]] = []
    for number in range(search.trials):
        for attempt in range(ATTEMPTS):
            values = draw(search.space, search.settings.training.seed, number, attempt)
            if values not in seen:
                break
        else:
            expected = f"at most {number}, since the space has hardly more points"
            raise SettingsError("trials", search.trials, expected)
        seen.append(values)
        try:
            settings = override(search.settings, values)
        except SettingsError as error:
            told = ", ".join(f"{flag}={value}" for flag, value in values.items())
            raise UserError(f"--space: trial {number} draws {told}, but {error}") from None
        found.append(Trial(number, values, settings, search.folder / "trials" / f"{number:04}"))
    return found


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
