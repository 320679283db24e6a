"""A report of many runs: mean, standard deviation and standard error over seeds.

It imports no TensorFlow.
"""

from __future__ import annotations

import itertools
import pathlib
import re
import shlex
import statistics
import textwrap
from collections.abc import Sequence
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.experiments import CATALOGUE, settings_of
from aae_tf.results.groups import Group, groups_below, metric_names
from aae_tf.results.metrics import has_meaning
from aae_tf.results.provenance import short_commit
from aae_tf.results.tables import Table, mean_and_error, paper_text, summary
from aae_tf.settings import DataSettings, flatten, flatten_evaluation
from aae_tf.settings.own import readable_name
from aae_tf.utils import strict_json

FORMATS = ("markdown", "json", "text")
CAPTION = "On test images; over seeds mean ± standard error (number of runs)."
OF_PRIOR = "In brackets what samples of the prior get. Each group's other numbers are below."
# Of the table with a row a group, unless others are asked for; with the numbers of samples. Where a
# line has no room for all, it has the last.
COMPACT = (
    "reconstruction_error",
    "sliced_wasserstein",
    "component_share",
    "error_percent",
    "nmi",
    "elbo",
    "fid",
    "fid_classifier",
    "log_likelihood",
)
PAPER_CAPTION = "Beside the paper's numbers, mean ± standard deviation (n - 1) over n seeds:"
USUAL_DATA = DataSettings().dataset  # goes without saying
WIDTH, WIDEST = 118, 130  # of a line for a terminal, and of one of the compact table


def collate(folder: pathlib.Path, form: str = "markdown", metrics: Sequence[str] = ()) -> str:
    """A report of every run below a folder, on test images, in the paper's order.

    Runs that share all settings but the seed are taken together.

    Args:
      folder: where to look for result.json and runs.jsonl; or such a file of records.
      form: 'markdown', a compact table with a row for each group of runs (mean ± standard error),
        one with ours beside the paper's numbers (mean ± standard deviation), then each group's with
        every number; 'text', the same for a terminal; or 'json', a list of groups with each
        metric's n, mean, standard_deviation and standard_error (null for a single run, and for what
        isn't a finite number).
      metrics: those to show, in this order, and not the paper's; all without any. A JSON list has
        all.

    Raises:
      SettingsError: if no run has one of these metrics.
      RunFolderError: if there is no run, or one can't be read.
    """
    groups = groups_below(folder)
    if not groups:
        raise RunFolderError(f"--run_dir={folder}: holds no result.json, in no folder below either")
    if form == "json":
        return strict_json([_group_record(group, folder) for group in groups], indent=2)
    known = metric_names(result for group in groups for result in group.results)
    for name in metrics:
        if name not in known:
            raise SettingsError("report_measures", name, "of " + ", ".join(known))
    is_text = form == "text"
    plain = {name: re.sub(r"_\d+$", "", name) for name in known}
    shown = [name for kind in COMPACT for name in reversed(known) if plain[name] == kind]
    shown = metrics or shown
    parts = [f"{CAPTION} {OF_PRIOR}"]
    if is_text:  # a table for each experiment, which then has its own metrics alone
        parts = [textwrap.fill(parts[0], WIDTH)]
        kin = itertools.groupby(groups, lambda group: group.experiment)
        parts += [_text_table(list(each), shown) for _, each in kin]
    else:
        parts.append(groups_table(groups, shown).markdown())
    paper = paper_table(groups, sources=not is_text)
    if paper.rows and not metrics:
        parts += [PAPER_CAPTION, paper.text(WIDTH) if is_text else paper.markdown()]
    section = group_text if is_text else group_markdown
    return "\n\n".join([*parts, *(section(group, metrics) for group in groups)])


