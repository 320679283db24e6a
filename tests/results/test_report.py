"""Reports: numbers over seeds, against numpy and scipy, beside the papers'."""

import json
import math
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import results
from scipy import stats

from aae_tf.errors import SettingsError
from aae_tf.results import report
from aae_tf.results.groups import groups_below
from aae_tf.results.report import CAPTION, collate

RECORDED = pathlib.Path(__file__).parents[2] / "docs" / "results"


ERRORS = (3.74, 3.51, 4.02, 3.6)


@pytest.fixture
def folder(tmp_path):
    """Four seeds of one row, and runs that differ in more than the seed."""
    for seed, error in reversed(list(enumerate(ERRORS))):
        metrics = {"error_percent": error, "mmd": 1e-3 * (seed + 1)}
        results.write(
            tmp_path / f"semi{seed}",
            "semi_supervised",
            seed=seed,
            metrics=metrics,
            wall_seconds=60.0 * (seed + 1),
        )
    results.write(tmp_path / "k", "semi_supervised", num_labels="1000", metrics={"mmd": 0.5})
    results.write(tmp_path / "wide", "gaussian", metrics={"mmd": 0.25})
    results.write(tmp_path / "paper", "gaussian", "paper", metrics={"mmd": 0.75})
    for clusters in (16, 30):
        results.write(tmp_path / str(clusters), "clustering", num_clusters=clusters)
    return tmp_path


def _cells(table):
    """The rows of a report's Markdown table of all groups as dictionaries."""
    lines = table.partition("###")[0].splitlines()
    start = min(n for n, line in enumerate(lines) if line.startswith("| experiment | recipe |"))
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines[start:]
        if line.startswith("|")
    ]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_seeds_share_a_row_of_mean_and_standard_error(folder):
    rows = json.loads(collate(folder, "json"))
    row = next(row for row in rows if len(row["seeds"]) == 4)
    assert row["seeds"] == [0, 1, 2, 3]
    summary = row["metrics"]["error_percent"]
    assert summary["n"] == 4
    assert summary["mean"] == pytest.approx(np.mean(ERRORS))
    assert summary["standard_deviation"] == pytest.approx(np.std(ERRORS, ddof=1))
    assert summary["standard_error"] == pytest.approx(stats.sem(ERRORS))
    assert row["minutes"]["mean"] == pytest.approx(2.5)
    assert row["runs"] == [f"semi{seed}" for seed in range(4)]
    assert row["commits"] == ["0123456789abcdef"]
    assert [command[-1] for command in row["commands"]] == ["--seeds=0,1,2,3"]
    shown = next(row for row in _cells(collate(folder)) if row["seeds"] == "0, 1, 2, 3")
    assert shown["error_percent"] == f"{np.mean(ERRORS):.2f} ± {stats.sem(ERRORS):.2f} (4)"
    assert shown["paper"] == "error_percent 1.9 ± 0.1 (AAE, table 2)"


def test_a_single_run_has_no_error(folder):
    row = next(r for r in json.loads(collate(folder, "json")) if r["settings"])
    assert row["settings"] == {"num_labels": "1000"}
    assert row["metrics"]["mmd"] == {
        "n": 1,
        "mean": 0.5,
        "standard_deviation": None,
        "standard_error": None,
    }
    assert (
        next(r for r in _cells(collate(folder, metrics=("mmd",))) if r["recipe"] == "paper")["mmd"]
        == "0.75"
    )


def test_named_metrics_alone_are_shown_in_the_order_given(folder):
    row = next(r for r in _cells(collate(folder, metrics=("mmd", "error_percent"))))
    shown = list(row)
    assert shown.index("mmd") + 1 == shown.index("error_percent")
    assert "error_percent" not in next(iter(_cells(collate(folder, metrics=("mmd",)))))


def test_a_metric_that_no_run_has_is_refused(folder):
    with pytest.raises(SettingsError, match=r"--report_measures=fid: expected of .*mmd"):
        collate(folder, metrics=("fid",))


def test_a_number_that_some_seeds_lack_says_of_how_many_it_is(tmp_path):
    for seed, value in enumerate((1.0, 2.0, None)):
        metrics = {"mmd": 1.0} if value is None else {"mmd": 1.0, "coverage": value}
        results.write(tmp_path / str(seed), seed=seed, metrics=metrics)
    (row,) = _cells(collate(tmp_path, metrics=("coverage", "mmd")))
    assert row["coverage"] == "1.50 ± 0.50 (2)"
    assert row["mmd"] == "1 ± 0 (3)"


def test_text_has_every_group_and_fits_a_terminal(folder):
    text = collate(folder, "text")
    assert CAPTION in text
    assert text.count("aae-tf --experiment=") == 6
    assert max(map(len, text.splitlines())) <= 120


