"""Experiments with labels and categories by the command line: whole runs, records, refusals."""

import json

import numpy as np
import program
import pytest
import tiny

from aae_tf.cli.main import main

pytestmark = pytest.mark.slow
SMALL = (*program.SMALL, "--epochs=2", "--batch_size=100", "--noxla")
RUNS = {
    "semi": ("--experiment=semi_supervised", "--num_labels=30"),
    "on": ("--experiment=discrete", "--num_clusters=4"),
    "off": ("--experiment=discrete", "--num_clusters=4", "--noadversarial_label"),
    "plane": ("--experiment=dim_reduction", "--num_labels=0", "--num_clusters=4"),
    "style": ("--experiment=style", "--latent_dim=3"),
    "ring": ("--experiment=label_mixture", "--prior_components=3", "--num_labels=30"),
}
FIGURES = {
    "semi": {"style_grid", "categories"},
    "on": {"clusters", "categories"},
    "off": {"clusters", "categories"},
    "plane": {"embedding", "style_grid", "categories"},
    "style": {"style_grid"},
    "ring": {"components", "codes", "manifold"},
}
NUMBERS = {
    "semi": {"error_percent", "largest_probability"},
    "on": {"error_majority_percent", "nmi", "ari", "categories_in_use"},
    "off": {"largest_probability"},
    "plane": {"error_percent"},
    "style": {"class_from_style_linear", "class_from_style_mlp", "class_read_as_asked"},
    "ring": {"component_share"},
}


@pytest.fixture(scope="module")
def runs(place):
    """One process for each run."""
    for name, flags in RUNS.items():
        done = program.call(place, *SMALL, *flags, f"--run_dir=labels/{name}")
        assert done.returncode == 0, done.stderr[-3000:]
    return place / "labels"


@pytest.mark.parametrize("name", RUNS)
def test_run_leaves_its_figures_and_numbers(runs, name):
    figures = {path.stem for path in (runs / name / "figures").glob("*.png")}
    assert FIGURES[name] <= figures
    metrics = json.loads((runs / name / "result.json").read_text())["metrics"]
    for number in NUMBERS[name]:
        for split in ("validation", "test"):
            assert np.isfinite(metrics[f"{split}/{number}"]), number


def _main(place, monkeypatch, capsys, *flags):
    monkeypatch.chdir(place)
    status = main(["run_experiment.py", *flags])
    return status, capsys.readouterr()


def test_compare_draws_both_runs_of_the_discrete_code_in_one_figure(
    runs, place, monkeypatch, capsys
):
    flags = ("--mode=compare", "--runs=labels/on,labels/off", "--run_dir=both")
    status, said = _main(place, monkeypatch, capsys, *flags)
    assert status == 0
    assert "both/categories.png" in said.out
    for name in ("categories.png", "learning_curves.png"):
        assert (place / "both" / name).read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("given", ["--runs=labels/on", "--runs=", "--runs=labels/on,nothing"])
def test_compare_wants_two_runs(runs, place, monkeypatch, capsys, given):
    status, said = _main(place, monkeypatch, capsys, "--mode=compare", given, "--run_dir=none")
    assert status in (1, 2)
    assert said.err.count("\n") == 1 and said.err.startswith("error: --run")
    assert not (place / "none").exists()


def test_report_records_the_runs(runs, place, monkeypatch, capsys):
    flags = ("--mode=report", "--run_dir=labels", "--report_dir=kept/results")
    status, said = _main(place, monkeypatch, capsys, *flags)
    assert status == 0 and "records: kept/results/runs.jsonl\n" in said.out
    text = (place / "kept" / "results" / "runs.jsonl").read_text()
    records = {record["run"]: record for record in map(json.loads, text.splitlines())}
    assert records.keys() == set(RUNS) and str(place) not in text
    for name in RUNS:
        result = json.loads((runs / name / "result.json").read_text())
        assert records[name] | result == records[name]
        assert {"commit", "state_sha256", "step"} <= records[name]["provenance"].keys()
    status, again = _main(place, monkeypatch, capsys, "--mode=report", "--run_dir=kept/results")
    assert status == 0 and again.out == said.out.partition("runs.jsonl\n")[2]


REFUSED = {
    "not shared by the classes": (
        ("--experiment=semi_supervised", "--num_labels=100"),
        "--num_labels=100: expected a multiple of 3",
    ),
    "more than there are": (
        ("--experiment=semi_supervised", "--num_labels=30000"),
        "--num_labels=30000: expected at most ",
    ),
    "none": (("--experiment=semi_supervised", "--num_labels=0"), "--num_labels=0: expected"),
    "no number": (("--experiment=label_mixture", "--num_labels=some"), "--num_labels=some"),
    "one cluster": (("--experiment=clustering", "--num_clusters=1"), "--num_clusters=1"),
    "shares and clusters": (
        ("--experiment=clustering", "--num_clusters=4", "--category_shares=3,2,1"),
        "--category_shares=3,2,1: expected 4 numbers",
    ),
    "components and classes": (("--experiment=label_mixture",), "--prior_components=10"),
    "no such setting": (("--experiment=gaussian", "--num_labels=30"), "--num_labels=30"),
    "dropout of all": (("--experiment=clustering", "--input_dropout=1"), "--input_dropout=1"),
    "sigmoid of standardised": (("--experiment=style", "--standardize"), "--output_activation"),
    "split of a file": (("--experiment=style", "--train_split=train+extra"), "--train_split"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_is_one_line_and_nothing_is_written(place, monkeypatch, capsys, case):
    flags, start = REFUSED[case]
    status, said = _main(
        place, monkeypatch, capsys, "--dataset=bars.npz", *flags, "--run_dir=refused"
    )
    assert status in (1, 2)
    assert said.err.count("\n") == 1 and said.err.startswith(f"error: {start}"), said.err
    assert not (place / "refused").exists()


@pytest.mark.parametrize("experiment", ["style", "label_mixture", "semi_supervised"])
def test_data_without_labels_is_refused(place, monkeypatch, capsys, experiment):
    np.savez(place / "bare.npz", images=tiny.images(300))
    flags = (f"--experiment={experiment}", "--dataset=bare.npz", "--run_dir=refused")
    status, said = _main(place, monkeypatch, capsys, *flags)
    assert status == 1
    assert said.err.startswith("error: --dataset=") and "has no labels" in said.err
    assert not (place / "refused").exists()


def test_clustering_does_without_labels(place):
    np.savez(place / "bare.npz", images=tiny.images(1300))
    flags = ("--experiment=clustering", "--num_clusters=4", "--run_dir=unlabelled")
    done = program.call(place, *SMALL, "--dataset=bare.npz", *flags)
    assert done.returncode == 0, done.stderr[-3000:]
    metrics = json.loads((place / "unlabelled" / "result.json").read_text())["metrics"]
    assert "test/categories_in_use" in metrics and "test/error_percent" not in metrics
