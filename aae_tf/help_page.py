"""What `--help` and `--mode=list` print."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Mapping, Sequence

from aae_tf import experiments
from aae_tf.settings import flatten

USAGE = """\
usage: run_experiment.py [--experiment=NAME] [--flagfile=FILE] [--FLAG=VALUE ...]

Trains an autoencoder (AAE, WAE or VAE), evaluates it, draws what it learned and exports it. A flag
that isn't given has the value of the experiment's recipe; [brackets] show it where all recipes
agree.
"""
FLAG_WIDTH, HELP_WIDTH = 34, 62


def render_help(page: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """The help page from each group's (flag, help) pairs."""
    lines = [USAGE]
    for group, entries in page.items():
        lines.append(f"{group}:")
        for flag, text in entries:
            wrapped = textwrap.wrap(text, HELP_WIDTH)
            if len(flag) > FLAG_WIDTH:
                lines.append(f"  {flag}")
            else:
                lines.append(f"  {flag:<{FLAG_WIDTH}}  {wrapped.pop(0)}")
            lines += [" " * (FLAG_WIDTH + 4) + line for line in wrapped]
        lines.append("")
    return "\n".join(lines)


def default_of(flag: str) -> str:
    """The value that all recipes of all experiments give a flag, or that they differ."""
    values = {str(flat[flag]) for flat in _recipes() if flag in flat}
    if len(values) != 1:
        return "by recipe"
    return values.pop() or "none"


@functools.cache
def _recipes() -> list[dict[str, object]]:
    everything = experiments.CATALOGUE.values()
    return [flatten(settings) for e in everything for settings in e.recipes.values()]


def catalogue() -> str:
    """The table of the experiments."""
    rows = [("experiment", "reproduces", "data", "expected time (2 cores)")]
    rows += [
        (e.name, e.reproduces, e.data, e.expected_time) for e in experiments.CATALOGUE.values()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