def _group_record(group: Group, folder: pathlib.Path) -> dict[str, Any]:
    return {
        "experiment": group.experiment,
        "recipe": group.recipe,
        "settings": dict(group.settings),
        "epochs": group.epochs,
        "seeds": group.seeds,
        "metrics": {name: summary(group.values(name)) for name in metric_names(group.results)},
        "paper": group.reported,
        "minutes": summary(group.minutes),
        "commits": group.commits,
        "commands": group.commands,
        "runs": [_path(run.folder, folder) for run in group.runs],
        "repeated": [_path(run.folder, folder) for run in group.repeated],
    }


def _path(run: pathlib.Path, folder: pathlib.Path) -> str:
    return str(run.relative_to(folder.parent if folder.is_file() else folder))


def groups_table(groups: Sequence[Group], metrics: Sequence[str], paper: bool = True) -> Table:
    """A row for each group: mean ± standard error of the metrics, maybe the paper's, and minutes.

    Columns without any entry are left out. What the prior gets stands in brackets.
    """
    head = ["experiment", "recipe", "settings", "epochs", "seeds", *metrics, "paper", "minutes"]
    rows = [
        [
            group.experiment,
            group.recipe,
            group.settings_text,
            f"{group.epochs:g}",
            ", ".join(map(str, group.seeds)),
            *(_beside_prior(group, name) for name in metrics),
            group.paper if paper else "",
            mean_and_error(group.minutes, 2),
        ]
        for group in groups
    ]
    filled = [number for number in range(len(head)) if any(row[number] for row in rows)]
    return Table([head[n] for n in filled], [[row[n] for n in filled] for row in rows])


def _text_table(groups: Sequence[Group], metrics: Sequence[str]) -> str:
    """The table of one experiment for a terminal, with the last of the metrics that fit in."""
    for first in range(max(1, len(metrics))):
        text = groups_table(groups, metrics[first:], False).text(WIDEST)
        if max(map(len, text.splitlines())) <= WIDEST:
            break
    return text


def _beside_prior(group: Group, name: str) -> str:
    """A metric over seeds and, in brackets, the mean of what samples of the prior get."""
    if not has_meaning(name, group.latent_dim):
        return ""
    of_prior = group.values(f"{name}_of_prior")
    brackets = f" ({statistics.fmean(of_prior):.3g})" if of_prior else ""
    return mean_and_error(group.values(name)) + brackets


def paper_table(groups: Sequence[Group], sources: bool = True) -> Table:
    """A row for each group and each metric that the paper gives of its experiment.

    Ours is the mean ± standard deviation (n - 1) over seeds; minutes are a run's mean. A row that
    the paper hasn't, such as another data set, has an empty cell for its number.

    Args:
      groups: in the order of the table.
      sources: whether to say where in the paper its number stands.
    """
    head = ("experiment", "recipe", "epochs", "metric", "ours", "n", "paper", "minutes")
    rows = []
    for group in groups:
        keys = dict.fromkeys(result.metric for result in CATALOGUE[group.experiment].paper)
        for key in keys:
            name = key.removeprefix("test/")
            if not (values := group.values(name)):
                continue
            cells = [
                _label(group),
                group.recipe,
                f"{group.epochs:g}",
                name,
                _mean_and_deviation(**summary(values)),
                str(len(values)),
                _reported(group.reported.get(key), sources),
                f"{statistics.fmean(group.minutes):.0f}",
            ]
            rows.append(cells)
    return Table(head, rows, right=("epochs", "ours", "n", "paper", "minutes"))


def _label(group: Group) -> str:
    """What sets a row apart from the experiment's others, and what else differs from the recipe."""
    usual = settings_of(group.experiment, group.recipe)
    flat = {**flatten(usual), **group.settings}
    evaluation = flatten_evaluation(usual)  # the metric's name has these
    values: dict[str, set] = {}
    for result in CATALOGUE[group.experiment].paper:
        for key, value in result.settings.items():
            values.setdefault(key, set()).add(value)
    keys = [key for key, given in values.items() if len(given) > 1 and key not in evaluation]
    shown = [key for key in keys if key != "dataset" or flat[key] != USUAL_DATA]
    others = [key for key in group.settings if key not in keys]
    return ", ".join(
        [group.experiment, *(f"{key}={readable_name(flat[key])}" for key in [*shown, *others])]
    )


