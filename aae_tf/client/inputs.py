"""What the user gives: pictures, arrays or a table, brought to what a signature takes."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import itertools
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from aae_tf.arrays import open_arrays, tables, values
from aae_tf.client import picture_files
from aae_tf.client.model import STRING, PredictionError, Signature, Tensor
from aae_tf.errors import DataError
from aae_tf.utils import printable

IMAGES, LABELS = "images", "labels"
MOST_NAMES = picture_files.MOST_NAMES  # of arrays, in a message
TABLE_FILE = "file"  # the column of files' names
# How a column of an array is called; of several dimensions each has its number behind.
STEMS = {
    "codes": "code",
    "styles": "style",
    "probabilities": "probability",
    "embeddings": "embedding",
    "features": "feature",
    "classes": "class",
    "labels": "label",
}
# What can stand for an input: what 'encode' and 'classify' wrote feeds 'generate'.
INSTEAD = {"styles": ("code",), "labels": ("class",)}


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What goes into a signature.

    Args:
      columns: sequences of the same length by name, whose slices are arrays.
      fixed: arrays that every request has.
      names: of the files that the rows came from.
    """

    columns: Mapping[str, Sequence]
    fixed: Mapping[str, np.ndarray]
    names: Sequence[str] | None = None

    @property
    def rows(self) -> int | None:
        """How many examples; None where there are no columns."""
        return next((len(column) for column in self.columns.values()), None)

    def pieces(self, most_rows: int, most_bytes: int) -> Iterator[tuple[int, int]]:
        """First row and the one behind the last, of requests that aren't larger than that."""
        weights = np.zeros(self.rows or 0)
        for column in self.columns.values():
            weights += _bytes_of_rows(column)
        start, held = 0, 0
        for row, weight in enumerate(weights):
            if row > start and (row - start == most_rows or held + weight > most_bytes):
                yield start, row
                start, held = row, 0
            held += weight
        yield start, len(weights)

    def request(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """The inputs of those rows."""
        return {**self.fixed, **{name: rows[start:stop] for name, rows in self.columns.items()}}


def of_pictures(path: pathlib.Path, name: str, signature: Signature) -> Inputs:
    """Inputs of a signature that takes encoded pictures.

    Args:
      path: of a picture or a folder.
      name: of the signature.
      signature: one with an input of strings.
    """
    takes = [key for key, tensor in signature.inputs.items() if tensor.dtype == STRING]
    if others := sorted(set(signature.inputs) - set(takes[:1])):
        raise PredictionError(
            f"--input={path}: --signature={name} takes {', '.join(others)} too; expected an .npz "
            f"with the arrays {', '.join(sorted(signature.inputs))}"
        )
    files = picture_files.find(path)
    return Inputs({takes[0]: files}, {}, files.names)


def of_arrays(path: pathlib.Path, name: str, signature: Signature) -> Inputs:
    """Inputs of any signature from an .npy, .npz, .mat or .csv."""
    names = None
    if path.suffix.lower() == ".csv":
        arrays, names = read_table(path, signature.inputs)
    else:
        arrays = _read(path, name, signature)
    columns, fixed = {}, {}
    for key, tensor in signature.inputs.items():
        target = columns if tensor.batched else fixed
        target[key] = _fitted(path, key, arrays[key], tensor)
    sizes = {key: len(column) for key, column in columns.items()}
    if len(set(sizes.values())) > 1:
        counts = ", ".join(f"{size} {key}" for key, size in sizes.items())
        raise PredictionError(f"--input={path}: {counts}; expected as many of each")
    if 0 in sizes.values():
        raise PredictionError(f"--input={path}: holds nothing")
    return Inputs(columns, fixed, names)


def _bytes_of_rows(column: Sequence) -> np.ndarray | int:
    """What each row weighs; of an array of objects not the pointers but what they point to."""
    if isinstance(column, picture_files.PictureFiles):
        return column.sizes
    if column.dtype == object:
        return np.array([sum(map(len, row)) for row in column.reshape(len(column), -1)])
    return column[:1].nbytes


def _read(path, name, signature):
    """The arrays of a file by the names of inputs; others aren't read."""
    flag, names = f"--input={path}", sorted(signature.inputs)
    with _as_prediction_error(), open_arrays(flag, path) as file:
        if set(names) <= set(file.names):
            return {key: file.read(key) for key in names}
        if len(file.names) == len(names) == 1:
            return {names[0]: file.read(file.names[0])}
        held = sorted(map(printable, file.names))
    if held == [""]:
        raise PredictionError(
            f"{flag}: --signature={name} takes {', '.join(names)}; expected an .npz of them"
        )
    more = f" and {len(held) - MOST_NAMES} more" if len(held) > MOST_NAMES else ""
    shown = f"the arrays {', '.join(held[:MOST_NAMES])}{more}" if held else "no arrays"
    raise PredictionError(
        f"{flag}: has {shown}; expected {', '.join(names)} for --signature={name}"
    )


@contextlib.contextmanager
def _as_prediction_error():
    try:
        yield
    except DataError as error:
        raise PredictionError(str(error)) from None


def _fitted(path: pathlib.Path, name: str, array: np.ndarray, tensor: Tensor) -> np.ndarray:
    """An array in the type and shape that the model takes, where that loses nothing.

    Images may be bytes in 0..255, and grey ones without a dimension of channels, and labels a
    column, as in data sets.
    """
    if name == IMAGES and tensor.shape is not None and tensor.shape[-1] == 1:
        array = array[..., None] if array.ndim == len(tensor.shape) - 1 else array
    kind, dtype = array.dtype.kind, tensor.dtype
    if name == LABELS and array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if dtype == STRING:
        fitted = array.astype(object) if kind == "S" else None
    elif name in (IMAGES, LABELS) and kind in "biuf" and array.size and tensor.fits(array.shape):
        try:
            if name == LABELS:
                fitted = values.labels(f"--input={path}", name, array, len(array)).astype(dtype)
            else:
                fitted = values.pixels(f"--input={path}", name, array)
        except DataError as error:
            if kind != "f" or name == LABELS:
                raise PredictionError(str(error)) from None
            fitted = array.astype(dtype)  # the model says which row it refuses
        if fitted.dtype == np.uint8:
            fitted = fitted.astype(np.float32) / np.float32(255)
    elif np.dtype(dtype).kind == "f":
        fitted = array.astype(dtype) if kind in "fiu" else None
    else:
        fitted = array.astype(dtype) if kind in "iu" else None
        if fitted is not None and not np.array_equal(fitted, array):
            fitted = None
    if fitted is None or not tensor.fits(array.shape):
        held = f"{array.dtype} [{', '.join(map(str, array.shape))}]"
        also = " or uint8" if name == IMAGES else ""
        raise PredictionError(f"--input={path}: {name} is {held}, expected {tensor}{also}")
    return fitted


def table_header(
    arrays: Mapping[str, np.ndarray], named: bool, class_names: Sequence[str] = ()
) -> list[str]:
    """Names of columns.

    Args:
      arrays: `(n,)` or `(n, d)` by name.
      named: whether files' names come first.
      class_names: of probabilities' columns, if there are as many.
    """
    columns = [TABLE_FILE] if named else []
    for name, array in arrays.items():
        stem = STEMS.get(name, name)
        if array.ndim == 1:
            columns.append(stem)
            continue
        parts: Sequence[object] = range(array.shape[1])
        if name == "probabilities" and len(class_names) == len(parts):
            parts = class_names
        columns += [f"{stem}_{part}" for part in parts]
    return columns


def table_rows(arrays: Mapping[str, np.ndarray], names: Sequence[str] | None) -> list[list[str]]:
    """Cells: names, then numbers with as few digits as tell them from all others of their type."""
    parts = [[[name] for name in names]] if names is not None else []
    for array in arrays.values():
        flat = array.reshape(len(array), -1)
        parts.append([[str(value) for value in row] for row in flat])
    return [list(itertools.chain(*cells)) for cells in zip(*parts, strict=True)]


def render_table(lines: Sequence[Sequence[str]]) -> str:
    """CSV of rows of cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def read_table(
    path: pathlib.Path, inputs: Mapping[str, Tensor]
) -> tuple[dict[str, np.ndarray], list[str] | None]:
    """Reads what a signature takes from a CSV with a header, as `render_table` writes it.

    Args:
      path: of the file.
      inputs: what it takes.

    Returns:
      Arrays of float64 or int64 by name, and the names of files if the CSV has them.

    Raises:
      PredictionError: if columns are missing or a cell is no number.
    """
    flag = f"--input={path}"
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PredictionError(f"{flag}: not a readable CSV ({error})") from None
    if len(lines) < 2:
        raise PredictionError(f"{flag}: expected a header and rows of numbers")
    head, *lines = lines
    if tables.numeric_columns(head, [head], set()) == list(range(len(head))):
        raise PredictionError(f"{flag}: expected a first row of names; yours is of numbers")
    for number, line in enumerate(lines, 2):
        if len(line) != len(head):
            raise PredictionError(
                f"{flag}: row {number} has {len(line)} cells, expected {len(head)} as the header"
            )
    arrays = {}
    for name, tensor in inputs.items():
        indices = _columns(head, name, tensor)
        if indices is None and name == "features":
            indices = _own_columns(head, lines, tensor)
        if indices is None:
            raise PredictionError(
                f"{flag}: has the columns {', '.join(head)}; expected {_expected(name, tensor)}"
            )
        arrays[name] = _numbers(flag, lines, indices, tensor)
    names = [line[head.index(TABLE_FILE)] for line in lines] if TABLE_FILE in head else None
    return arrays, names


def _columns(head, name, tensor):
    """Indices of an input's columns; one number where it is `(n,)`."""
    for stem in (STEMS.get(name, name), *INSTEAD.get(name, ())):
        if tensor.shape is not None and len(tensor.shape) == 1:
            if stem in head:
                return head.index(stem)
        elif f"{stem}_0" in head:
            count = next(i for i in range(len(head) + 1) if f"{stem}_{i}" not in head)
            return [head.index(f"{stem}_{i}") for i in range(count)]
    return None


def _own_columns(head, lines, tensor):
    """Those of numbers in a table as it was trained on, if there are as many as features."""
    others = {TABLE_FILE, tables.LABEL}
    indices = tables.numeric_columns(head, lines[: tables.LOOKED_AT], others)
    return indices if tensor.shape is not None and tensor.shape[1:] == (len(indices),) else None


def _expected(name, tensor):
    stem = STEMS.get(name, name)
    if tensor.shape is None or len(tensor.shape) < 2:
        return stem
    expected = f"{stem}_0 to {stem}_{(tensor.shape[1] or 2) - 1}"
    if name == "features":
        expected += f", or {tensor.shape[1]} columns of numbers beside {tables.LABEL}"
    return expected


def _numbers(flag, lines, indices, tensor):
    whole = tensor.dtype.startswith(("int", "uint"))
    try:
        kind = int if whole else float
        if isinstance(indices, int):
            values = [kind(line[indices]) for line in lines]
        else:
            values = [[kind(line[index]) for index in indices] for line in lines]
        return np.array(values, np.int64 if whole else np.float64)
    except (ValueError, OverflowError) as error:
        raise PredictionError(f"{flag}: expected numbers ({error})") from None
