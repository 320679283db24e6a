"""Of several seeds the one that begins best, as k-means is begun several times.

Each seed's run is trained for some epochs, as a trial of a search is, and only the best one by a
measure on validation images goes on; the others' folders stay as they are. It imports no
TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence

from aae_tf.child import Children
from aae_tf.errors import SettingsError, UserError
from aae_tf.results.run_folder import MetricsTable
from aae_tf.search import scores, talk
from aae_tf.search.trial import read_scores
from aae_tf.settings import Settings
from aae_tf.utils import write_json

RESTARTS_FILE = "begun.json"  # of the folder of all seeds, and of the one that went on
# Evaluations of which metrics.csv has a row of each epoch, whoever trained it.
OF_EPOCHS = tuple(
    name for name in (scores.MINIMISED | scores.MAXIMISED) if name not in scores.FINAL
)


@dataclasses.dataclass(frozen=True)
class Restarts:
    """When the runs are compared, and by what.

    Args:
      epochs: after which.
      score: the measure on validation images.
    """

    epochs: int
    score: str


def read_restarts(
    epochs: int | None, score: str | None, seeds: Sequence[int], settings: Settings
) -> Restarts | None:
    """What `--best_after` and `--score` ask for; None without the first.

    Raises:
      SettingsError: if they don't go together, or not with seeds and settings.
    """
    if epochs is None:
        if score:
            raise SettingsError("score", score, "--best_after beside it, or --mode=search")
        return None
    if len(seeds) < 2:
        raise SettingsError("best_after", epochs, "two --seeds or more beside it")
    if not 1 <= epochs < settings.training.epochs:
        expected = f"from 1 to below --epochs={settings.training.epochs}"
        raise SettingsError("best_after", epochs, expected)
    if score not in (fit := scores.names(OF_EPOCHS)):
        expected = f"a measure on validation images, one of {', '.join(fit)}"
        raise SettingsError("score", score or "", expected)
    return Restarts(epochs, score)


def find_best(
    settings: Mapping[pathlib.Path, Settings],
    beginning: Restarts,
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
    known: dict[pathlib.Path, float | None] = {}
    for folder, own in settings.items():
        name = f"seed {own.training.seed}"
        if not (_row(folder, beginning) or _diverged(folder)):
            say(f"{name}: {beginning.epochs} of {own.training.epochs} epochs, in {folder}")
            status = talk.train_trial(
                children,
                name,
                own,
                folder,
                beginning.score,
                [beginning.epochs],
                lambda epoch, score: False,
                say,
            )
            if status or children.received:
                return None, 128 + children.received if children.received else status
        if row := _row(folder, beginning):
            known[folder] = _score(row, beginning)
        elif reason := _diverged(folder):
            say(f"{name}: {reason}")
            known[folder] = None
        else:
            raise UserError(f"{name}: has no score after epoch {beginning.epochs}, as told above")
    found = {folder: score for folder, score in known.items() if score is not None}
    if not found:
        raise UserError("--seeds: the runs of all diverged, as told above")
    choose = max if scores.is_better_larger(beginning.score) else min
    best = choose(found, key=found.get)
    described = {
        "epochs": beginning.epochs,
        "score": beginning.score,
        "scores": {str(settings[folder].training.seed): score for folder, score in known.items()},
        "best": settings[best].training.seed,
    }
    for folder in (best.parent, best):
        write_json(folder / RESTARTS_FILE, described)
    return best, 0


def _row(folder: pathlib.Path, beginning: Restarts) -> dict[str, float] | None:
    """What metrics.csv has of the epoch, whether the run was begun here or alone; None before it.

    Raises:
      UserError: if the file can't be used.
    """
    file = folder / "metrics.csv"
    try:
        rows = MetricsTable(file, sys.maxsize).rows
        return next((row for row in rows if row["epoch"] == beginning.epochs), None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} can't be used ({error!r})") from None


def _score(row: dict[str, float], beginning: Restarts) -> float | None:
    """The score of an epoch; None if it isn't finite.

    Raises:
      SettingsError: if this prior, or these data, don't have it.
    """
    made = [key.removeprefix("validation/") for key in row if key.startswith("validation/")]
    scores.check_made(beginning.score, made)
    score = row[f"validation/{beginning.score}"]
    return score if math.isfinite(score) else None


def _diverged(folder: pathlib.Path) -> str:
    """Why a run has no score and never will, or ''."""
    return str(read_scores(folder).get("diverged", ""))
