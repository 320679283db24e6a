"""Which training images may show their label: a subset balanced over the classes."""

from __future__ import annotations

import numpy as np

from aae_tf.data.images import ImageData
from aae_tf.errors import DataError, SettingsError
from aae_tf.seeds import name_number


def check_labels(data: ImageData, experiment: str) -> None:
    """Checks that every split has labels that can be class numbers.

    Raises:
      DataError: if not.
    """
    for name, split in data.splits.items():
        if split.labels is None and (name == "train" or not data.in_python):
            raise DataError(
                f"{data.flag}: has no labels, which --experiment={experiment} learns "
                "from or is scored on; expected one folder a class, or 'label' beside the images"
            )
    check_class_numbers(data)
    if data.num_classes < 2:
        raise DataError(f"{data.flag}: one class, expected two or more")


def check_class_numbers(data: ImageData) -> None:
    """Checks that labels, where there are some, are those of the training images' classes.

    Raises:
      DataError: if not.
    """
    for name, split in data.splits.items():
        if split.labels is None or not data.num_classes:
            continue
        low, high = int(split.labels.min()), int(split.labels.max())
        if low == -1 and name == "train" and data.in_python:
            low = 0  # unlabelled, as in scikit-learn
        if low < 0 or high >= data.num_classes:
            raise DataError(
                f"{data.flag}: {name} images have labels from {low} to {high}, expected "
                f"them within 0 to {data.num_classes - 1}, the classes of its training images"
            )


def labelled_rows(data: ImageData, num_labels: int | None, run_seed: int) -> np.ndarray:
    """The training images whose labels are used, the same ones for the same seed.

    The AAE paper's labelled examples are random but as many of each class (appendix A.2.1).

    Args:
      data: whose training set it is.
      num_labels: a multiple of the number of classes; None for all images.
      run_seed: of the run.

    Returns:
      Rows of the training set, ascending, int32.

    Raises:
      SettingsError: if a class has too few images, or the number isn't such a multiple.
    """
    labels = data.train.labels
    known = np.flatnonzero(labels >= 0)
    counts = np.bincount(labels[known], minlength=data.num_classes)
    if not counts.min():
        shown = f"class {data.class_label(counts.argmin())} has no training image"
        if low := int(labels.min()):
            shown = f"labels count from 0; yours are {low}..{int(labels.max())}, so {shown}"
        raise DataError(f"{data.flag}: {shown}, expected some of each class")
    if num_labels is None:
        return known.astype(np.int32)
    each, left = divmod(num_labels, data.num_classes)
    if left:
        expected = f"a multiple of {data.num_classes}, the number of classes, or all"
        raise SettingsError("num_labels", num_labels, expected)
    if each > counts.min():
        smallest = data.class_label(counts.argmin())
        expected = (
            f"at most {counts.min() * data.num_classes}, since class {smallest} has "
            f"{counts.min()} training images, or all"
        )
        raise SettingsError("num_labels", num_labels, expected)
    # numpy promises that this generator's numbers never change, which it doesn't of the newer ones.
    random = np.random.RandomState(name_number("labelled", run_seed))
    chosen = [
        random.permutation(np.flatnonzero(labels == number))[:each]
        for number in range(data.num_classes)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int32)
