"""Numeric columns of a `.csv` or `.parquet` as features, and one of its columns as labels."""

from __future__ import annotations

import contextlib
import csv
import itertools
import operator
import os
import pathlib
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from aae_tf.arrays.files import ENDINGS as ARRAY_ENDINGS
from aae_tf.arrays.files import open_arrays
from aae_tf.arrays.values import FEATURES, MOST_CLASSES, are_features, check_range
from aae_tf.errors import DataError, SettingsError
from aae_tf.utils import printable

ENDINGS = (".csv", ".parquet")
LABEL = "label"  # the column that holds labels, unless another is named
LOOKED_AT, BLOCK = 1000, 4096  # rows by which columns are known, and that are read at once
MOST_COLUMNS, SHOWN = 2**16, 8


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
    names, features, classes, left = read(flag, path, label_column)
    if not names:
        raise DataError(f"{flag}: no column of numbers beside the labels; expected features")
    if classes is None:
        if label_column not in ("", LABEL):
            found = ", ".join([*names, *left][:SHOWN])
            raise SettingsError("label_column", label_column, f"a column of {path}: {found}, ...")
        return Table(features, tuple(names), None, (), tuple(left))
    labels, class_names = _numbered(flag, label_column, classes)
    return Table(features, tuple(names), labels, class_names, tuple(left))


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


def _numbered(flag, column, cells) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as numbers from 0, and the words that they were."""
    held = f"{flag}: column '{printable(column)}'"
    words = [str(cell).strip() for cell in cells]
    missing = next((row for row, word in enumerate(words) if word.lower() in ("", "nan")), None)
    if missing is not None:
        raise DataError(f"{held} holds nothing in row {missing}, expected a class in every row")
    names, labels = np.unique(words, return_inverse=True)
    if len(names) == len(words) or len(names) > MOST_CLASSES:
        raise DataError(
            f"{held} has {len(names)} different values in {len(words)} rows, expected classes"
        )
    if not all(map(_is_number, names.tolist())):
        return labels.astype(np.int64), tuple(names.tolist())
    numbers = names.astype(float)
    if not np.isfinite(numbers).all() or (numbers != np.rint(numbers)).any():
        wrong = next(name for name, number in zip(names, numbers, strict=True) if number % 1 != 0)
        raise DataError(f"{held} holds {wrong}, expected whole numbers or words")
    low, high = int(numbers.min()), int(numbers.max())
    check_range(flag, f"column '{printable(column)}'", low, high, "expected integers from 0")
    return numbers.astype(np.int64)[labels], ()


def _read_csv(flag, path, label_column):
    with _readable(flag, ".csv"), open(path, newline="", encoding="utf-8-sig") as file:
        rows = filter(None, csv.reader(file))
        head = [name.strip() for name in next(rows, [])]
        some = list(itertools.islice(rows, LOOKED_AT))
        _check_names(flag, head)
        if len(head) == 1 and (other := next((mark for mark in ";\t" if mark in head[0]), "")):
            raise DataError(f"{flag}: cells are parted by {other!r}, expected commas")
        if not some:
            raise DataError(f"{flag}: expected a header and rows of numbers")
        if all(map(_is_number, head)):
            raise DataError(f"{flag}: expected a first row of names; yours is of numbers")
        label = head.index(label_column) if label_column in head else None
        numeric = numeric_columns(head, some, {label_column})
        blocks, classes, known = [], [], {}
        while some:
            done = sum(map(len, blocks))
            blocks.append(_numbers(some, numeric, head, done))
            if label is not None:  # a word that many rows have is held once
                classes += [known.setdefault(row[label], row[label]) for row in some]
            some = list(itertools.islice(rows, BLOCK))
    left = [n for i, n in enumerate(head) if i not in numeric and n != label_column]
    names = [head[i] for i in numeric]
    return names, np.concatenate(blocks), None if label is None else classes, left


def numeric_columns(
    head: Sequence[str], rows: Sequence[Sequence[str]], others: Collection[str]
) -> list[int]:
    """The places of columns of numbers: at least half of the cells that hold anything are such.

    A column without a name isn't one: that is how tables keep their rows' numbers.

    Args:
      head: the columns' names.
      rows: some of the table's.
      others: names of columns that are something else.
    """
    places = []
    for place, name in enumerate(head):
        cells = [row[place] for row in rows if len(row) > place and row[place].strip()]
        numbers = sum(map(_is_number, cells))
        if name and name not in others and cells and 2 * numbers >= len(cells):
            places.append(place)
    return places


def _numbers(rows, places, head, done) -> np.ndarray:
    """The cells of rows at these places, `(rows, places)`; `done` rows came before."""
    for number, row in enumerate(rows, done):
        if len(row) != len(head):
            raise ValueError(f"row {number} has {len(row)} cells, not {len(head)}")
    if not places:
        return np.zeros((len(rows), 0))
    picked = map(operator.itemgetter(*places), rows)
    cells = picked if len(places) == 1 else itertools.chain.from_iterable(picked)
    try:
        return np.fromiter(map(float, cells), float).reshape(len(rows), -1)
    except ValueError:
        for (number, row), place in itertools.product(enumerate(rows, done), places):
            if not _is_number(row[place]):
                held = f"'{printable(row[place])[:40]}'" if row[place].strip() else "nothing"
                where = f"row {number} holds {held} in column '{printable(head[place])}'"
                raise ValueError(f"{where}; expected a number") from None
        raise


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_parquet(flag, path, label_column):
    from pyarrow import parquet, types

    with _readable(flag, ".parquet"):
        table = parquet.read_table(path)
        _check_names(flag, table.column_names)
        names, columns, classes, left = [], [], None, []
        for name in table.column_names:
            column = table.column(name)
            is_label = name == label_column
            checks = (types.is_integer, types.is_floating, types.is_boolean)
            if not is_label and not any(check(column.type) for check in checks):
                left.append(name)
                continue
            if column.null_count:
                row = column.is_null().to_pylist().index(True)
                held = f"row {row} holds nothing in column '{printable(name)}'"
                raise ValueError(f"{held}; expected a {'class' if is_label else 'number'}")
            if is_label:
                classes = column.to_pylist()
            else:
                names.append(name)
                columns.append(column.to_numpy())
    features = np.stack(columns, 1, dtype=float, casting="unsafe") if columns else np.zeros((0, 0))
    return names, features, classes, left


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
