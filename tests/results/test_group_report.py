"""What a report says of one group of runs: every number, and the command that makes it again."""

import json
import shlex

import numpy as np
import pytest
import results
from scipy import stats

from aae_tf.cli import flags
from aae_tf.cli.modes import MODES
from aae_tf.experiments import settings_of
from aae_tf.results import report
from aae_tf.results.groups import groups_below
from aae_tf.settings import flatten, override

ERRORS = (3.74, 3.51, 4.02)
LONG = {
    "encoder_units": "1000,900,800,700,600",
    "decoder_units": "1000,900,800,700,600",
    "discriminator_units": "1000,900",
    "generator_schedule": "50:0.1,1000:0.01",
    "dataset": "my images.npz",
}


@pytest.fixture
def group(tmp_path):
    for seed, error in enumerate(ERRORS):
        results.write(
            tmp_path / f"{seed}",
            "semi_supervised",
            seed=seed,
            wall_seconds=60.0 * (seed + 1),
            metrics={"error_percent": error, "mmd": 0.5},
        )
    (found,) = groups_below(tmp_path)
    return found


def _row(text, name):
    return next(line for line in text.splitlines() if line.split(" ")[0] == name)


def test_each_measure_has_mean_deviation_error_n_and_the_papers_figure(group):
    text = report.group_text(group)
    cells = _row(text, "error_percent").split(maxsplit=5)
    expected = (np.mean(ERRORS), np.std(ERRORS, ddof=1), stats.sem(ERRORS))
    for cell, number in zip(cells[1:4], expected, strict=True):
        assert float(cell) == pytest.approx(number, rel=5e-3)
    assert cells[4:] == ["3", "1.9 ± 0.1 (AAE, table 2)"]
    assert _row(text, "mmd").split() == ["mmd", "0.5", "0", "0", "3"]
    shown = next(
        line
        for line in report.group_markdown(group).splitlines()
        if line.startswith("| error_percent")
    )
    assert [cell.strip() for cell in shown.strip("|").split("|")][1:] == cells[1:]


def test_time_and_commit_are_told(group):
    assert "2.00 ± 0.58 (3) minutes each, commit 0123456789\n" in report.group_text(group)


def test_a_changed_program_and_several_commits_are_seen(tmp_path):
    for seed, origin in enumerate(
        (
            {"commit": "0123456789abcdef-dirty"},
            {"commit": "fedcba9876543210", "earlier": [{"commit": "1111111111111"}]},
        )
    ):
        run = results.write(tmp_path / str(seed), seed=seed, metrics={"mmd": 1.0})
        (run / "provenance.json").write_text(json.dumps(origin))
    (found,) = groups_below(tmp_path)
    text = report.group_text(found)
    assert "commits 0123456789-dirty, 1111111111, fedcba9876\n" in text


def test_a_paper_figure_stands_though_no_run_measured_it(tmp_path):
    results.write(tmp_path / "run", "semi_supervised", metrics={"mmd": 1.0})
    (found,) = groups_below(tmp_path)
    assert _row(report.group_text(found), "error_percent").endswith("0  1.9 ± 0.1 (AAE, table 2)")


def test_named_measures_alone_are_told(group):
    text = report.group_text(group, ("mmd",))
    assert "error_percent" not in text and _row(text, "mmd")


@pytest.mark.parametrize(
    "changes", [{}, LONG, {"xla": False, "batch_size": 7, "data_dir": "/a/place"}]
)
def test_the_command_gives_the_settings_again(tmp_path, changes):
    made = override(settings_of("gaussian", "paper"), {**changes, "seed": 5})
    results.write(tmp_path / "run", "gaussian", "paper", seed=5, metrics={"mmd": 1.0}, **changes)
    (found,) = groups_below(tmp_path)
    lines = report.group_text(found).splitlines()
    assert max(map(len, lines)) <= 120
    start = next(n for n, line in enumerate(lines) if line.startswith("aae-tf "))
    command = shlex.split("\n".join(lines[start:]).replace("\\\n", ""))  # as a shell joins lines
    values = flags.define(dict.fromkeys(MODES, ""))
    flags.parse(values, command)
    again = override(settings_of(values.experiment, values.recipe), flags.given(values))
    assert flatten(again) == {**flatten(made), "data_dir": ""}


def test_the_command_of_several_runs_names_their_seeds(group):
    assert group.commands == [
        ["aae-tf", "--experiment=semi_supervised", "--recipe=practical", "--seeds=0,1,2"]
    ]


def test_each_choice_among_beginnings_has_its_command(tmp_path):
    for seed, others in ((2, "0,1,2"), (3, "3,4,5")):
        results.write(tmp_path / str(seed), "clustering", seed=seed, metrics={"nmi": 0.5})
        scores = dict.fromkeys(others.split(","), 1.0)
        begun = {"epochs": 4, "score": "error_percent", "scores": scores, "best": seed}
        (tmp_path / str(seed) / "begun.json").write_text(json.dumps(begun))
    # The same choice on another machine, and one by another measure, which is a group of its own.
    results.write(tmp_path / "1", "clustering", seed=1, metrics={"nmi": 0.4})
    again = json.loads((tmp_path / "2" / "begun.json").read_text()) | {"best": 1}
    (tmp_path / "1" / "begun.json").write_text(json.dumps(again))
    results.write(tmp_path / "5", "clustering", seed=5, metrics={"nmi": 0.4})
    (tmp_path / "5" / "begun.json").write_text(json.dumps(begun | {"score": "nmi"}))
    found, other = sorted(groups_below(tmp_path), key=lambda group: group.seeds)
    assert (found.seeds, other.seeds) == ([1, 2, 3], [5])
    for told in (report.group_text(found), report.group_markdown(found)):
        commands = [line for line in told.splitlines() if line.startswith("aae-tf ")]
        assert [line.partition("--seeds=")[2] for line in commands] == [
            f"{seeds} --best_after=4 --score=error_percent" for seeds in ("0,1,2", "3,4,5")
        ]


def test_the_command_asks_for_the_samples_of_any_runs_later_evaluation(tmp_path):
    """That a run was evaluated by more samples stands in its result, not in its settings."""
    asked = ({10_000_000: 427.0, 10_000: 340.0}, {10_000: 341.0})
    for seed, numbers in enumerate(asked):
        metrics = {f"log_likelihood_{count}": value for count, value in numbers.items()}
        results.write(tmp_path / str(seed), "likelihood", seed=seed, metrics=metrics)
    (found,) = groups_below(tmp_path)
    assert "--likelihood_samples=10000,10000000" in found.commands[0]
