"""Tables of many runs: mean, standard deviation and standard error over seeds.

It imports no TensorFlow.
"""

from __future__ import annotations

import functools
import json
import math
import pathlib
import shlex
import statistics
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.experiments import CATALOGUE, settings_of
from aae_tf.results import tables
from aae_tf.results.groups import Group, groups_below, measures_of
from aae_tf.results.provenance import short_commit
from aae_tf.results.tables import columns, markdown, mean_and_error, paper_text, summary
from aae_tf.settings import DataSettings, flatten, flatten_evaluation

FORMATS = ("markdown", "json", "text")
CAPTION = "On test images; over seeds mean ± standard error (number of runs)."


def collate(folder: pathlib.Path, form: str = "markdown", measures: Sequence[str] = ()) -> str:
    """A report of every result.json below a folder, on test images, in the paper's order.

    Runs that share all settings but the seed are taken together.

    Args:
      folder: where to look.
      form: 'markdown', a table with ours beside the paper's numbers (mean ± standard deviation),
        one with a row for each group of runs (mean ± standard error), then each group's own with
        every number; 'text', the first and the last for a terminal; or 'json', a list
        of groups with each measure's n, mean, standard_deviation and standard_error (null for a
        single run, and for what isn't a finite number).
      measures: those to show, in this order, and not the paper's; all without any. A JSON list
        has all.

    Raises:
      SettingsError: if no run has one of these measures.
      RunFolderError: if there is none, or one can't be read.
    """
    groups = groups_below(folder)
    if not groups:
        raise RunFolderError(f"--run_dir={folder}: holds no result.json, in no folder below either")
    if form == "json":
        rows = [_group_record(group, folder) for group in groups]
        return json.dumps(_strict(rows), indent=2, allow_nan=False)
    known = measures_of(result for group in groups for result in group.results)
    for name in measures:
        if name not in known:
            raise SettingsError("report_measures", name, "of " + ", ".join(known))
    if form == "text":
        form_of = functools.partial(columns, right=PAPER_RIGHT, first=FIRST_COLUMN)
        beside = [] if measures else _beside(groups, form_of, sources=False)
        sections = [group_text(group, measures) for group in groups]
        return "\n\n".join([*beside, CAPTION, *sections])
    names = list(measures) or known
    papers = any(group.paper for group in groups)
    head = [
        "experiment",
        "recipe",
        "settings",
        "epochs",
        "seeds",
        *names,
        *(["paper"] if papers else []),
        "minutes",
    ]
    rows = [
        [
            group.experiment,
            group.recipe,
            group.told,
            f"{group.epochs:g}",
            ", ".join(map(str, group.seeds)),
            *(mean_and_error(group.values(name)) for name in names),
            *([group.paper] if papers else []),
            mean_and_error(group.minutes, 2),
        ]
        for group in groups
    ]
    sections = "\n\n".join(group_markdown(group, measures) for group in groups)
    beside = [] if measures else _beside(groups, markdown, sources=True)
    return "\n\n".join([*beside, CAPTION, markdown(head, rows), sections])


def _beside(groups: Sequence[Group], form: Callable[..., str], sources: bool) -> list[str]:
    """The caption and the table of what stands beside a paper's numbers, if anything does."""
    rows = paper_rows(groups, sources)
    return [PAPER_CAPTION, form(PAPER_HEAD, rows)] if rows else []


def _group_record(group: Group, folder: pathlib.Path) -> dict[str, Any]:
    return {
        "experiment": group.experiment,
        "recipe": group.recipe,
        "settings": dict(group.settings),
        "epochs": group.epochs,
        "seeds": group.seeds,
        "metrics": {name: summary(group.values(name)) for name in measures_of(group.results)},
        "paper": group.figures,
        "minutes": summary(group.minutes),
        "commits": group.commits,
        "commands": group.commands,
        "runs": [str(run.folder.relative_to(folder)) for run in group.runs],
        "repeated": [str(run.folder.relative_to(folder)) for run in group.repeated],
    }


def _strict(content: Any) -> Any:
    """The content with null for what JSON has no number for: a diverged run's NaN, say."""
    if isinstance(content, dict):
        return {name: _strict(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_strict(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


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
        lines.append(tables.columns(GROUP_HEAD, rows, right=range(1, len(GROUP_HEAD) - 1)))
    return "\n".join([*lines, *map(_command, group.commands)])


def group_markdown(group: Group, measures: Sequence[str] = ()) -> str:
    """The same as a section of Markdown."""
    parts = [f"### {_title(group)}", _origin(group)]
    rows = _rows(group, measures)
    if rows:
        parts.append(tables.markdown(GROUP_HEAD, rows))
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


USUAL_DATA = DataSettings().dataset  # goes without saying
PAPER_CAPTION = "Beside the paper's numbers, mean ± standard deviation (n - 1) over n seeds:"
PAPER_HEAD = ("experiment", "recipe", "epochs", "measure", "ours", "n", "paper", "minutes")
PAPER_RIGHT = [PAPER_HEAD.index(name) for name in ("epochs", "ours", "n", "paper", "minutes")]
FIRST_COLUMN = 36  # of the first column in a terminal


def paper_rows(groups: Sequence[Group], sources: bool = True) -> list[list[str]]:
    """A row for each group and each measure that the paper gives of its experiment, of `HEAD`.

    Ours is the mean ± standard deviation (n - 1) over seeds; minutes are a run's mean.

    A row that the paper hasn't, such as another data set, has an empty cell for its number.

    Args:
      groups: in the order of the table.
      sources: whether to say where in the paper its number stands.
    """
    found = []
    for group in groups:
        printed = CATALOGUE[group.experiment].paper
        for metric in dict.fromkeys(figure.metric for figure in printed):
            values = group.values(metric.removeprefix("test/"))
            if values:
                found.append(_paper_row(group, metric, values, sources))
    return found


def _paper_row(group: Group, metric: str, values: Sequence[float], sources: bool) -> list[str]:
    found, name = summary(values), metric.removeprefix("test/")
    mean = f"{found['mean']:.2f}"
    deviation = found["standard_deviation"]
    ours = mean if deviation is None else f"{mean} ± {deviation:.2f}"
    minutes = f"{statistics.fmean(group.minutes):.0f}"
    return [
        _which(group),
        group.recipe,
        f"{group.epochs:g}",
        name,
        ours,
        str(found["n"]),
        _paper(group, metric, sources),
        minutes,
    ]


def _which(group: Group) -> str:
    """What tells the row from the experiment's others, and what else differs from the recipe."""
    printed = CATALOGUE[group.experiment].paper
    usual = settings_of(group.experiment, group.recipe)
    own = {**flatten(usual), **dict(group.settings)}
    judging = flatten_evaluation(usual)  # the measure's own name tells of these
    values: dict[str, set] = {}
    for row in printed:
        for key, value in row.settings.items():
            values.setdefault(key, set()).add(value)
    keys = [key for key, some in values.items() if len(some) > 1 and key not in judging]
    shown = [key for key in keys if key != "dataset" or own[key] != USUAL_DATA]
    others = [key for key in group.settings if key not in keys]
    parts = [f"{key}={own[key]}" for key in [*shown, *others]]
    return ", ".join([group.experiment, *parts])


def _paper(group: Group, metric: str, sources: bool) -> str:
    figure = group.figures.get(metric)
    if figure is None:
        return ""
    deviation = f" ± {figure['deviation']:.2f}" if "deviation" in figure else ""
    source = f" ({figure['source']})" if sources else ""
    return f"{figure['value']:.2f}{deviation}{source}"
