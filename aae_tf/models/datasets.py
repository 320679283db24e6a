"""`tf.data.Dataset` as a source of examples: read into memory, or trained from as it comes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf.arrays import is_picture
from aae_tf.data.streamed import LARGEST_IN_MEMORY, StreamedImages
from aae_tf.errors import DataError

EXPECTED = "batches x, or pairs (x, y), of a known shape, as of .batch(100)"


def read(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    """All examples of a Dataset with an end, and their labels if it has any.

    Raises:
      DataError: if it has no end, isn't of batches, or is larger than 8 GiB.
    """
    _check(dataset)
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise DataError("x: a Dataset without an end, expected steps_per_epoch beside it")
    xs: list[np.ndarray] = []
    ys: list[np.ndarray] = []
    size = 0
    for element in dataset:
        x, y = _parts(element)
        xs.append(x.numpy())
        if y is not None:
            ys.append(y.numpy())
        size += xs[-1].nbytes
        if size > LARGEST_IN_MEMORY:
            raise DataError(
                f"x: more than {LARGEST_IN_MEMORY / 2**30:.0f} GiB of examples, expected "
                "steps_per_epoch beside so large a Dataset"
            )
    if not xs:
        raise DataError("x: an empty Dataset, expected some examples")
    return np.concatenate(xs), np.concatenate(ys) if ys else None


class DatasetImages(StreamedImages):
    """Examples that come as a Dataset gives them, again and again; none can be read by row.

    Args:
      dataset: of batches.
      labels: None; labels beside a Dataset without an end aren't served.
      size: examples in what counts as an epoch.

    Raises:
      DataError: if it isn't of batches, or has labels.
    """

    readable = False

    def __init__(self, dataset: Any, labels: Any, size: int):
        if not hasattr(dataset, "element_spec"):
            raise DataError(
                f"x: {type(dataset).__name__} with steps_per_epoch, expected a tf.data.Dataset"
            )
        spec = _check(dataset)
        if labels is not None or isinstance(dataset.element_spec, tuple):
            raise DataError(
                "x: a Dataset without an end has labels; expected examples alone, or arrays"
            )
        shape = tuple(spec.shape[1:])
        if None in shape:
            raise DataError(f"x: batches of shape {spec.shape}, expected {EXPECTED}")
        if is_picture((*shape, 1)) and len(shape) == 2:
            shape = (*shape, 1)
        super().__init__(shape, np.arange(size))
        self.dtype = np.dtype(spec.dtype.as_numpy_dtype)
        self._dataset = dataset

    def batches(self, size: int) -> tf.data.Dataset:
        """The examples in batches of that size, without an end."""
        shape = self._image_shape

        def fitted(x):
            return tf.reshape(x, [size, *shape])

        again = self._dataset.unbatch().repeat().batch(size, drop_remainder=True)
        return again.map(fitted).prefetch(2)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        raise DataError(
            "x: a Dataset without an end can't be read by row, which --standardize, "
            "--precise_batch_norm and metrics that learn from training examples ask for; expected "
            "arrays"
        )

    def serve(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        return batches.map(lambda rows: (rows, self._read(rows)))


def _check(dataset: tf.data.Dataset) -> tf.TensorSpec:
    """The specification of the examples."""
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    if len(parts) > 2 or not all(isinstance(part, tf.TensorSpec) for part in parts):
        raise DataError(f"x: a Dataset of {spec}, expected {EXPECTED}")
    rank = parts[0].shape.rank
    unbatched = len(parts) == 2 and parts[1].shape.rank == 0
    if rank is None or rank < 2 or unbatched or not math.prod([n or 1 for n in parts[0].shape[1:]]):
        raise DataError(f"x: a Dataset of {spec}, expected {EXPECTED}")
    return parts[0]


def _parts(element):
    return element if isinstance(element, tuple) and len(element) == 2 else (element, None)
