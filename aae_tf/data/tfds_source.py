"""Any image data set of TensorFlow Datasets, by its name."""

from __future__ import annotations

import difflib
import pathlib

import numpy as np

from aae_tf.data.images import ImageData, Split, with_validation
from aae_tf.errors import DataError, SettingsError

LARGEST_IN_MEMORY = 8 * 2**30  # bytes of uint8 pixels


def load(name: str, data_dir: str = "") -> ImageData:
    """Loads a prepared data set, preparing it first if its files can be had.

    Upstream files put under `<data_dir>/manual` are used instead of a download.

    Args:
      name: of the data set, as in `tfds build NAME`; with features 'image' and, maybe, 'label'.
      data_dir: where TensorFlow Datasets keeps its data; empty for its default.

    Raises:
      SettingsError: for a name that TensorFlow Datasets doesn't know.
      DataError: if it can't be prepared, or isn't of images that fit in memory.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir or None)
    except (tfds.core.registered.DatasetNotFoundError, ValueError) as error:
        near = difflib.get_close_matches(name, ["mnist", *tfds.list_builders()], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        if isinstance(error, ValueError):
            hint += f" ({str(error).splitlines()[0]})"
        raise SettingsError(
            "dataset", name, f"mnist, a TensorFlow Datasets name, a folder or an .npz{hint}"
        ) from None
    _prepare(builder, name)
    _check_features(builder, name)

    train = _read(builder, "train")
    if "test" in builder.info.splits:
        test = _read(builder, "test")
    else:
        test_first = _read(builder, "validation") if "validation" in builder.info.splits else None
        if test_first is None:
            raise DataError(f"--dataset={name}: has no test split")
        test = test_first
    if "validation" in builder.info.splits and "test" in builder.info.splits:
        validation = _read(builder, "validation")
    else:
        train, validation = with_validation(train, shuffle=True)
    label = builder.info.features.get("label")
    class_names = tuple(label.names) if label is not None and label.names else ()
    return ImageData(name, train, validation, test, class_names)


def _prepare(builder, name: str):
    import tensorflow_datasets as tfds

    if builder.data_path.exists():
        return
    data_dir = pathlib.Path(builder._data_dir_root)
    config = tfds.download.DownloadConfig(manual_dir=data_dir / "manual")
    try:
        builder.download_and_prepare(download_config=config)
    except Exception as error:  # any of many kinds: no network, no space, a changed checksum
        reason = (str(error) or type(error).__name__).strip().splitlines()[0][:160]
        raise DataError(
            f"--dataset={name}: not prepared in {data_dir} and couldn't be ({reason}); where there "
            f"is a network, run 'tfds build {name} --data_dir={data_dir}' and bring {data_dir / name} "
            f"here, or put the upstream files into {data_dir / 'manual'} and run this again"
        ) from None


def _check_features(builder, name: str):
    feature = builder.info.features.get("image")
    if feature is None or feature.shape is None or len(feature.shape) != 3:
        raise DataError(f"--dataset={name}: has no feature 'image' of one image")
    if None in feature.shape:
        raise DataError(
            f"--dataset={name}: its images differ in size {feature.shape}; expected one size (save "
            "them to a folder and use --dataset=FOLDER --image_size=N)"
        )
    size = builder.info.splits["train"].num_examples * int(np.prod(feature.shape))
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
