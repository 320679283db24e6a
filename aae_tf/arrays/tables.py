"""Numeric columns of a `.csv` or `.parquet` as features, and one of its columns as labels."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from aae_tf.arrays.files import ENDINGS as ARRAY_ENDINGS
from aae_tf.arrays.files import open_arrays
from aae_tf.arrays.values import FEATURES, MOST_CLASSES, are_features
from aae_tf.errors import DataError, SettingsError
from aae_tf.utils import printable

ENDINGS = (".csv", ".parquet")
LABEL = "label"  # the column that holds labels, unless another is named
LOOKED_AT = 1000  # rows, by which columns are known to be numeric
MOST_COLUMNS, SHOWN = 2**16, 8
Columns = list[np.ndarray]


class Table(NamedTuple):
    """What is taken of a table.

    Args:
      features: `(n, columns)`, float64.
      names: of their columns.
      labels: int64 `(n,)`, or None.
      class_names: of the labels, where these are words.
      left: names of columns that aren't numbers.
    """

    features: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    left: tuple[str, ...]


def read_table(path: pathlib.Path, label_column: str = LABEL) -> Table:
    """Reads the numeric columns of a table, and its labels.

    Args:
      path: of a `.csv` with a header, or a `.parquet`.
      label_column: whose values are classes: whole numbers from 0, or words, which are numbered in
        the order of the alphabet. `label` needn't be there; '' for none.

    Raises:
      DataError: if it can't be read, or a cell is missing or no number.
      SettingsError: if it hasn't that column.
    """
    flag = f"--dataset={path}"
    read = _read_parquet if path.suffix.lower() == ".parquet" else _read_csv
    names, columns, classes, left = read(flag, path, label_column)
    if not columns:
        raise DataError(f"{flag}: no column of numbers beside the labels; expected features")
    if classes is None:
        if label_column not in ("", LABEL):
            found = ", ".join([*names, *left][:SHOWN])
            raise SettingsError("label_column", label_column, f"a column of {path}: {found}, ...")
        return Table(np.stack(columns, 1), tuple(names), None, (), tuple(left))
    labels, class_names = _numbered(flag, label_column, classes)
    return Table(np.stack(columns, 1), tuple(names), labels, class_names, tuple(left))


def holds_features(dataset: str) -> bool:
    """Whether `--dataset` names a file of features: a table, or arrays that are no images.

    Args:
      dataset: the setting's value. What can't be read is left to whoever loads it.
    """
    path = pathlib.Path(os.path.expanduser(dataset))
    if not path.is_file():
        return False
    if path.suffix.lower() in ENDINGS:
        return True
    if path.suffix.lower() not in ARRAY_ENDINGS:
        return False
    try:
        with open_arrays(f"--dataset={dataset}", path) as file:
            names = (FEATURES, "images", "x_train", "")
            name = next((name for name in names if name in file.names), None)
            return name is not None and are_features(name, file.header(name))
    except DataError:
        return False


def _numbered(flag, column, values) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as numbers from 0, and the words that they were."""
    with contextlib.suppress(ValueError):
        numbers = np.array([float(value) for value in values])
        if np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all():
            low, high = numbers.min(), numbers.max()
            if low < 0 or high >= MOST_CLASSES:
                raise DataError(
                    f"{flag}: column '{printable(column)}': labels count from 0; yours are "
                    f"{low:g}..{high:g}, expected integers from 0 to {MOST_CLASSES - 1} at most"
                )
            return numbers.astype(np.int64), ()
    words = [str(value) for value in values]
    if missing := [row for row, word in enumerate(words) if not word.strip()]:
        raise DataError(f"{flag}: no label in row {missing[0]} of '{printable(column)}'")
    names, labels = np.unique(words, return_inverse=True)
    if len(names) >= min(MOST_CLASSES, max(2, len(words))):
        raise DataError(
            f"{flag}: column '{printable(column)}' has {len(names)} different values in "
            f"{len(words)} rows, expected classes"
        )
    return labels.astype(np.int64), tuple(names.tolist())


def _read_csv(flag, path, label_column):
    with _readable(flag, ".csv"), open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        some = list(itertools.islice(rows, LOOKED_AT))
    head = [name.strip() for name in head]
    _check_names(flag, head)
    if not some:
        raise DataError(f"{flag}: expected a header and rows of numbers")
    if all(map(_is_number, head)):
        raise DataError(f"{flag}: expected a first row of names; yours is of numbers")
    numeric = [
        number
        for number, name in enumerate(head)
        if name != label_column and all(_is_number(row[number]) for row in some if row[number:])
    ]
    left = [n for i, n in enumerate(head) if i not in numeric and n != label_column]
    label = head.index(label_column) if label_column in head else None
    with _readable(flag, ".csv"), open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        next(rows)
        values, classes = [], []
        for number, row in enumerate(filter(None, rows)):
            if len(row) != len(head):
                raise ValueError(f"row {number} has {len(row)} cells, not {len(head)}")
            values.append(np.array([_number(row[i], number, head[i]) for i in numeric]))
            if label is not None:
                classes.append(row[label])
    columns = list(np.stack(values, 1)) if numeric else []
    return [head[i] for i in numeric], columns, None if label is None else classes, left


def _is_number(cell: str) -> bool:
    """Whether a cell can stand in a column of numbers; an empty one may, and is complained of."""
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True


def _number(cell: str, row: int, column: str) -> float:
    try:
        return float(cell)
    except ValueError:
        held = f"'{printable(cell)[:40]}'" if cell.strip() else "nothing"
        raise ValueError(f"row {row} holds {held} in column '{printable(column)}'") from None


def _read_parquet(flag, path, label_column):
    from pyarrow import parquet

    with _readable(flag, ".parquet"):
        table = parquet.read_table(path)
        _check_names(flag, table.column_names)
        names, columns, classes, left = [], [], None, []
        for name in table.column_names:
            column = table.column(name)
            if column.null_count:
                row = column.is_null().to_pylist().index(True)
                raise ValueError(f"row {row} holds nothing in column '{printable(name)}'")
            values = column.to_numpy()
            if name == label_column:
                classes = values.tolist()
            elif values.dtype.kind in "biuf":
                names.append(name)
                columns.append(values.astype(np.float64))
            else:
                left.append(name)
    return names, columns, classes, left


def _check_names(flag: str, names: Sequence[str]) -> None:
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{flag}: {len(names)} columns, expected at most {MOST_COLUMNS}")
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"{flag}: more than one column '{printable(min(twice))}'")


@contextlib.contextmanager
def _readable(flag: str, kind: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of pyarrow's many kinds
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{flag}: not a readable {kind} ({printable(reason)})") from None
