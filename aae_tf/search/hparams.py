"""A search on TensorBoard's HParams page.

It imports no TensorFlow, and TensorBoard only where it is used, since that takes a while.
"""

from __future__ import annotations

import io
import pathlib
import time
from collections.abc import Iterable
from typing import Any

from aae_tf.search.plan import Search
from aae_tf.search.space import Dimension
from aae_tf.search.trial import Trial
from aae_tf.utils import write_aside

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
