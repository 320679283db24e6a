"""Tables in three forms, and numbers of runs in words: means, deviations, errors, the papers'."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Table:
    """A table for people and programs.

    Args:
      head: names of the columns.
      rows: their cells.
      right: names of the columns that end on the right in a terminal, such as numbers.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Collection[str] = ()

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def text(self, width: int | None = None) -> str:
        """The table for a terminal.

        Args:
          width: letters in a line, beyond which the cells of the widest columns continue below, as
            far as words allow; None for any.
        """
        columns = list(zip(self.head, *self.rows, strict=True))
        widths = [max(map(len, column)) for column in columns]
        rows = self.rows
        if width is not None and sum(widths) + 2 * len(widths) - 2 > width:
            widths = _fitting(widths, columns, width)
            rows = [line for row in self.rows for line in _wrapped(row, widths)]
        lines = []
        for row in (self.head, ["-" * width for width in widths], *rows):
            cells = [
                cell.rjust(width) if name in self.right else cell.ljust(width)
                for name, cell, width in zip(self.head, row, widths, strict=True)
            ]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)

    def records(self) -> list[dict[str, str]]:
        """The rows as objects for JSON, by the columns' names."""
        return [dict(zip(self.head, row, strict=True)) for row in self.rows]


def _fitting(widths: Sequence[int], columns: Sequence[Sequence[str]], width: int) -> list[int]:
    """The columns' widths with the widest narrowed to fit, each at least a word wide."""
    fitting = list(widths)
    # What continues a cell is indented.
    least = [2 + max(len(word) for word in " ".join(column).split() or [""]) for column in columns]
    while sum(fitting) + 2 * len(fitting) - 2 > width:
        over = [n for n, column in enumerate(fitting) if column > least[n]]
        if not over:
            break
        fitting[max(over, key=lambda n: fitting[n])] -= 1
    return fitting


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    """A row as lines of a table whose cells are no wider than that, if words allow."""
    cells = [
        textwrap.wrap(
            cell, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        for cell, width in zip(row, widths, strict=True)
    ]
    return [list(line) for line in itertools.zip_longest(*cells, fillvalue="")]


def mean_and_error(values: Sequence[float], digits: int = 4) -> str:
    """'mean ± standard error (n)', a single value alone, '' for none.

    The error has two digits, and the mean as many decimals; without an error it has `digits`.
    """
    if not values:
        return ""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.0f}" if 10**digits - 0.5 <= abs(mean) < 1e6 else f"{mean:.{digits}g}"
    error = summary(values)["standard_error"]
    if not (math.isfinite(error) and error > 0):
        return f"{mean:.{digits}g} ± {error:g} ({len(values)})"
    decimals = 1 - math.floor(math.log10(error))
    if decimals <= 6:
        decimals = max(decimals, 0)
        return f"{mean:.{decimals}f} ± {error:.{decimals}f} ({len(values)})"
    return f"{mean:.{digits}g} ± {error:.2g} ({len(values)})"


def summary(values: Sequence[float]) -> dict[str, Any]:
    """n, mean, and for two values or more their standard deviation (n - 1) and standard error.

    The deviation is NaN where a value is NaN or infinite.
    """
    deviation = error = None
    if len(values) > 1:
        deviation = statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan
        error = deviation / math.sqrt(len(values))
    return {
        "n": len(values),
        "mean": statistics.fmean(values),
        "standard_deviation": deviation,
        "standard_error": error,
    }


def paper_text(reported: Mapping[str, Mapping[str, Any]]) -> str:
    """The numbers that a paper gives, by metric, with their source."""
    return "; ".join(
        f"{metric.removeprefix('test/')} {result['value']:g}"
        + (f" ± {result['deviation']:g}" if "deviation" in result else "")
        + f" ({result['source']})"
        for metric, result in reported.items()
    )
