"""What came of a search: a table of its trials, and the best one's flags.

It imports no TensorFlow.
"""

from __future__ import annotations

import io
import pathlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aae_tf.results.tables import Table
from aae_tf.settings import PLACES, to_flagfile
from aae_tf.sweep.plan import Sweep, is_better_larger
from aae_tf.sweep.space import Dimension
from aae_tf.utils import make_folder, write_aside, write_json

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

BEST, TABLE = "best.flags", "results.md"
STATES = {  # by optuna's name
    "COMPLETE": "completed",
    "PRUNED": "pruned",
    "FAIL": "diverged",
    "RUNNING": "unfinished",
    "WAITING": "waiting",
}


def rows_of(sweep: Sweep, trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
    """The trials that came farthest first, and of those the best: other epochs don't compare."""
    sign = -1 if is_better_larger(sweep.score) else 1
    rows = []
    for number, (draw, trial) in enumerate(zip(sweep.draws, trials, strict=True)):
        scores = sorted(trial.intermediate_values.items())
        epochs, last = scores[-1] if scores else (0, 0.0)
        row = {
            "trial": number,
            "state": STATES[trial.state.name],
            "epochs": epochs,
            "scores": {str(epoch): score for epoch, score in scores},
            "drawn": dict(draw.flags),
        }
        if row["state"] == "diverged":
            row["diverged"] = trial.user_attrs["diverged"]
            rows.append((True, 0, 0.0, number, row))
        else:
            rows.append((False, -epochs, sign * last, number, row))
    return [row for *_, row in sorted(rows)]


def write(sweep: Sweep, trials: Sequence[FrozenTrial]) -> None:
    """Writes results.json, results.md and, once a trial is complete, best.flags."""
    rows = rows_of(sweep, trials)
    best = next((row["trial"] for row in rows if row["state"] == "completed"), None)
    content = {
        "experiment": sweep.settings.experiment,
        "score": sweep.score,
        "better": "larger" if is_better_larger(sweep.score) else "smaller",
        "rungs": sweep.halving.rungs,
        "best": best,
        "trials": rows,
    }
    write_json(sweep.folder / "results.json", content)
    write_aside(sweep.folder / TABLE, _table(sweep, rows) + "\n")
    if best is not None:
        local = tuple(f"--{flag}=" for flag in PLACES)
        lines = to_flagfile(sweep.settings_of(sweep.draws[best])).splitlines(keepends=True)
        head = f"# Trial {best} of a search, the best by {sweep.score} on validation images\n"
        lines = [line for line in lines if not line.startswith(local)]
        write_aside(sweep.folder / BEST, head + "".join(lines))


def _table(sweep: Sweep, rows: Sequence[Mapping[str, Any]]) -> str:
    """The trials as a Markdown table with a caption, the best first."""
    better = "larger" if is_better_larger(sweep.score) else "smaller"
    caption = (
        f"{sweep.settings.experiment}, {sweep.settings.recipe}: {sweep.score} on validation "
        f"images, {better} is better."
    )
    rungs, cells = list(map(str, sweep.halving.rungs)), []
    for row in rows:
        by_rung = row["scores"]
        scores = [f"{by_rung[rung]:.5g}" if rung in by_rung else "" for rung in rungs]
        drawn = [str(row["drawn"][flag]) for flag in sweep.space]
        cells.append([str(row["trial"]), row["state"], *scores, *drawn])
    head = ["trial", "state", *(f"epoch {rung}" for rung in rungs), *sweep.space]
    return f"{caption}\n\n{Table(head, cells).markdown()}"


EVENTS = "tensorboard"
HPARAMS_FILE = "events.out.tfevents.0.search"  # TensorBoard looks for names with 'tfevents'


def write_hparams(sweep: Sweep, trials: Sequence[FrozenTrial]) -> None:
    """Writes the space, and each trial that has ended, to the search's folder, each once."""
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.plugins.scalar import summary_v2 as scalar

    tag, top = f"validation/{sweep.score}", sweep.folder / EVENTS
    flags = [hparams.HParam(flag, _domain(each)) for flag, each in sweep.space.items()]
    metrics = [hparams.Metric(tag, display_name=sweep.score)]
    _write_once(top / "space", [(0, hparams.hparams_config_pb(flags, metrics))])
    for row in rows_of(sweep, trials):
        if row["state"] in ("unfinished", "waiting"):
            continue
        name = f"trial_{row['trial']:04}"
        start = hparams.hparams_pb(row["drawn"], trial_id=name)
        curve = [(int(epoch), scalar.scalar_pb(tag, s)) for epoch, s in row["scores"].items()]
        _write_once(top / name, [(0, start), *curve, (0, _end("diverged" in row))])


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
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
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
    make_folder(folder)
    write_aside(folder / HPARAMS_FILE, content.getvalue())
