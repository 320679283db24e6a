"""All that a report says of runs that share all settings but the seed.

It imports no TensorFlow.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence

from aae_tf.reporting import over_seeds
from aae_tf.reporting.groups import Group, measures_of
from aae_tf.reporting.over_seeds import mean_and_error, paper_text, summary
from aae_tf.reporting.provenance import short_commit

WIDTH = 118  # of a line for a terminal
GROUP_HEAD = ("measure", "mean", "standard deviation", "standard error", "n", "paper")


def group_text(group: Group, measures: Sequence[str] = ()) -> str:
    """The numbers of a group in columns that fit a terminal.

    Args:
      group: what to tell of.
      measures: those to show, in this order; all without any.
    """
    lines = textwrap.wrap(_title(group), WIDTH) + textwrap.wrap(_origin(group), WIDTH)
    rows = _rows(group, measures)
    if rows:
        lines.append(over_seeds.columns(GROUP_HEAD, rows, right=range(1, len(GROUP_HEAD) - 1)))
    return "\n".join([*lines, *map(_command, group.commands)])


def group_markdown(group: Group, measures: Sequence[str] = ()) -> str:
    """The same as a section of Markdown."""
    parts = [f"### {_title(group)}", _origin(group)]
    rows = _rows(group, measures)
    if rows:
        parts.append(over_seeds.markdown(GROUP_HEAD, rows))
    parts.append("\n".join(["```", *map(_command, group.commands), "```"]))
    return "\n\n".join(parts)


def _title(group: Group) -> str:
    epochs = "1 epoch" if group.epochs == 1 else f"{group.epochs:g} epochs"
    seeds = "seed " if len(group.seeds) == 1 else "seeds "
    parts = [group.experiment, group.recipe, epochs, seeds + ", ".join(map(str, group.seeds))]
    return ", ".join(parts) + (f": {group.told}" if group.told else "")


def _origin(group: Group) -> str:
    time = f"{mean_and_error(group.minutes, 2)} minutes"
    commits = [short_commit(commit) for commit in group.commits]
    kind = "commit" if len(commits) == 1 else "commits"
    told = f"{time} each, {kind} {', '.join(commits)}"
    if group.repeated:
        names = ", ".join(run.folder.name for run in group.repeated)
        told += f"; not counted, as their seeds have other runs: {names}"
    return told


def _rows(group: Group, measures: Sequence[str]) -> list[list[str]]:
    """A row for each measure that the group or its paper has, of `HEAD`."""
    papers = {name.removeprefix("test/"): name for name in group.figures}
    names = measures or [*dict.fromkeys([*measures_of(group.results), *papers])]
    rows = []
    for name in names:
        values, paper = group.values(name), ""
        if name in papers:
            figure = {"": group.figures[papers[name]]}
            paper = paper_text(figure).strip()
        if not values and not paper:
            continue
        found = summary(values) if values else {}
        numbers = [
            "" if found.get(key) is None else f"{found[key]:.{digits}g}"
            for key, digits in (("mean", 5), ("standard_deviation", 3), ("standard_error", 3))
        ]
        rows.append([name, *numbers, str(len(values)), paper])
    return rows


def _command(parts: Sequence[str]) -> str:
    """A command, on as many lines as it takes, that can be pasted into a shell."""
    lines = [""]
    for part in map(shlex.quote, parts):
        if len(lines[-1]) + len(part) > WIDTH - 2:
            lines[-1] += "\\"
            lines.append("    ")
        lines[-1] += f"{part} "
    return "\n".join(lines).rstrip()
