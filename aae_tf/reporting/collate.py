"""Tables of many runs: mean, standard deviation and standard error over seeds.

It imports no TensorFlow.
"""

from __future__ import annotations

import functools
import json
import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.reporting import beside_paper, group_report
from aae_tf.reporting.groups import Group, groups_below, measures_of
from aae_tf.reporting.over_seeds import columns, markdown, mean_and_error, summary

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
        form_of = functools.partial(
            columns, right=beside_paper.PAPER_RIGHT, first=beside_paper.FIRST_COLUMN
        )
        beside = [] if measures else _beside(groups, form_of, sources=False)
        sections = [group_report.group_text(group, measures) for group in groups]
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
    sections = "\n\n".join(group_report.group_markdown(group, measures) for group in groups)
    beside = [] if measures else _beside(groups, markdown, sources=True)
    return "\n\n".join([*beside, CAPTION, markdown(head, rows), sections])


def _beside(groups: Sequence[Group], form: Callable[..., str], sources: bool) -> list[str]:
    """The caption and the table of what stands beside a paper's numbers, if anything does."""
    rows = beside_paper.paper_rows(groups, sources)
    return [beside_paper.PAPER_CAPTION, form(beside_paper.PAPER_HEAD, rows)] if rows else []


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
