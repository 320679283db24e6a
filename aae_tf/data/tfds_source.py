"""Any image data set of TensorFlow Datasets, by its name."""

from __future__ import annotations

import contextlib
import difflib
import logging
import pathlib
import socket
import urllib.request
from collections.abc import Iterator

import numpy as np

from aae_tf.data.images import ImageData, Split, with_validation
from aae_tf.errors import DataError, SettingsError

LARGEST_IN_MEMORY = 8 * 2**30  # bytes of uint8 pixels


def load(name: str, data_dir: str = "", train_split: str = "train") -> ImageData:
    """Loads a prepared data set, preparing it first if its files can be had.

    Upstream files put under `<data_dir>/manual` are used instead of a download.

    Args:
      name: of the data set, as in `tfds build NAME`; with features 'image' and, maybe, 'label'.
      data_dir: where TensorFlow Datasets keeps its data; empty for its default.
      train_split: what to train on, such as 'train+extra' for all of svhn_cropped.

    Raises:
      SettingsError: for a name that TensorFlow Datasets doesn't know.
      DataError: if it can't be prepared, or isn't of images that fit in memory.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir or None)
    except Exception:  # of many kinds: an unknown name, version or configuration, a missing library
        near = difflib.get_close_matches(name, ["mnist", *tfds.list_builders()], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise SettingsError(
            "dataset", name, f"mnist, a TensorFlow Datasets name, a folder or an .npz{hint}"
        ) from None
    _prepare(builder, name)
    splits = [split for split in ("train", "validation", "test") if split in builder.info.splits]
    if splits[:1] != ["train"] or len(splits) == 1:
        raise DataError(
            f"--dataset={name}: has splits {sorted(builder.info.splits)}, expected train and test"
        )
    for part in train_split.split("+"):
        if part.partition("[")[0].strip() not in builder.info.splits:
            expected = "of " + ", ".join(sorted(builder.info.splits)) + ", with + between"
            raise SettingsError("train_split", train_split, expected)
    _check_features(builder, name, train_split)
    parts = [_read(builder, split) for split in (train_split, *splits[1:])]
    # With two splits the second, whatever its name, serves as the test.
    train, test = parts[0], parts[-1]
    if len(parts) == 3:
        validation = parts[1]
    else:
        train, validation = with_validation(train, shuffle=True)
    class_names = ()
    if "label" in builder.info.features:
        class_names = tuple(getattr(builder.info.features["label"], "names", None) or ())
    return ImageData(name, train, validation, test, class_names)


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


def _check_features(builder, name: str, train_split: str):
    features = builder.info.features
    if "image" not in features or len(features["image"].shape or ()) != 3:
        raise DataError(f"--dataset={name}: has no feature 'image' of one image")
    feature = features["image"]
    if feature.np_dtype != np.uint8:
        raise DataError(
            f"--dataset={name}: images of {np.dtype(feature.np_dtype)}, expected uint8 in 0..255"
        )
    if None in feature.shape:
        raise DataError(
            f"--dataset={name}: its images differ in size {feature.shape}; expected one size (save "
            "them to a folder and use --dataset=FOLDER --image_size=N)"
        )
    size = builder.info.splits[train_split].num_examples * int(np.prod(feature.shape))
    if size > LARGEST_IN_MEMORY:
        raise DataError(
            f"--dataset={name}: {size / 2**30:.1f} GiB of pixels, expected at most "
            f"{LARGEST_IN_MEMORY / 2**30:.0f} GiB, since images are kept in memory"
        )


def _read(builder, split: str) -> Split:
    import tensorflow_datasets as tfds

    wanted = {"image": True}
    if "label" in builder.info.features:
        wanted["label"] = True
    arrays = tfds.as_numpy(
        builder.as_dataset(
            split=split,
            batch_size=-1,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(wanted),
        )
    )
    labels = arrays.get("label")
    return Split(arrays["image"], None if labels is None else labels.astype(np.int64))
