"""Numbers of a model as CSV, one row for each example, both ways."""

from __future__ import annotations

import csv
import io
import itertools
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from aae_tf.client.contract import Tensor
from aae_tf.client.failures import PredictionError

TABLE_FILE = "file"  # the column of files' names
# How a column of an array is called; of several dimensions each has its number behind.
STEMS = {
    "codes": "code",
    "styles": "style",
    "probabilities": "probability",
    "embeddings": "embedding",
    "classes": "class",
    "labels": "label",
}
# What can stand for an input: what 'encode' and 'classify' wrote feeds 'generate'.
INSTEAD = {"styles": ("code",), "labels": ("class",)}


def table_header(arrays: Mapping[str, np.ndarray], named: bool) -> list[str]:
    """Names of columns.

    Args:
      arrays: `(n,)` or `(n, d)` by name.
      named: whether files' names come first.
    """
    columns = [TABLE_FILE] if named else []
    for name, array in arrays.items():
        stem = STEMS.get(name, name)
        columns += [stem] if array.ndim == 1 else [f"{stem}_{i}" for i in range(array.shape[1])]
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
    """Reads what a signature takes from a CSV with a header, as `render` writes it.

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
    for number, line in enumerate(lines, 2):
        if len(line) != len(head):
            raise PredictionError(
                f"{flag}: row {number} has {len(line)} cells, expected {len(head)} as the header"
            )
    arrays = {}
    for name, tensor in inputs.items():
        places = _places(head, name, tensor)
        if places is None:
            raise PredictionError(
                f"{flag}: has the columns {', '.join(head)}; expected {_expected(name, tensor)}"
            )
        arrays[name] = _numbers(flag, lines, places, tensor)
    names = [line[head.index(TABLE_FILE)] for line in lines] if TABLE_FILE in head else None
    return arrays, names


def _places(head, name, tensor):
    """Indices of an input's columns; one number where it is `(n,)`."""
    for stem in (STEMS.get(name, name), *INSTEAD.get(name, ())):
        if tensor.shape is not None and len(tensor.shape) == 1:
            if stem in head:
                return head.index(stem)
        elif f"{stem}_0" in head:
            count = next(i for i in range(len(head) + 1) if f"{stem}_{i}" not in head)
            return [head.index(f"{stem}_{i}") for i in range(count)]
    return None


def _expected(name, tensor):
    stem = STEMS.get(name, name)
    if tensor.shape is None or len(tensor.shape) < 2:
        return stem
    return f"{stem}_0 to {stem}_{(tensor.shape[1] or 2) - 1}"


def _numbers(flag, lines, places, tensor):
    whole = tensor.dtype.startswith(("int", "uint"))
    try:
        kind = int if whole else float
        if isinstance(places, int):
            values = [kind(line[places]) for line in lines]
        else:
            values = [[kind(line[place]) for place in places] for line in lines]
        return np.array(values, np.int64 if whole else np.float64)
    except (ValueError, OverflowError) as error:
        raise PredictionError(f"{flag}: expected numbers ({error})") from None
