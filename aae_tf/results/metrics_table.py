"""Tables of a run with a row for each epoch, which its checkpoints hold, too."""

from __future__ import annotations

import csv
import io
import logging
import pathlib
from collections.abc import Iterable, Mapping

from aae_tf.errors import RunFolderError, unusable
from aae_tf.utils import write_aside

CATEGORIES = "categories.csv"

logger = logging.getLogger(__name__)


class MetricsTable:
    """metrics.csv and its like: one row for each epoch.

    Args:
      path: of the file.
      last_step: rows beyond it are dropped: a killed run wrote them after its last checkpoint, and
        the resumed one writes them again.
      texts: the tables by name as the checkpoint has them, which count more than the file; what is
        added is put there, too.
      steps_per_epoch: if given, and the checkpoint has no such table, each epoch up to `last_step`
        must have its row.

    Raises:
      RunFolderError: if the file can't be used.
    """

    def __init__(
        self,
        path: pathlib.Path,
        last_step: int = 0,
        texts: dict[str, str] | None = None,
        steps_per_epoch: int | None = None,
    ):
        self._path = path
        self._texts = {} if texts is None else texts
        if path.name in self._texts:
            self._rows = _parse(self._texts[path.name])
            self._restore(last_step)
            return
        self._rows = [row for row in _read(path) if int(row["step"]) <= last_step]
        if steps_per_epoch is not None:
            steps = [int(row["step"]) for row in self._rows]
            due = list(range(steps_per_epoch, last_step + 1, steps_per_epoch))
            if steps != due:
                at = min({*steps} ^ {*due})
                has = "lacks the row" if at in due else "has a row too many,"
                raise unusable(
                    path,
                    f"it {has} of step {at}, and the checkpoint is of step {last_step}; put it "
                    "back as it was, or train again in another folder",
                )

    def _restore(self, last_step: int) -> None:
        """Writes the file again if its rows are other ones than the checkpoint's."""
        try:
            rows = [row for row in _read(self._path) if int(row["step"]) <= last_step]
            problem = "" if _filled(rows) == _filled(self._rows) else "it had other rows"
        except RunFolderError as error:
            problem = str(error)
        if problem:
            logger.info("%s is written again as the checkpoint has it: %s", self._path, problem)
            write_aside(self._path, self._texts[self._path.name])

    @property
    def rows(self) -> list[dict[str, float]]:
        """The rows as numbers."""
        return [{key: float(value) for key, value in row.items()} for row in _filled(self._rows)]

    def add(self, step: int, epoch: float, metrics: Mapping[str, float]) -> None:
        """Appends a row and writes the file."""
        row = {"step": str(step), "epoch": f"{epoch:g}"}
        row.update({key: repr(float(value)) for key, value in metrics.items()})
        self._rows.append(row)
        columns = list(dict.fromkeys(key for row in self._rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        write_aside(self._path, text.getvalue())
        self._texts[self._path.name] = text.getvalue()


def _filled(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if value} for row in rows]


def _read(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a table; none if it isn't there."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return _parse(file.read())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        raise unusable(path, error) from None


def _parse(text: str) -> list[dict[str, str]]:
    """The rows of a table's text, with numbers alone and steps that grow."""
    lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    columns = lines[0] if lines else []
    if columns[:2] != ["step", "epoch"] or len({*columns}) < len(columns) or "" in columns:
        raise ValueError("its first line names no columns")
    last, rows = 0, []
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) != len(columns):
            raise ValueError(f"line {number} has {len(cells)} cells instead of {len(columns)}")
        step = int(cells[0]) if cells[0].isdecimal() and len(cells[0]) < 19 else 0
        if step <= last:
            raise ValueError(f"line {number} is of step {cells[0][:40]!r} after step {last}")
        for cell in filter(None, cells[1:]):
            float(cell)
        last = step
        rows.append(dict(zip(columns, cells, strict=True)))
    return rows
