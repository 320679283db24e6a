"""Tables of the paper's rows in README and docs/results.md: each command's runs give its number."""

import pathlib
import re
import statistics

import flagfile
import pytest

from aae_tf import experiments
from aae_tf.results.groups import groups_below
from aae_tf.settings import complete, flatten, override

ROOT = pathlib.Path(__file__).parents[2]
HEAD = "| row | paper | ours | n | minutes | `aae-tf --flagfile=` |"
PAPER, FASHION = ("README.md", "rows"), ("docs/results.md", "Fashion-MNIST rows")
NOT_COMPARED = ("seed", "recipe")  # flags can lead from another recipe to the same settings


def _rows(page, table):
    """The cells of each row of a page's table."""
    text = (ROOT / page).read_text()
    part = text.partition(f"<!-- {table} -->\n")[2].partition(f"<!-- end of {table} -->")[0]
    head, _, *rows = part.splitlines()
    assert head == HEAD
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def _read_command(command):
    """The flagfile, and the flags after it."""
    path, link, more = re.fullmatch(r"\[(.+)\]\((?:\.\./)?(.+)\)(?: `(.+)`)?", command).groups()
    assert link == f"flags/{path}"
    return ROOT / link, *(more or "").split()


def _settings(command):
    """What a run by the command trains with, by flag name."""
    given = flagfile.read(*_read_command(command))
    usual = experiments.settings_of(given["experiment"], given.get("recipe"))
    return given["experiment"], _compared(flatten(override(usual, given), only_changing_run=True))


def _compared(flat):
    return {name: value for name, value in flat.items() if name not in NOT_COMPARED}


@pytest.fixture(scope="module")
def groups():
    """(experiment, settings, group) of what is kept."""
    found = []
    for group in groups_below(ROOT / "docs" / "results"):
        if own := group.runs[0].settings:
            usual = experiments.settings_of(group.experiment, group.results[0]["recipe"])
            settings = override(usual, complete(own, usual))
            flat = flatten(settings, only_changing_run=True)
            found.append((group.experiment, _compared(flat), group))
    return found


def _count(told):
    """Of how many restarts the command takes the best; None without such a choice."""
    return len(told["seeds"].split(",")) if "best_after" in told else None


def _check_restarts(group, told):
    """Each run is of the best of as many seeds, no seed among two, or all are seeds from 0 on."""
    if (count := _count(told)) is None:
        assert group.seeds == list(range(len(group.seeds)))
        return
    seeds_before = set()
    for run in group.runs:
        restarts = run.restarts
        assert (str(restarts.epochs), restarts.score) == (told["best_after"], told["score"])
        assert len(restarts.seeds) == count and run.result["seed"] in restarts.seeds
        assert not seeds_before & set(restarts.seeds)
        seeds_before |= set(restarts.seeds)


def test_every_row_for_which_the_paper_has_a_number_is_there():
    printed = {
        (figure.source.removeprefix("AAE, "), figure.value)
        for name in ("likelihood", "semi_supervised", "clustering", "dim_reduction")
        for figure in experiments.find(name).paper
        if dict(figure.settings).get("dataset", "mnist") == "mnist"
    }
    named = [(re.search(r"table \d|figure 11[a-d]", row[0]), row[1]) for row in _rows(*PAPER)]
    assert printed == {
        (source[0], float(paper.partition(" ± ")[0])) for source, paper in named if source
    }


def test_fashion_mnist_has_each_row_of_the_paper_but_that_by_ten_million_samples():
    ours, fashion = (
        {re.sub(r"(, best of \d+ restarts)?(, \+VAT( \+balance)?)?$", "", row[0]) for row in rows}
        for rows in (_rows(*PAPER), _rows(*FASHION))
    )
    left = {name for name in ours if "million" in name}
    assert ours - left == fashion
    assert {row[3] for row in _rows(*FASHION)} == {"2"}


@pytest.mark.parametrize("row", _rows(*PAPER) + _rows(*FASHION), ids=lambda row: row[0])
def test_a_rows_command_has_these_numbers(groups, row):
    label, paper, ours, count, minutes, command = row
    experiment, wanted = _settings(command)
    of_seeds = flagfile.read_of_seeds(*_read_command(command))
    (group,) = [
        kept
        for name, flat, kept in groups
        if (name, flat) == (experiment, wanted) and kept.settings.get("best_of") == _count(of_seeds)
    ]
    _check_restarts(group, of_seeds)
    measure = "error_percent"
    if experiment == "likelihood":
        measure = f"log_likelihood_10{'000000' if 'million' in label else '000'}"
    values = group.values(measure)
    mean = statistics.fmean(values)
    decimals = 1 if experiment == "likelihood" else 2
    told = f"{mean:.{decimals}f}"
    if len(values) > 1:
        told += f" ± {statistics.stdev(values):.{decimals}f}"
    assert ours.strip("*") == told
    assert count == str(len(values))
    assert minutes == f"{statistics.fmean(group.minutes):.0f}"
    if paper == "none":
        assert f"test/{measure}" not in group.reported and "**" not in ours
        assert group.epochs == 8  # as the page says of all of them
        return
    figure = group.reported[f"test/{measure}"]
    assert [float(number) for number in paper.split(" ± ")] == [
        figure[key] for key in ("value", "deviation") if key in figure
    ]
    better = mean >= figure["value"] if experiment == "likelihood" else mean <= figure["value"]
    assert ours.startswith("**") == better