def test_text_of_the_recorded_runs_fits_a_wide_terminal():
    text = collate(RECORDED, "text")
    compact = text.partition("Beside the paper")[0]
    assert "error_percent  " in compact and "fid_classifier  " in compact
    assert max(map(len, text.splitlines())) <= 130
    table = text.partition("Beside the paper")[2].partition("\n\n")[2].partition("\n\n")[0]
    assert re.search(r"^  \w+=\S+ *$", table, re.MULTILINE)  # long settings continue below
    assert "log_likelihood_10000  " in table


@pytest.mark.parametrize("odd", [math.inf, math.nan])
def test_a_metric_that_came_out_infinite_has_no_deviation(tmp_path, odd):
    for seed, value in enumerate((0.5, odd)):
        results.write(tmp_path / f"{seed}", seed=seed, metrics={"mmd": value})
    (row,) = json.loads(collate(tmp_path, "json"), parse_constant=pytest.fail)
    summary = row["metrics"]["mmd"]  # JSON has no number for these
    assert summary == {"n": 2, "mean": None, "standard_deviation": None, "standard_error": None}
    assert "nan" in collate(tmp_path, "text") and "nan" in collate(tmp_path)


def test_a_seed_that_was_run_twice_counts_once(tmp_path):
    for name, seed, metrics in (
        ("20261124-1", 0, {"mmd": 0.5}),
        ("20261125-1", 0, {"mmd": 0.25}),  # the newer of two with as many metrics
        ("other", 1, {"mmd": 0.75, "coverage": 0.5}),
        ("zero", 1, {"mmd": 0.125}),
    ):
        results.write(tmp_path / name, seed=seed, metrics=metrics)
    (row,) = json.loads(collate(tmp_path, "json"))
    assert row["seeds"] == [0, 1] and row["commands"][0][-1] == "--seeds=0,1"
    assert row["metrics"]["mmd"]["n"] == 2 and row["metrics"]["mmd"]["mean"] == 0.5
    assert row["runs"] == ["20261125-1", "other"]
    assert row["repeated"] == ["20261124-1", "zero"]
    note = "not counted, as their seeds have other runs: 20261124-1, zero"
    assert note in " ".join(collate(tmp_path, "text").split())


def test_the_papers_results_are_those_of_all_seeds(tmp_path):
    few, many = {"log_likelihood_10000": 340.0}, {"log_likelihood_10000000": 430.0}
    results.write(tmp_path / "0", "likelihood", metrics=few)
    results.write(
        tmp_path / "1",
        "likelihood",
        seed=1,
        metrics=few | many,
        likelihood_samples=(10_000, 10_000_000),
    )
    (row,) = json.loads(collate(tmp_path, "json"))
    paper = {name: figure["value"] for name, figure in row["paper"].items()}
    assert paper == {"test/log_likelihood_10000": 340.0, "test/log_likelihood_10000000": 427.0}
    text = collate(tmp_path, "text")
    assert re.search(r"log_likelihood_10000000 +430\.00 +1 +427\.00", text)


