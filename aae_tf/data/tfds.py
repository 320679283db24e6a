"""Any image data set of TensorFlow Datasets, by its name."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import os
import pathlib
import re
import socket
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf.arrays import ENDINGS, tables
from aae_tf.data.decoding import compiled, with_channels
from aae_tf.data.images import (
    Framing,
    ImageData,
    Split,
    fixed_permutation,
    size_of_validation,
    with_splits_in_memory,
)
from aae_tf.data.streamed import PackedImages, must_stream, must_stream_held_out, packed
from aae_tf.errors import DataError, SettingsError, did_you_mean
from aae_tf.settings import DataSettings
from aae_tf.utils import printable

BATCH = 128  # images between TensorFlow and numpy at a time


@dataclasses.dataclass(frozen=True)
class Preparation:
    """How a paper prepares a data set, where the flags leave it open.

    Args:
      framing: crop and size.
      pooled: sizes of validation and test, split off all official splits together; none for the
        official ones.
      binary: whether pixels are 0 or 1.
    """

    framing: Framing = dataclasses.field(default_factory=Framing)
    pooled: tuple[int, ...] = ()
    binary: bool = False


PREPARATIONS = {
    # WAE, supplement: 140 x 140 at the centre to 64 x 64; 20,000 of all images are the test. The
    # authors' code resizes by Pillow's ANTIALIAS, which is Lanczos's filter.
    "celeb_a": Preparation(Framing(crop=140, size=64, filter="lanczos3"), pooled=(10_000, 20_000)),
    "binarized_mnist": Preparation(binary=True),
}


def framing_of(settings: DataSettings) -> Framing:
    """How images of a data set are cropped and resized: as the flags say, else as its paper."""
    # TensorFlow Datasets takes CelebA and celeb_a:2.1.0 for celeb_a.
    name = re.split("[/:]", settings.dataset)[0].replace("_", "").lower()
    known = {key.replace("_", ""): preparation for key, preparation in PREPARATIONS.items()}
    return Framing.of(settings, known.get(name, Preparation()).framing)


def load(settings: DataSettings) -> ImageData:
    """Loads a prepared data set, preparing it first if its files can be had.

    Upstream files put under `<data_dir>/manual` are used instead of a download.

    Args:
      settings: the name of a data set with features 'image' and, maybe, 'label', as in
        `tfds build NAME`; where TensorFlow Datasets keeps its data; what to train on, such as
        'train+extra' for all of svhn_cropped; how images are cropped and resized; and whether
        training images are streamed.

    Raises:
      SettingsError: for a name that TensorFlow Datasets doesn't know, or a setting that the data
        set can't have.
      DataError: if it can't be prepared or read, or isn't of images.
    """
    import tensorflow_datasets as tfds

    name = settings.dataset
    try:
        builder = tfds.builder(name, data_dir=os.path.expanduser(settings.data_dir) or None)
    except Exception:  # of many kinds: an unknown name, version or configuration, a missing library
        hint = did_you_mean(name, ["mnist", *tfds.list_builders()], most=3)
        files = ", ".join((*ENDINGS, *tables.ENDINGS))
        kinds = f"mnist, a TensorFlow Datasets name, a folder or a file ({files})"
        raise SettingsError("dataset", name, kinds + hint) from None
    _prepare(builder, name)
    paper = PREPARATIONS.get(builder.name, Preparation())
    splits = _checked_splits(builder, name, settings.train_split, paper)
    framing = framing_of(settings)
    shape = _checked_shape(builder, name, framing)

    def reading(split):
        return Reading(builder, name, split, framing, shape, paper.binary)

    def held_out(split):
        chosen = reading(split)
        if not must_stream_held_out(name, settings.stream, math.prod(shape) * chosen.count):
            return chosen.in_memory()
        images = chosen.packed()
        return Split(images, images.labels)

    if paper.pooled:
        pool = reading("+".join(splits))
        # Less of it where there is only a part of the data set.
        sizes = [min(size, pool.count // 10) for size in paper.pooled]
        train, validation, test = _parted(pool, sizes, settings.stream)
    elif len(splits) == 3:
        (train,) = _parted(reading(settings.train_split), [], settings.stream)
        validation, test = held_out(splits[1]), held_out(splits[2])
    else:  # the second, whatever its name, serves as the test
        pool = reading(settings.train_split)
        sizes = [size_of_validation(pool.count)]
        train, validation = _parted(pool, sizes, settings.stream)
        test = held_out(splits[1])
    class_names = ()
    if "label" in builder.info.features:
        names = getattr(builder.info.features["label"], "names", None) or ()
        class_names = tuple(map(printable, names))
    data = ImageData(name, train, validation, test, class_names)
    return with_splits_in_memory(data, settings.stream)


def _parted(pool: Reading, sizes: Sequence[int], stream: str) -> list[Split]:
    """Training examples and, if there are sizes, splits of those, taken off the permuted end."""
    order = fixed_permutation(pool.count) if sizes else np.arange(pool.count)
    held_out = np.cumsum(sizes[::-1], dtype=int)[::-1]  # from each of the splits to the end
    parts = np.split(order, pool.count - held_out)
    if not must_stream(pool.name, stream, math.prod(pool.shape) * len(parts[0])):
        whole = pool.in_memory(order)
        ends = np.cumsum([0, *map(len, parts)])
        return [whole.take(slice(*ends[n : n + 2])) for n in range(len(parts))]
    images = pool.packed()
    whole = Split(images, images.labels)
    return [whole.view(part) for part in parts]


def _prepare(builder, name: str):
    import tensorflow_datasets as tfds

    if builder.data_path.exists():
        return
    data_dir = pathlib.Path(builder._data_dir_root)
    manual, downloads = data_dir / "manual", data_dir / "downloads"

    def fail(reason):
        raise DataError(
            f"--dataset={name}: not prepared in {data_dir} and couldn't be ({reason}); where there "
            f"is a network, run 'tfds build {name} --data_dir={data_dir}' and bring "
            f"{data_dir / name} here, or put the upstream files into {manual} and run this again"
        ) from None

    if not _has_files(manual) and not _has_files(downloads) and not has_network():
        fail("no network")
    config = tfds.download.DownloadConfig(manual_dir=manual)
    try:
        with _few_retries():
            builder.download_and_prepare(download_config=config)
    except Exception as error:  # any of many kinds: no network, no space, a changed checksum
        fail((str(error) or type(error).__name__).strip().splitlines()[0][:160])


def _has_files(folder: pathlib.Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def has_network() -> bool:
    """Whether the host that most data sets come from can be found (retries would take minutes)."""
    if urllib.request.getproxies():
        return True
    try:
        return bool(socket.getaddrinfo("storage.googleapis.com", 443))
    except OSError:
        return False


@contextlib.contextmanager
def _few_retries() -> Iterator[None]:
    """Has each file of a data set asked for twice instead of eleven times, in silence."""
    from tensorflow_datasets.core.download import downloader

    logger = logging.getLogger("urllib3.connectionpool")
    before, level = downloader.MAX_RETRIES, logger.level
    downloader.MAX_RETRIES = 1
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        downloader.MAX_RETRIES = before
        logger.setLevel(level)


def _checked_splits(builder, name: str, train_split: str, paper: Preparation) -> list[str]:
    """The official splits: train, then the held-out ones."""
    known = builder.info.splits
    splits = [split for split in ("train", "validation", "test") if split in known]
    if splits[:1] != ["train"] or len(splits) == 1:
        raise DataError(f"--dataset={name}: has splits {sorted(known)}, expected train and test")
    if paper.pooled and train_split != "train":
        expected = f"train, since all splits of {name} are taken together and split anew"
        raise SettingsError("train_split", train_split, expected)
    parts = [part.strip() for part in train_split.split("+")]
    for part in parts:
        of = part.partition("[")[0].strip()
        if of not in known:
            expected = "of " + ", ".join(sorted(known)) + ", with + between"
            raise SettingsError("train_split", train_split, expected)
        if of in splits[1:] and not paper.pooled:
            expected = f"splits other than {' and '.join(splits[1:])}, which evaluate the run"
            raise SettingsError("train_split", train_split, expected)
        if parts.count(part) > 1:
            raise SettingsError("train_split", train_split, f"{part} once")
    return splits


def _checked_shape(builder, name: str, framing: Framing) -> tuple[int, int, int]:
    """The shape of the images once they are framed."""
    features = builder.info.features
    if "image" not in features or len(features["image"].shape or ()) != 3:
        raise DataError(f"--dataset={name}: has no feature 'image' of one image")
    feature = features["image"]
    if feature.np_dtype != np.uint8:
        raise DataError(
            f"--dataset={name}: images of {np.dtype(feature.np_dtype)}, expected uint8 in 0..255"
        )
    if "label" in features and (
        features["label"].shape != () or np.dtype(features["label"].np_dtype).kind not in "iu"
    ):
        raise DataError(f"--dataset={name}: its feature 'label' isn't the number of a class")
    if feature.shape[2] is None:
        raise DataError(f"--dataset={name}: its images may differ in their number of channels")
    if None in feature.shape and not framing.side:
        raise DataError(
            f"--dataset={name}: its images differ in size {feature.shape}; expected one size, or "
            "--image_size to bring them to it"
        )
    if None not in feature.shape and min(feature.shape[:2]) < framing.crop:
        expected = f"at most {min(feature.shape[:2])}, the shorter side of the images of {name}"
        raise SettingsError("crop_size", framing.crop, expected)
    return framing.shape(feature.shape)


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
        # What files of earlier versions don't say is as it was then.
        decoded = {"decoder": "exact"} if self._skipped else {}
        resized = {"filter": self.framing.filter} if self.framing.filter != "bilinear" else {}
        content = {
            **decoded,
            **resized,
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

        features = {name: True for name in ("image", "label") if name in self.builder.info.features}
        dataset = self.builder.as_dataset(
            split=self.split,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(features, self._skipped),
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

    @property
    def _skipped(self) -> dict[str, Any]:
        """Images that aren't decoded as TensorFlow Datasets does: JPEGs, whose pixels would differ.

        A PNG has the same ones either way.
        """
        import tensorflow_datasets as tfds

        feature = self.builder.info.features["image"]
        is_jpeg = isinstance(feature, tfds.features.Image) and feature._encoding_format == "jpeg"
        usual = feature.shape[2] in (1, 3)
        return {"image": tfds.decode.SkipDecoding()} if is_jpeg and usual else {}

    def _framed(self, example):
        image = example["image"]
        if image.dtype == tf.string:
            image = with_channels(compiled()(image), self.shape[2])
        if self.binary:
            image = tf.where(image > 0, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))
        shorter = tf.reduce_min(tf.shape(image)[:2])
        image = tf.ensure_shape(self.framing(image), self.shape)
        return {**example, "image": image, "shorter": shorter}
