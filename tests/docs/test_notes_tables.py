"""Tables of docs/results/notes.md and of figure 2: their numbers are those of recorded runs."""

import pathlib
import re
import statistics

import pytest

from aae_tf.results.groups import groups_below
from aae_tf.results.record import runs_below

DOCS = pathlib.Path(__file__).parents[2] / "docs"
NUMBER = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")


def _tables(text):
    """The rows of each Markdown table, each by its head."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in block.splitlines()
        ]
        yield [dict(zip(head, row, strict=True)) for row in rows]


def _rows_of_seeds():
    """(epochs, a number for each seed, mean, by majority) of each row."""
    for rows in _tables((DOCS / "results" / "notes.md").read_text()):
        for row in rows:
            seeds = next((row[key] for key in row if key.startswith(("seeds ", "runs"))), "")
            if (numbers := NUMBER.findall(seeds)) and "mean" in row:
                yield pytest.param(
                    row["epochs"], numbers, row["mean"], row.get("by majority", ""), id=seeds
                )


def _summary(values):
    if len(values) < 2:
        return ""
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f}"


@pytest.fixture(scope="module")
def groups():
    return groups_below(DOCS / "results")


@pytest.mark.parametrize(("epochs", "numbers", "mean", "majority"), list(_rows_of_seeds()))
def test_a_row_of_seeds_is_a_group_of_recorded_runs(groups, epochs, numbers, mean, majority):
    (group,) = [
        group
        for group in groups
        if f"{group.epochs:g}" == epochs
        and [f"{value:.2f}" for value in group.values("error_percent")] == numbers
    ]
    assert mean == _summary(group.values("error_percent"))
    values = group.values("error_majority_percent")
    each = ", ".join(f"{value:.2f}" for value in values)
    given = {each, _summary(values), f"{each}: {_summary(values)}", ""}
    assert majority in given


def test_the_table_of_figure_2_is_the_recorded_runs():
    runs = {run.folder.name: run.result["metrics"] for run in runs_below(DOCS / "results")}
    page = (DOCS / "results.md").read_text()
    part = page.partition("figure 2\n")[2].partition("\n## ")[0]
    (rows,) = _tables(part)
    names = ("a_gaussian", "b_mixture", "c_gaussian", "d_mixture")
    assert len(rows) == len(names)
    for row, name in zip(rows, names, strict=True):
        metrics = runs[f"figure2{name}_8_epochs"]
        for metric in ("sliced_wasserstein", "empty_region", "mode_excess"):
            value, of_prior = (metrics[f"test/{metric}{end}"] for end in ("", "_of_prior"))
            cell = row[f"{metric.replace('_', ' ').replace('w', 'W')} (prior itself)"]
            shown = [float(number) for number in re.findall(r"[-+]?\d\.\d{3}", cell)]
            assert shown == pytest.approx([value, of_prior], abs=5.1e-4)


def test_the_table_of_the_papers_recipes_is_the_recorded_runs():
    runs = {
        (run.result["metrics"].get("test/error_percent"), run.result["epochs"]): run
        for run in runs_below(DOCS / "results")
        if run.result["recipe"] == "paper"
    }
    text = (DOCS / "results" / "notes.md").read_text().partition("## The paper's recipes")[2]
    (rows,) = _tables(text)
    assert len(rows) == 10
    for row in rows[1:]:
        error, *majority = map(float, NUMBER.findall(row["error %"]))
        metrics = next(
            run.result["metrics"]
            for (percent, epochs), run in runs.items()
            if percent == pytest.approx(error) and f"{epochs:g}" == row["run to"]
        )
        for value in majority:
            assert metrics["test/error_majority_percent"] == pytest.approx(value)