@pytest.mark.system
def test_a_report_needs_no_tensorflow(folder):
    script = (
        "import sys; sys.modules['tensorflow'] = None; from aae_tf.cli.main import main;"
        f"sys.exit(main(['x', '--mode=report', '--run_dir={folder}']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "semi_supervised" in done.stdout


def _run(folder, error, seed, experiment="semi_supervised", **settings):
    results.write(folder, experiment, seed=seed, metrics={"error_percent": error}, **settings)


@pytest.fixture(scope="module")
def rows_of_papers(tmp_path_factory):
    top = tmp_path_factory.mktemp("runs")
    for seed, error in enumerate((1.8, 2.0, 2.2)):
        _run(top / f"hundred_{seed}", error, seed)
    _run(top / "fashion", 20.0, 0, dataset="fashion_mnist", input_noise=0.5)
    _run(top / "clusters", 5.0, 0, "clustering")
    results.write(top / "gaussian", metrics={"reconstruction_error": 15.0})
    return top


def test_seeds_become_mean_and_deviation_beside_the_papers_number(rows_of_papers):
    row = report.paper_table(groups_below(rows_of_papers)).records()[0]
    assert row["experiment"] == "semi_supervised, num_labels=100"
    assert row["ours"] == f"2.00 ± {math.sqrt(0.04):.2f}"
    assert row["n"] == "3"
    assert row["paper"] == "1.90 ± 0.10 (AAE, table 2)"
    assert row["minutes"] == "2"  # 90 seconds


def test_a_row_that_the_paper_lacks_has_no_number_of_it_and_shows_its_settings(rows_of_papers):
    row = report.paper_table(groups_below(rows_of_papers)).records()[1]
    label = "semi_supervised, num_labels=100, dataset=fashion_mnist, input_noise=0.5"
    assert (row["experiment"], row["ours"], row["paper"]) == (label, "20.00", "")


def test_a_row_of_the_likelihood_tells_the_number_of_samples_by_its_metric_alone(tmp_path):
    metrics = {"log_likelihood_10000": 340.0, "log_likelihood_10000000": 427.0}
    results.write(tmp_path / "run", "likelihood", metrics=metrics)
    rows = report.paper_table(groups_below(tmp_path)).records()
    assert [row["metric"] for row in rows] == list(metrics)
    assert {row["experiment"] for row in rows} == {"likelihood, latent_dim=8, prior_scale=5.0"}


def test_experiments_without_numbers_in_the_paper_are_left_out(rows_of_papers):
    rows = report.paper_table(groups_below(rows_of_papers)).rows
    names = [row[0].split(",")[0] for row in rows]
    assert names == ["semi_supervised", "semi_supervised", "clustering"]


@pytest.mark.parametrize("form", ["markdown", "text"])
def test_report_begins_with_the_table_unless_metrics_are_chosen(rows_of_papers, form):
    assert report.PAPER_CAPTION in collate(rows_of_papers, form)
    assert report.PAPER_CAPTION not in collate(rows_of_papers, form, ["error_percent"])


@pytest.fixture
def group(tmp_path):
    for seed, error in enumerate(ERRORS[:3]):
        results.write(
            tmp_path / f"{seed}",
            "semi_supervised",
            seed=seed,
            wall_seconds=60.0 * (seed + 1),
            metrics={"error_percent": error, "mmd": 0.5},
        )
    (group,) = groups_below(tmp_path)
    return group


def _row(text, name):
    return next(line for line in text.splitlines() if line.split(" ")[0] == name)


def test_each_metric_has_mean_deviation_error_n_and_the_papers_result(group):
    text = report.group_text(group)
    cells = _row(text, "error_percent").split(maxsplit=5)
    errors = ERRORS[:3]
    expected = (np.mean(errors), np.std(errors, ddof=1), stats.sem(errors))
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


def test_time_and_commit_are_shown(group):
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
    (group,) = groups_below(tmp_path)
    text = report.group_text(group)
    assert "commits 0123456789-dirty, 1111111111, fedcba9876\n" in text


def test_a_result_of_the_paper_is_shown_though_no_run_has_the_metric(tmp_path):
    results.write(tmp_path / "run", "semi_supervised", metrics={"mmd": 1.0})
    (group,) = groups_below(tmp_path)
    assert _row(report.group_text(group), "error_percent").endswith("0  1.9 ± 0.1 (AAE, table 2)")


def test_of_a_group_named_metrics_alone_are_shown(group):
    text = report.group_text(group, ("mmd",))
    assert "error_percent" not in text and _row(text, "mmd")


def test_a_command_can_be_pasted_into_a_shell(tmp_path):
    units = "1000,900,800,700,600"
    long = {"encoder_units": units, "decoder_units": units, "dataset": "my images.npz"}
    results.write(
        tmp_path / "run", metrics={"mmd": 1.0}, **long, generator_schedule="50:0.1,90:0.01"
    )
    (group,) = groups_below(tmp_path)
    lines = report.group_text(group).splitlines()
    assert max(map(len, lines)) <= 120
    start = next(n for n, line in enumerate(lines) if line.startswith("aae-tf "))
    assert len(lines) > start + 1
    # As a shell joins lines.
    assert shlex.split("\n".join(lines[start:]).replace("\\\n", "")) == group.commands[0]


def test_the_first_table_has_few_columns_none_empty_and_the_priors_value_in_brackets(tmp_path):
    metrics = {
        "reconstruction_error": 5.0,
        "sliced_wasserstein": 0.5,
        "sliced_wasserstein_of_prior": 0.0256,
        "mmd": 0.1,
        "log_likelihood_10000": 340.0,
    }
    results.write(tmp_path / "run", "gaussian", metrics=metrics)
    report = collate(tmp_path)
    (row,) = _cells(report)
    assert row["sliced_wasserstein"] == "0.5 (0.0256)" and row["log_likelihood_10000"] == "340"
    assert list(row) == [
        "experiment",
        "recipe",
        "epochs",
        "seeds",
        "reconstruction_error",
        "sliced_wasserstein",
        "log_likelihood_10000",
        "minutes",
    ]
    assert "| mmd |" in report.partition("###")[2]  # every number is below


def test_coverage_is_shown_for_codes_of_few_dimensions_and_kept_for_all(tmp_path):
    metrics = {"mmd": 0.25, "coverage": 0.5, "empty_region": 0.5, "coverage_of_prior": 0.97}
    results.write(tmp_path / "plane", "gaussian", metrics=metrics)
    results.write(tmp_path / "space", "wae_mmd", metrics=metrics)  # in 8-D, of an earlier version
    plane, space = _cells(collate(tmp_path, metrics=("mmd", "coverage")))
    assert (plane["coverage"], space["coverage"]) == ("0.5 (0.97)", "")
    assert plane["mmd"] == space["mmd"] == "0.25"
    for form in ("markdown", "text"):
        first, _, second = collate(tmp_path, form).rpartition("wae_mmd, practical")
        for name in ("coverage", "empty_region"):
            assert name in first and name not in second
    kept = [group["metrics"]["coverage"]["mean"] for group in json.loads(collate(tmp_path, "json"))]
    assert kept == [0.5, 0.5]
