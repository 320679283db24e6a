"""Tables over seeds, against numpy and scipy."""

import json
import math
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import results
from scipy import stats

from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.experiments import settings_of
from aae_tf.results.groups import groups_below
from aae_tf.results.report import CAPTION, collate
from aae_tf.results.tables import mean_and_error
from aae_tf.settings import flatten

RECORDED = pathlib.Path(__file__).parents[2] / "docs" / "results"
ERRORS = (3.74, 3.51, 4.02, 3.6)
OWN = ("experiment", "recipe", "seed", "epochs")


@pytest.fixture
def folder(tmp_path):
    """Four seeds of one row, and runs that differ in more than the seed."""
    for seed, error in reversed(list(enumerate(ERRORS))):
        measured = {"error_percent": error, "mmd": 1e-3 * (seed + 1)}
        results.write(
            tmp_path / f"semi{seed}",
            "semi_supervised",
            seed=seed,
            metrics=measured,
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
    _, start, rest = table.partition("###")[0].partition("| experiment | recipe | settings |")
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (start + rest).splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_seeds_share_a_row_of_mean_and_standard_error(folder):
    rows = json.loads(collate(folder, "json"))
    row = next(row for row in rows if len(row["seeds"]) == 4)
    assert row["seeds"] == [0, 1, 2, 3]
    found = row["metrics"]["error_percent"]
    assert found["n"] == 4
    assert found["mean"] == pytest.approx(np.mean(ERRORS))
    assert found["standard_deviation"] == pytest.approx(np.std(ERRORS, ddof=1))
    assert found["standard_error"] == pytest.approx(stats.sem(ERRORS))
    assert row["minutes"]["mean"] == pytest.approx(2.5)
    assert row["runs"] == [f"semi{seed}" for seed in range(4)]
    assert row["commits"] == ["0123456789abcdef"]
    assert [command[-1] for command in row["commands"]] == ["--seeds=0,1,2,3"]
    shown = next(row for row in _cells(collate(folder)) if row["seeds"] == "0, 1, 2, 3")
    assert shown["error_percent"] == f"{np.mean(ERRORS):.2f} ± {stats.sem(ERRORS):.2f} (4)"
    assert shown["paper"] == "error_percent 1.9 ± 0.1 (AAE, table 2)"


def test_the_best_of_several_beginnings_is_told_apart_from_plain_runs(folder):
    begun = {"epochs": 2, "score": "nmi", "scores": {"0": 0.5, "2": None, "3": 0.4}, "best": 0}
    (folder / "semi0" / "begun.json").write_text(json.dumps(begun))
    rows = [row for row in json.loads(collate(folder, "json")) if row["seeds"] == [0]]
    told = {"best_of": 3, "best_after": 2, "score": "nmi"}
    (row,) = [row for row in rows if row["settings"] == told]
    assert row["experiment"] == "semi_supervised"
    # By the seed alone the run would be the same, and chosen among nothing.
    (command,) = row["commands"]
    assert command[-3:] == ["--seeds=0,2,3", "--best_after=2", "--score=nmi"]
    others = [row for row in json.loads(collate(folder, "json")) if row["seeds"] == [1, 2, 3]]
    assert [row["settings"] for row in others] == [{}]
    assert "best_of=3" in collate(folder, "text") and "best_of=3" in collate(folder)


def test_a_single_run_has_no_error(folder):
    row = next(r for r in json.loads(collate(folder, "json")) if r["settings"])
    assert row["settings"] == {"num_labels": "1000"}
    assert row["metrics"]["mmd"] == {
        "n": 1,
        "mean": 0.5,
        "standard_deviation": None,
        "standard_error": None,
    }
    assert next(r for r in _cells(collate(folder)) if r["recipe"] == "paper")["mmd"] == "0.75"


def test_named_measures_alone_are_shown_in_the_order_given(folder):
    row = next(r for r in _cells(collate(folder, measures=("mmd", "error_percent"))))
    shown = list(row)
    assert shown.index("mmd") + 1 == shown.index("error_percent")
    assert "error_percent" not in next(iter(_cells(collate(folder, measures=("mmd",)))))


def test_a_measure_that_no_run_has_is_refused(folder):
    with pytest.raises(SettingsError, match=r"--report_measures=fid: expected of .*mmd"):
        collate(folder, measures=("fid",))


def test_runs_whose_samples_were_judged_otherwise_have_rows_of_their_own(tmp_path):
    judges = [{}, {"quality_samples": 500}, {"inception_weights": "imagenet"}]
    for seed, judge in enumerate(judges * 2):
        results.write(tmp_path / f"judged{seed}", seed=seed, sample_quality=True, **judge)
    found = [(dict(group.settings), group.seeds) for group in groups_below(tmp_path)]
    assert sorted(found, key=lambda row: row[1]) == [
        ({}, [0, 3]),
        ({"quality_samples": 500}, [1, 4]),
        ({"inception_weights": "imagenet"}, [2, 5]),
    ]


def test_judges_that_judged_nothing_part_no_runs(tmp_path):
    for seed, count in enumerate((500, 600)):
        results.write(tmp_path / f"run{seed}", seed=seed, quality_samples=count)
    assert [group.seeds for group in groups_below(tmp_path)] == [[0, 1]]


def test_what_a_later_evaluation_judged_by_counts(tmp_path):
    for seed in (0, 1):
        file = results.write(tmp_path / f"run{seed}", seed=seed) / "result.json"
        judged = {"sample_quality": True, "quality_samples": 500 * (seed + 1)}
        file.write_text(json.dumps({**json.loads(file.read_text()), "evaluation": judged}))
    groups = groups_below(tmp_path)
    assert [group.seeds for group in groups] == [[0], [1]]
    assert "--quality_samples=500" in groups[0].commands[0]


def test_settings_found_by_flags_stand_in_the_row_of_the_recipe_that_they_are(tmp_path):
    of_recipe = flatten(settings_of("semi_supervised", "averaged"))
    by_flags = {flag: value for flag, value in of_recipe.items() if flag not in OWN}
    results.write(tmp_path / "0", "semi_supervised", epochs=100.0, **by_flags)
    results.write(tmp_path / "1", "semi_supervised", "averaged", epochs=100.0, seed=1)
    changed = by_flags | {"input_noise": 0.2}
    results.write(tmp_path / "2", "semi_supervised", epochs=100.0, seed=2, **changed)
    results.write(tmp_path / "3", "semi_supervised", epochs=100.0, seed=3)
    found = [(group.recipe, group.told, group.seeds) for group in groups_below(tmp_path)]
    assert found == [
        ("averaged", "", [0, 1]),
        ("averaged", "input_noise=0.2", [2]),
        ("practical", "", [3]),
    ]
    command = groups_below(tmp_path)[1].commands[0]
    assert "--recipe=averaged" in command and "--input_noise=0.2" in command
    assert not any(flag.startswith("--average_decay") for flag in command)


def test_rows_stand_in_the_papers_order(folder):
    rows = [(g.experiment, g.recipe, g.told) for g in groups_below(folder)]
    assert rows == [
        ("gaussian", "paper", ""),
        ("gaussian", "practical", ""),
        ("semi_supervised", "practical", ""),
        ("semi_supervised", "practical", "num_labels=1000"),
        ("clustering", "practical", "num_clusters=16"),
        ("clustering", "practical", ""),
    ]


def test_numbers_in_settings_stand_by_their_size(tmp_path):
    for units in (8, 16, 100, 2):
        results.write(tmp_path / str(units), prior_scale=float(units))
    told = [group.told for group in groups_below(tmp_path)]
    assert told == [f"prior_scale={units}" for units in (2.0, 8.0, 16.0, 100.0)]


def test_a_number_that_some_seeds_lack_says_of_how_many_it_is(tmp_path):
    for seed, value in enumerate((1.0, 2.0, None)):
        measured = {"mmd": 1.0} if value is None else {"mmd": 1.0, "coverage": value}
        results.write(tmp_path / str(seed), seed=seed, metrics=measured)
    (row,) = _cells(collate(tmp_path))
    assert row["coverage"] == "1.50 ± 0.50 (2)"
    assert row["mmd"] == "1 ± 0 (3)"


@pytest.mark.parametrize(
    "values, expected",
    [
        ([], ""),
        ([3.14159], "3.142"),
        ([1.0, 3.0], "2.0 ± 1.0 (2)"),
        ([100.0, 400.0, 100.0], "200 ± 100 (3)"),
        ([0.00100, 0.00104, 0.00108], "0.001040 ± 0.000023 (3)"),
        ([1e-9, 3e-9], "2e-09 ± 1e-09 (2)"),
    ],
)
def test_mean_has_the_decimals_of_its_error(values, expected):
    assert mean_and_error(values) == expected


@pytest.mark.parametrize(
    "minutes, expected",
    [([8.38], "8.4"), ([135.6], "136"), ([99.6], "100"), ([135.6, 140.4], "138.0 ± 2.4 (2)")],
)
def test_minutes_are_written_out(minutes, expected):
    assert mean_and_error(minutes, 2) == expected


def test_text_has_every_group_and_fits_a_terminal(folder):
    text = collate(folder, "text")
    assert CAPTION in text
    assert text.count("aae-tf --experiment=") == 6
    assert max(map(len, text.splitlines())) <= 120


def test_text_of_the_recorded_runs_fits_a_wide_terminal():
    text = collate(RECORDED, "text")
    assert max(map(len, text.splitlines())) <= 130
    table = text.partition("minutes\n")[2].partition("\n\n")[0]
    assert "\n  prior_scale=5.0" in table  # long settings go on below
    assert "log_likelihood_10000  " in table


@pytest.mark.parametrize("odd", [math.inf, math.nan])
def test_a_measure_that_came_out_infinite_has_no_deviation(tmp_path, odd):
    for seed, value in enumerate((0.5, odd)):
        results.write(tmp_path / f"{seed}", seed=seed, metrics={"mmd": value})
    (row,) = json.loads(collate(tmp_path, "json"), parse_constant=pytest.fail)
    found = row["metrics"]["mmd"]  # JSON has no number for these
    assert found == {"n": 2, "mean": None, "standard_deviation": None, "standard_error": None}
    assert "nan" in collate(tmp_path, "text") and "nan" in collate(tmp_path)


def test_a_seed_that_was_run_twice_counts_once(tmp_path):
    for name, seed, measured in (
        ("20261124-1", 0, {"mmd": 0.5}),
        ("20261125-1", 0, {"mmd": 0.25}),  # the newer of two with as many measures
        ("other", 1, {"mmd": 0.75, "coverage": 0.5}),
        ("zero", 1, {"mmd": 0.125}),
    ):
        results.write(tmp_path / name, seed=seed, metrics=measured)
    (row,) = json.loads(collate(tmp_path, "json"))
    assert row["seeds"] == [0, 1] and row["commands"][0][-1] == "--seeds=0,1"
    assert row["metrics"]["mmd"]["n"] == 2 and row["metrics"]["mmd"]["mean"] == 0.5
    assert row["runs"] == ["20261125-1", "other"]
    assert row["repeated"] == ["20261124-1", "zero"]
    told = "not counted, as their seeds have other runs: 20261124-1, zero"
    assert told in " ".join(collate(tmp_path, "text").split())


def test_the_papers_figures_are_those_of_all_seeds(tmp_path):
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


def _judge(folder, seed, count, weights=None, **settings):
    """A run whose samples were judged, as training says, or --mode=evaluate with other weights."""
    measured = {"quality_samples": float(count), "fid": 10.0 + seed}
    run = results.write(folder / f"{seed}", seed=seed, metrics=measured, **settings)
    if weights is not None:
        result = json.loads((run / "result.json").read_text())
        judged = {"evaluation": {"inception_weights": weights}}
        (run / "result.json").write_text(json.dumps({**result, **judged}))


def test_samples_judged_otherwise_are_not_taken_together(tmp_path):
    _judge(tmp_path, 0, 10_000)
    _judge(tmp_path, 1, 10_000, sample_quality=True)
    _judge(tmp_path, 2, 1000)
    _judge(tmp_path, 3, 1000, sample_quality=True, quality_samples=1000)
    _judge(tmp_path, 4, 10_000, inception_weights="/a/place/w.h5", sample_quality=True)
    _judge(tmp_path, 5, 10_000, "/other/w.h5")
    results.write(tmp_path / "none", seed=6, inception_weights="/a/w.h5", quality_samples=500)
    found = {tuple(group.seeds): group for group in groups_below(tmp_path)}
    assert {seeds: group.told for seeds, group in found.items()} == {
        (0, 1, 6): "",
        (2, 3): "quality_samples=1000",
        (4, 5): "inception_weights=w.h5",
    }
    assert "--sample_quality" in found[2, 3].commands[0]
    assert "--quality_samples=1000" in found[2, 3].commands[0]
    assert "--inception_weights=/a/place/w.h5" in found[4, 5].commands[0]


@pytest.mark.parametrize(
    "name, changes",
    [
        ("provenance", []),
        ("provenance", {"commit": None}),
        ("provenance", {"earlier": [{"commit": 3}]}),
        ("settings", []),
        ("result", {"paper": None}),
        ("result", {"paper": {"test/fid": 3}}),
        ("result", {"metrics": []}),
        ("result", {"metrics": {"test/fid": "3"}}),
        ("result", {"seed": "0"}),
        ("result", {"wall_seconds": None}),
        ("result", {"evaluation": {"inception_weights": 3}}),
    ],
)
def test_files_of_another_form_are_named(tmp_path, name, changes):
    file = results.write(tmp_path / "run", metrics={"mmd": 1.0}) / f"{name}.json"
    told = {**json.loads(file.read_text()), **changes} if changes else changes
    file.write_text(json.dumps(told))
    with pytest.raises(RunFolderError, match=r"run/result\.json can't be used") as caught:
        collate(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_a_begun_of_another_form_is_named(tmp_path, content):
    file = results.write(tmp_path / "run", metrics={"mmd": 1.0}) / "begun.json"
    begun = {"epochs": 2, "score": "mmd", "scores": {"0": 0.5, "1": None}, "best": 0}
    file.write_text(json.dumps(begun))
    assert "best_of=2, best_after=2, score=mmd" in collate(tmp_path)
    file.write_text(content)
    with pytest.raises(RunFolderError, match=r"run/result\.json can't be used") as caught:
        collate(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"experiment": "no", "recipe": "paper", "epochs": 1}']
)
def test_an_unreadable_result_is_named(tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"run/result\.json can't be used") as caught:
        collate(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.system
def test_a_report_needs_no_tensorflow(folder):
    script = (
        "import sys; sys.modules['tensorflow'] = None; from aae_tf.cli.main import main;"
        f"sys.exit(main(['x', '--mode=report', '--run_dir={folder}']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "semi_supervised" in done.stdout