def _mean_and_deviation(mean: float, standard_deviation: float | None, **_) -> str:
    return f"{mean:.2f}" + ("" if standard_deviation is None else f" ± {standard_deviation:.2f}")


def _reported(result: dict[str, Any] | None, source: bool) -> str:
    if result is None:
        return ""
    number = _mean_and_deviation(result["value"], result.get("deviation"))
    return f"{number} ({result['source']})" if source else number


def group_text(group: Group, metrics: Sequence[str] = ()) -> str:
    """The numbers of a group in columns that fit a terminal.

    Args:
      group: the runs.
      metrics: those to show, in this order; all without any.
    """
    lines = textwrap.wrap(_title(group), WIDTH) + textwrap.wrap(_origin(group), WIDTH)
    table = group_table(group, metrics)
    if table.rows:
        lines.append(table.text())
    return "\n".join([*lines, *map(_command, group.commands)])


def group_markdown(group: Group, metrics: Sequence[str] = ()) -> str:
    """The same as a section of Markdown."""
    parts = [f"### {_title(group)}", _origin(group)]
    table = group_table(group, metrics)
    if table.rows:
        parts.append(table.markdown())
    parts.append("\n".join(["```", *map(_command, group.commands), "```"]))
    return "\n\n".join(parts)


def group_table(group: Group, metrics: Sequence[str] = ()) -> Table:
    """A row for each metric that the group or its paper has; all without `metrics`."""
    head = ("metric", "mean", "standard deviation", "standard error", "n", "paper")
    papers = {name.removeprefix("test/"): result for name, result in group.reported.items()}
    rows = []
    for name in metrics or dict.fromkeys([*metric_names(group.results), *papers]):
        values = group.values(name) if has_meaning(name, group.latent_dim) else []
        if not values and name not in papers:
            continue
        paper = paper_text({"": papers[name]}).strip() if name in papers else ""
        numbers = summary(values) if values else {}
        cells = [
            "" if numbers.get(key) is None else f"{numbers[key]:.{digits}g}"
            for key, digits in (("mean", 5), ("standard_deviation", 3), ("standard_error", 3))
        ]
        rows.append([name, *cells, str(len(values)), paper])
    return Table(head, rows, right=head[1:-1])


def _title(group: Group) -> str:
    epochs = "1 epoch" if group.epochs == 1 else f"{group.epochs:g} epochs"
    seeds = "seed " if len(group.seeds) == 1 else "seeds "
    parts = [group.experiment, group.recipe, epochs, seeds + ", ".join(map(str, group.seeds))]
    return ", ".join(parts) + (f": {group.settings_text}" if group.settings else "")


def _origin(group: Group) -> str:
    """The time that a run takes, the program's commits, and runs that count in no number."""
    commits = [short_commit(commit) for commit in group.commits]
    kind = "commit" if len(commits) == 1 else "commits"
    text = f"{mean_and_error(group.minutes, 2)} minutes each, {kind} {', '.join(commits)}"
    if group.repeated:
        names = ", ".join(run.folder.name for run in group.repeated)
        text += f"; not counted, as their seeds have other runs: {names}"
    return text


def _command(parts: Sequence[str]) -> str:
    """A command, on as many lines as it takes, that can be pasted into a shell."""
    lines = [""]
    for part in map(shlex.quote, map(readable_name, parts)):
        if len(lines[-1]) + len(part) > WIDTH - 2:
            lines[-1] += "\\"
            lines.append("    ")
        lines[-1] += f"{part} "
    return "\n".join(lines).rstrip()
