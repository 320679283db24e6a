"""Of several seeds the one that begins best, as k-means is begun several times.

Each seed's run is trained for some epochs, as a trial of a search is, and only the best one by a
measure on validation images goes on; the others' folders stay as they are. It imports no
TensorFlow.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence

from aae_tf.child import Children
from aae_tf.errors import SettingsError, UserError
from aae_tf.files import write_json
from aae_tf.reporting.run_folder import MetricsTable
from aae_tf.search import scores, talk
from aae_tf.search.trial import read_scores
from aae_tf.settings import Settings, flatten

FILE = "begun.json"  # of the folder of all seeds, and of the one that went on


@dataclasses.dataclass(frozen=True)
class Beginning:
    """When the runs are compared, and by what.

    Args:
      epochs: after which.
      score: the measure on validation images.
    """

    epochs: int
    score: str


def read(
    epochs: int | None, score: str | None, seeds: Sequence[int], settings: Settings
) -> Beginning | None:
    """What `--best_after` and `--score` ask for; None without the first.

    Raises:
      SettingsError: if they don't go together, or not with seeds and settings.
    """
    if epochs is None:
        return None
    if len(seeds) < 2:
        raise SettingsError("best_after", epochs, "two --seeds or more beside it")
    if not 1 <= epochs < settings.training.epochs:
        expected = f"from 1 to below --epochs={settings.training.epochs}"
        raise SettingsError("best_after", epochs, expected)
    if not score:
        raise SettingsError("score", "", "a measure on validation images, for --best_after")
    scores.check(score)
    scores.check_flags(score, flatten(settings))
    return Beginning(epochs, score)


def find(
    settings: Mapping[pathlib.Path, Settings],
    beginning: Beginning,
    children: Children,
    say: Callable[[str], None],
) -> tuple[pathlib.Path | None, int]:
    """Trains the runs until they can be compared, as far as they aren't, and compares them.

    Args:
      settings: of each run, by its folder, all in one folder.
      beginning: when to compare, and by what.
      children: each run is a process of its own, one of them.
      say: told what happens, line by line.

    Returns:
      The folder of the best one, of equals the first; or None, and the exit status of a stop by a
      signal.

    Raises:
      UserError: if a run can't be begun, or all diverged.
    """
    found: dict[pathlib.Path, float] = {}
    for folder, own in settings.items():
        name = f"seed {own.training.seed}"
        known = _known(folder, beginning)
        if known is None:
            say(f"{name}: {beginning.epochs} of {own.training.epochs} epochs, in {folder}")
            status = talk.train(
                children, name, own, folder, beginning.score, [beginning.epochs],
                lambda epoch, score: False, say,
            )  # fmt: skip
            if status or children.received:
                return None, 128 + children.received if children.received else status
            known = _known(folder, beginning)
        if known is None:
            raise UserError(f"{name}: has no score after epoch {beginning.epochs}, as told above")
        if isinstance(known, str):
            say(f"{name}: {known}")
        else:
            found[folder] = known
    if not found:
        raise UserError("--seeds: the runs of all diverged, as told above")
    choose = max if scores.is_better_larger(beginning.score) else min
    best = choose(found, key=found.get)
    described = {
        "epochs": beginning.epochs,
        "score": beginning.score,
        "scores": {str(settings[folder].training.seed): score for folder, score in found.items()},
        "best": settings[best].training.seed,
    }
    for folder in (best.parent, best):
        write_json(folder / FILE, described)
    return best, 0


def _known(folder: pathlib.Path, beginning: Beginning) -> float | str | None:
    """A run's score, or why it diverged; None before either.

    Raises:
      SettingsError: if the run is past those epochs and has other measures of them alone.
    """
    noted = read_scores(folder)
    if "diverged" in noted:
        return str(noted["diverged"])
    if isinstance(score := noted.get(str(beginning.epochs)), (int, float)):
        return score
    rows = MetricsTable(folder / "metrics.csv", sys.maxsize).rows  # of a run that was begun alone
    for row in rows:
        if row["epoch"] == beginning.epochs:
            made = [key.removeprefix("validation/") for key in row if "validation/" in key]
            scores.check_made(beginning.score, made)
            return row[f"validation/{beginning.score}"]
    return None
