"""What a search is to be: its settings, its space, its draws and its folder, all checked.

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.results.run_folder import check_folder
from aae_tf.search import scores
from aae_tf.search.halving import Halving
from aae_tf.search.space import Dimension, draw
from aae_tf.search.trial import Trial
from aae_tf.settings import Settings, differences, flatten, override

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
