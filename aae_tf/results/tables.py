"""Numbers of several runs in words: means, deviations, errors, the paper's, and tables of them."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def mean_and_error(values: Sequence[float], digits: int = 4) -> str:
    """'mean ± standard error (n)', a single value alone, '' for none.

    The error has two digits, and the mean as many decimals; without an error it has `digits`.
    """
    if not values:
        return ""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.0f}" if 10**digits - 0.5 <= abs(mean) < 1e6 else f"{mean:.{digits}g}"
    error = standard_error(values)
    if not (math.isfinite(error) and error > 0):
        return f"{mean:.{digits}g} ± {error:g} ({len(values)})"
    decimals = 1 - math.floor(math.log10(error))
    if decimals <= 6:
        decimals = max(decimals, 0)
        return f"{mean:.{decimals}f} ± {error:.{decimals}f} ({len(values)})"
    return f"{mean:.{digits}g} ± {error:.2g} ({len(values)})"


def standard_error(values: Sequence[float]) -> float:
    """The sample's standard deviation (n - 1) over the root of n, for two values or more."""
    return _deviation(values) / math.sqrt(len(values))


def _deviation(values: Sequence[float]) -> float:
    """The sample's standard deviation (n - 1); NaN where a measure came out so, or infinite."""
    return statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan


def paper_text(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The numbers that the paper gives, with their source."""
    return "; ".join(
        f"{metric.removeprefix('test/')} {figure['value']:g}"
        + (f" ± {figure['deviation']:g}" if "deviation" in figure else "")
        + f" ({figure['source']})"
        for metric, figure in figures.items()
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def columns(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[int] = (),
    first: int = 0,
) -> str:
    """A table for a terminal.

    Args:
      head: names of the columns.
      rows: their cells.
      right: the columns of these numbers end on the right.
      first: letters beyond which a cell of the first column goes on below; 0 for any.
    """
    if first:
        rows = [line for row in rows for line in _lines(row, first)]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _lines(row: Sequence[str], first: int) -> list[list[str]]:
    """A row as lines of a table, whose first column is no wider than `first`, if words allow."""
    label, *cells = row
    parts = textwrap.wrap(label, first, subsequent_indent="  ", break_long_words=False) or [""]
    return [[parts[0], *cells], *([part, *[""] * len(cells)] for part in parts[1:])]


def summary(values: Sequence[float]) -> dict[str, float | int | None]:
    """n, mean, and for two values or more their standard deviation (n - 1) and standard error."""
    several = len(values) > 1
    return {
        "n": len(values),
        "mean": statistics.fmean(values),
        "standard_deviation": _deviation(values) if several else None,
        "standard_error": standard_error(values) if several else None,
    }
