"""What came of a search: a table of its trials, and the best one's flags.

It imports no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence

from aae_tf.results.tables import markdown
from aae_tf.search.plan import Search
from aae_tf.search.scores import is_better_larger
from aae_tf.search.trial import Trial
from aae_tf.settings import PLACES, to_flagfile
from aae_tf.utils import write_aside, write_json

BEST, TABLE = "best.flags", "results.md"


def in_order(search: Search, trials: Sequence[Trial]) -> list[Trial]:
    """The trials that came farthest first, and of those the best: other epochs don't compare."""
    sign = -1 if is_better_larger(search.score) else 1

    def place(trial):
        scores = trial.scores()
        if not scores or trial.diverged:
            return bool(trial.diverged), 0, 0.0, trial.number
        last = max(scores)
        return False, -last, sign * scores[last], trial.number

    return sorted(trials, key=place)


def best_of(search: Search, trials: Sequence[Trial]) -> Trial | None:
    """The best of the trials that came to the end of their epochs."""
    for trial in in_order(search, trials):
        if trial.state(search.halving.epochs) == "completed":
            return trial
    return None


def write(search: Search, trials: Sequence[Trial]) -> None:
    """Writes results.json, results.md and, once a trial is complete, best.flags."""
    epochs, ordered = search.halving.epochs, in_order(search, trials)
    rows = [
        {
            "trial": trial.number,
            "state": trial.state(epochs),
            "epochs": max(trial.scores(), default=0),
            "scores": {str(epoch): score for epoch, score in sorted(trial.scores().items())},
            "drawn": dict(trial.drawn),
            **({"diverged": trial.diverged} if trial.diverged else {}),
        }
        for trial in ordered
    ]
    best = best_of(search, trials)
    told = {
        "experiment": search.settings.experiment,
        "score": search.score,
        "better": "larger" if is_better_larger(search.score) else "smaller",
        "rungs": search.halving.rungs,
        "best": best.number if best else None,
        "trials": rows,
    }
    write_json(search.folder / "results.json", told)
    write_aside(search.folder / TABLE, table(search, trials) + "\n")
    if best is not None:
        places = tuple(f"--{flag}=" for flag in PLACES)
        lines = to_flagfile(best.settings).splitlines(keepends=True)
        kept = "".join(line for line in lines if not line.startswith(places))
        about = (
            f"# Trial {best.number} of a search, the best by {search.score} on validation images\n"
        )
        write_aside(search.folder / BEST, about + kept)


def table(search: Search, trials: Sequence[Trial]) -> str:
    """The trials as a Markdown table with a caption, the best first."""
    rungs, flags = search.halving.rungs, list(search.space)
    better = "larger" if is_better_larger(search.score) else "smaller"
    caption = (
        f"{search.settings.experiment}, {search.settings.recipe}: {search.score} on validation "
        f"images, {better} is better."
    )
    rows = []
    for trial in in_order(search, trials):
        scores = trial.scores()
        cells = [f"{scores[rung]:.5g}" if rung in scores else "" for rung in rungs]
        drawn = [str(trial.drawn[flag]) for flag in flags]
        rows.append([str(trial.number), trial.state(search.halving.epochs), *cells, *drawn])
    head = ["trial", "state", *(f"epoch {rung}" for rung in rungs), *flags]
    return f"{caption}\n\n{markdown(head, rows)}"
