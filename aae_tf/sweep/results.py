"""What came of a search: a table of its trials, and the best one's flags.

It imports no TensorFlow.
"""

from __future__ import annotations

import io
import pathlib
import time
from collections.abc import Iterable, Sequence
from typing import Any

from aae_tf.results.tables import Table
from aae_tf.settings import PLACES, to_flagfile
from aae_tf.sweep.plan import Search, Trial
from aae_tf.sweep.scores import is_better_larger
from aae_tf.sweep.space import Dimension
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
    return f"{caption}\n\n{Table(head, rows).markdown()}"


EVENTS = "tensorboard"
HPARAMS_FILE = "events.out.tfevents.0.search"  # TensorBoard looks for names with 'tfevents'


def write_hparams(search: Search, trial: Trial) -> None:
    """Writes the space, and a trial that has ended, to the search's folder, each once."""
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.plugins.scalar import summary_v2 as scalar

    tag, top = f"validation/{search.score}", search.folder / EVENTS
    flags = [hparams.HParam(flag, _domain(each)) for flag, each in search.space.items()]
    metrics = [hparams.Metric(tag, display_name=search.score)]
    _write_once(top / "space", [(0, hparams.hparams_config_pb(flags, metrics))])
    name = f"trial_{trial.number:04}"
    summaries = [(0, hparams.hparams_pb(dict(trial.drawn), trial_id=name))]
    for epoch, score in sorted(trial.scores().items()):
        summaries.append((epoch, scalar.scalar_pb(tag, score)))
    _write_once(top / name, [*summaries, (0, _end(bool(trial.diverged)))])


def _domain(dimension: Dimension) -> Any:
    from tensorboard.plugins.hparams import summary_v2 as hparams

    if dimension.kind == "choice":
        return hparams.Discrete(list(dimension.choices))
    if dimension.whole:
        return hparams.IntInterval(int(dimension.low), int(dimension.high))
    return hparams.RealInterval(float(dimension.low), float(dimension.high))


def _end(has_failed: bool) -> Any:
    """That a trial has ended, which the plugin's module with TensorFlow would say otherwise."""
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.STATUS_FAILURE if has_failed else api_pb2.STATUS_SUCCESS
    told = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    data = plugin_data_pb2.HParamsPluginData(session_end_info=told)
    value = summary_pb2.Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )
    return summary_pb2.Summary(value=[value])


def _write_once(folder: pathlib.Path, summaries: Iterable[tuple[int, Any]]) -> None:
    from tensorboard.compat.proto import event_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter

    if (folder / HPARAMS_FILE).exists():
        return
    content = io.BytesIO()
    # EventFileWriter would load TensorFlow.
    writer = RecordWriter(content)
    events = [event_pb2.Event(file_version="brain.Event:2", wall_time=time.time())]
    events += [
        event_pb2.Event(step=step, summary=summary, wall_time=time.time())
        for step, summary in summaries
    ]
    for event in events:
        writer.write(event.SerializeToString())
    folder.mkdir(parents=True, exist_ok=True)
    write_aside(folder / HPARAMS_FILE, content.getvalue())
