"""TensorBoard's event files, written from Python (`tf.summary` doesn't work under XLA)."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import pathlib
import time
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar
from tensorboard.plugins.histogram import summary_v2 as histogram
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.image import metadata as image
from tensorboard.plugins.projector import projector_config_pb2
from tensorboard.plugins.scalar import summary_v2 as scalar
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from aae_tf.arrays import is_picture
from aae_tf.data import Split
from aae_tf.figures.style import Thumbnails, tile
from aae_tf.runs.curves import layout
from aae_tf.settings import Settings, flatten
from aae_tf.utils import printable, to_bytes, write_aside

PROJECTOR_POINTS = 2000
_NUMBERS = itertools.count()  # of the event files of a process
SPRITE_SIDE = 4096  # pixels, at most; browsers hold no picture of more than 8192 a side


class EventWriter:
    """Writes events of one folder, in a file of its own that doesn't name the host.

    Not by TensorBoard's writer, whose thread prints a traceback where a disk is full.

    Args:
      folder: 'train' or 'eval' of the run.
      first_step: steps done before. What an earlier, killed session logged beyond them is purged by
        TensorBoard, since the run logs it again.

    Attributes:
      tags: of the curves that were written.

    Raises:
      OSError: that names the file, as all methods.
    """

    def __init__(self, folder: pathlib.Path, first_step: int):
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{os.getpid()}.{next(_NUMBERS)}"
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

    def hyperparameters(self, settings: Settings) -> None:
        """The settings, for the HParams page."""
        self._add(0, summary=hparams.hparams_pb(flatten(settings, only_changing_run=True)))

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


def write_projector(
    folder: pathlib.Path,
    codes: np.ndarray,
    shown: Split,
    class_names: tuple[str, ...],
) -> None:
    """Writes what TensorBoard's projector shows: codes, labels and a sprite of the images.

    Args:
      folder: of event files; the projector looks nowhere else.
      codes: `(n, latent_dim)`.
      shown: the n images, with their labels if there are any.
      class_names: for the labels.
    """
    config = projector_config_pb2.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "codes"
    embedding.tensor_path = "codes.tsv"
    # The projector draws in three dimensions and shows nothing of codes that have fewer.
    codes = np.pad(codes, ((0, 0), (0, max(0, 3 - codes.shape[1]))))
    lines = ["\t".join(f"{value:.6g}" for value in code) for code in codes]
    write_aside(folder / "codes.tsv", "\n".join(lines) + "\n")
    if shown.labels is not None:
        embedding.metadata_path = "labels.tsv"
        names = [class_names[n] if n < len(class_names) else str(n) for n in shown.labels]
        write_aside(folder / "labels.tsv", "\n".join(map(printable, names)) + "\n")
    if is_picture(shown.images.shape[1:]):
        _write_sprite(folder, shown, embedding)
    write_aside(folder / "projector_config.pbtxt", str(config))


def _write_sprite(folder: pathlib.Path, shown: Split, embedding) -> None:
    """Writes one picture of all images, and says so in the projector's configuration."""
    side = math.ceil(math.sqrt(len(shown)))
    small = Thumbnails(shown.images.shape[1:], side, side, gap=0, side=SPRITE_SIDE)
    images = np.concatenate([to_bytes(small(block)) for block in shown.blocks("sprite")])
    missing = np.zeros((side * side - len(images), *images.shape[1:]), np.uint8)
    sprite = tile(np.concatenate([images, missing]), side, gap=0)
    write_aside(folder / "sprite.png", tf.io.encode_png(sprite).numpy())
    embedding.sprite.image_path = "sprite.png"
    embedding.sprite.single_image_dim.extend([images.shape[2], images.shape[1]])
