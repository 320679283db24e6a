"""TensorBoard's event files, written from Python (`tf.summary` doesn't work under XLA)."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar
from tensorboard.plugins.histogram import summary_v2 as histogram
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.image import metadata as image
from tensorboard.plugins.scalar import summary_v2 as scalar
from tensorboard.plugins.text import summary_v2 as text
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from aae_tf.data import ImageData
from aae_tf.experiments import settings_of
from aae_tf.experiments.command import flags_of
from aae_tf.methods import Method
from aae_tf.results.metrics import is_beside
from aae_tf.results.record import IN_RESULT
from aae_tf.results.tables import Table
from aae_tf.runs.curves import layout
from aae_tf.settings import Settings, flatten, without_places
from aae_tf.settings.fields import without_home
from aae_tf.settings.own import readable_name
from aae_tf.utils import printable, quoted

_NUMBERS = itertools.count()  # of the event files of a process


class EventWriter:
    """Writes events of one folder, in a file of its own that doesn't name the host.

    Not by TensorBoard's writer, whose thread prints a traceback where a disk is full.

    Args:
      folder: of the run, or one of those for logs in it.
      first_step: steps done before. What an earlier, killed session logged beyond them is purged by
        TensorBoard, since the run logs it again.

    Attributes:
      tags: of the curves that were written.

    Raises:
      OSError: that names the file, as all methods.
    """

    def __init__(self, folder: pathlib.Path, first_step: int):
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{os.getpid()}.{next(_NUMBERS):06d}"
        self._path = folder / name
        self._file = self._path.open("wb")
        self._records = RecordWriter(self._file)
        self.tags: set[str] = set()
        self._add(0, file_version="brain.Event:2")
        self.restart(first_step)

    def restart(self, step: int) -> None:
        """Purges what was logged beyond a step, which is logged again."""
        log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._add(step + 1, session_log=log)
        self.flush()

    def scalars(self, step: int, curves: Mapping[str, tuple[float, str]]) -> None:
        """One point of each curve, and once what it is: values and descriptions by tag."""
        for tag, (value, about) in curves.items():
            said = about if tag not in self.tags else None
            self.tags.add(tag)
            self._add(step, summary=scalar.scalar_pb(tag, value, said))

    def layout(self, tags: Collection[str]) -> None:
        """Which curves stand in one chart of the page of custom scalars."""
        content = layout(tags).SerializeToString()
        value = summary_pb2.Summary.Value(
            tag=custom_scalar.CONFIG_SUMMARY_TAG,
            metadata=custom_scalar.create_summary_metadata(),
            tensor=tensor_util.make_tensor_proto(content),
        )
        self._add(0, summary=summary_pb2.Summary(value=[value]))

    def histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
        """The distribution of each array's values."""
        for name, value in values.items():
            self._add(step, summary=histogram.histogram_pb(name, value))

    def png(self, step: int, name: str, content: bytes) -> None:
        """A picture; `content` is a PNG file's."""
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        strings = [str(width).encode(), str(height).encode(), content]
        self._add(
            step,
            summary=summary_pb2.Summary(
                value=[
                    summary_pb2.Summary.Value(
                        tag=name,
                        metadata=image.create_summary_metadata(name, "", converted_to_tensor=True),
                        tensor=tensor_util.make_tensor_proto(strings),
                    )
                ]
            ),
        )

    def text(self, step: int, name: str, markdown: str) -> None:
        """A page of text."""
        self._add(step, summary=text.text_pb(name, markdown))

    def graph(self, graph: tf.Graph) -> None:
        """What the Graphs page shows."""
        self._add(0, graph_def=graph.as_graph_def().SerializeToString())

    def hyperparameters(self, values: Mapping[str, Any], trial: str) -> None:
        """What the HParams page has of a run.

        Args:
          values: of the settings, by flag name.
          trial: the name of the run among others.
        """
        self._add(0, summary=hparams.hparams_pb(values, trial_id=trial))

    def flush(self) -> None:
        """Leaves to a process that is killed nothing to lose."""
        with self._named():
            self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        with self._named():
            self._file.close()

    def _add(self, step: int, **content):
        event = event_pb2.Event(step=step, wall_time=time.time(), **content)
        with self._named():
            self._records.write(event.SerializeToString())

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from None


def graph_of(method: Method) -> tf.Graph:
    """The networks: how images are encoded, rebuilt and scored by the discriminator."""
    takes = [tf.TensorSpec([None, *method.image_shape], method.dtype, "images")]
    function = method.scores if "score" in method.signatures else method.reconstruct
    if "reconstruct_labelled" in method.signatures:
        takes.append(tf.TensorSpec([None], tf.int32, "labels"))
    return tf.function(function, autograph=False).get_concrete_function(*takes).graph


def trial_name(folder: pathlib.Path) -> str:
    """A run's name among others: its folder and that above, which isn't told if it is the home."""
    return "/".join(pathlib.PurePath(without_home(str(folder.resolve()))).parts[-2:])


def distinguishing(settings: Settings) -> dict[str, Any]:
    """What names a run, and the settings in which it differs from its recipe, by flag name.

    Of the user's files and folders it has the names, not where they lie.
    """
    flat = flatten(settings, only_changing_run=True)
    usual = flatten(settings_of(settings.experiment, settings.recipe))
    chosen = {
        flag: value for flag, value in flat.items() if flag in IN_RESULT or value != usual.get(flag)
    }
    return without_places(chosen)


def pages_about(settings: Settings, data: ImageData) -> dict[str, str]:
    """The Text page of a run that begins: its command, its settings and its data, in Markdown."""
    chosen = distinguishing(settings)
    usual = flatten(settings_of(settings.experiment, settings.recipe))
    changed = [flag for flag in chosen if chosen[flag] != usual.get(flag)]
    command = ["aae-tf", *(quoted(readable_name(flag)) for flag in flags_of({**usual, **chosen}))]
    rows = [[flag, _cell(chosen[flag]), _cell(usual.get(flag, ""))] for flag in changed]
    table = Table(["setting", "this run", "recipe"], rows).markdown()
    described = data.describe()
    said = {
        "name": pathlib.PurePath(described["name"]).name,
        "shape": " x ".join(map(str, data.image_shape)),
        "classes": ", ".join(data.class_names) or data.num_classes,
        **described["sizes"],
        "SHA-256 of training examples": described["sha256_of_train"],
    }
    facts = Table(["data", ""], [[key, _cell(value)] for key, value in said.items()])
    return {
        "run/1_command": "    " + " \\\n      ".join(command),
        "run/2_settings": table if changed else f"as the recipe {settings.recipe} says",
        "run/3_data": facts.markdown(),
    }


def page_of_result(metrics: Mapping[str, float]) -> str:
    """The final metrics in Markdown, in brackets the prior's or the data's own."""
    splits = dict.fromkeys(key.partition("/")[0] for key in metrics)
    names = dict.fromkeys(key.partition("/")[2] for key in metrics if not is_beside(key))

    def cell(key):
        if key not in metrics:
            return ""
        beside = [metrics.get(f"{key}_of_{of}") for of in ("prior", "data")]
        return " ".join(
            [f"{metrics[key]:.5g}", *(f"({value:.3g})" for value in beside if value is not None)]
        )

    rows = [[name, *(cell(f"{split}/{name}") for split in splits)] for name in names]
    return Table(["metric", *splits], rows).markdown()


def _cell(value: Any) -> str:
    """A value in a table of Markdown."""
    return printable(readable_name(value)).replace("|", "\\|")
