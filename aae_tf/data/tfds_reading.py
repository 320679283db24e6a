"""The examples of one split of a TensorFlow Datasets builder, into memory or into a packed file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf.data.images import Split
from aae_tf.data.packed import PackedImages, packed
from aae_tf.data.pixels import Framing
from aae_tf.errors import DataError, SettingsError

BATCH = 128  # images between TensorFlow and numpy at a time


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a split is read.

    Args:
      builder: that has prepared it.
      name: of the data set, for messages.
      split: its name, or several with + between.
      framing: how images are cropped and resized.
      shape: of an image once it is framed.
      binary: whether pixels are 0 or 1, and are to become 0 or 255.
    """

    builder: Any
    name: str
    split: str
    framing: Framing
    shape: tuple[int, int, int]
    binary: bool

    @property
    def count(self) -> int:
        """How many examples it has."""
        return self.builder.info.splits[self.split].num_examples

    def in_memory(self, order: np.ndarray | None = None) -> Split:
        """All examples, the `order[n]`-th of the split in row n."""
        rows = np.arange(self.count)
        if order is not None:
            rows[order] = np.arange(self.count)
        images, labels = np.empty((self.count, *self.shape), np.uint8), []
        start = 0
        for some, some_labels in self._batches():
            images[rows[start : start + len(some)]] = some
            start += len(some)
            labels.append(some_labels)
        if start != self.count:
            raise DataError(f"--dataset={self.name}: {start} images came, expected {self.count}")
        if not labels or labels[0] is None:
            return Split(images)
        everything = np.concatenate(labels)
        return Split(images, everything if order is None else everything[order])

    def packed(self) -> PackedImages:
        """All examples, in a file beside the prepared data, which is made at the first use."""
        content = {
            "dataset": self.builder.info.full_name,
            "split": self.split,
            "crop": self.framing.crop,
            "size": self.framing.size,
            "binary": self.binary,
        }
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
        path = pathlib.Path(self.builder.data_path) / "packed" / f"{digest}.images"
        return packed(path, content, self.shape, self.count, self._batches())

    def _batches(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Images and int64 labels, if there are any, in the order of the split."""
        import tensorflow_datasets as tfds

        wanted = {"image": True}
        if "label" in self.builder.info.features:
            wanted["label"] = True
        dataset = self.builder.as_dataset(
            split=self.split,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(wanted),
            read_config=tfds.ReadConfig(try_autocache=False),  # it would be kept in memory twice
        )
        dataset = dataset.map(self._framed, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        try:
            for batch in dataset.batch(BATCH).prefetch(1).as_numpy_iterator():
                if batch["shorter"].min() < self.framing.crop:
                    expected = f"at most {batch['shorter'].min()}, the shorter side of an image"
                    raise SettingsError("crop_size", self.framing.crop, expected)
                labels = batch.get("label")
                yield batch["image"], None if labels is None else labels.astype(np.int64)
        except tf.errors.OpError as error:
            reason = error.message.strip().splitlines()[0][:200]
            raise DataError(f"--dataset={self.name}: can't be read ({reason})") from None

    def _framed(self, example):
        image = example["image"]
        if self.binary:
            image = tf.where(image > 0, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))
        shorter = tf.reduce_min(tf.shape(image)[:2])
        image = tf.ensure_shape(self.framing(image), self.shape)
        return {**example, "image": image, "shorter": shorter}
