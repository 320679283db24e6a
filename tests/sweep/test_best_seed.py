"""Of several seeds the best beginning: how it is chosen, and what is refused."""

import csv
import dataclasses
import json
import math
import pathlib

import pytest

from aae_tf.cli.main import main
from aae_tf.errors import SettingsError, UserError
from aae_tf.experiments import settings_of
from aae_tf.settings import override
from aae_tf.sweep import seeds
from aae_tf.sweep.seeds import Restarts

BEGUN = Restarts(2, "coverage")


@pytest.fixture
def runs(tmp_path):
    settings = override(settings_of("gaussian"), {"epochs": 5})
    return seeds.plan(settings, (4, 0, 7), tmp_path / "runs", None)


@pytest.fixture
def find(runs, monkeypatch):
    """The seed that goes on, where runs get these scores by training; and what was trained."""
    trained = []

    def finding(results, beginning=BEGUN):
        def train(children, name, settings, folder, score, rungs, goes_on, say):
            trained.append((settings.training.seed, score, list(rungs)))
            result = results[settings.training.seed]
            assert not goes_on(2, 0.0)
            if isinstance(result, str):
                folder.mkdir(parents=True)
                (folder / "scores.json").write_text(json.dumps({"diverged": result}))
            else:
                _rows(folder, (1, 2), **{beginning.score: result / 2})
            return 0

        monkeypatch.setattr("aae_tf.sweep.study.train_trial", train)
        begun = {run.folder.path: run.settings for run in runs}
        children = type("Children", (), {"received": 0})
        best, status = seeds.find_best(begun, beginning, children, lambda line: None)
        assert status == 0
        return begun[best].training.seed

    finding.trained = trained
    return finding


def _rows(folder, epochs, **measures):
    """A metrics.csv in which measures grow with the epochs."""
    folder.mkdir(parents=True)
    with open(folder / "metrics.csv", "w") as file:
        table = csv.writer(file)
        table.writerow(["step", "epoch", *(f"validation/{name}" for name in measures)])
        for epoch in epochs:
            table.writerow([10 * epoch, epoch, *(epoch * value for value in measures.values())])


def test_seed_with_the_best_score_goes_on_and_its_folder_tells_of_the_others(find, runs):
    assert find({4: 0.3, 0: 0.9, 7: 0.5}) == 0  # more coverage is better
    assert find.trained == [(seed, "coverage", [2]) for seed in (4, 0, 7)]
    told = {"epochs": 2, "score": "coverage", "scores": {"4": 0.3, "0": 0.9, "7": 0.5}, "best": 0}
    for folder in (runs[1].folder.path, runs[1].folder.path.parent):
        assert json.loads((folder / "begun.json").read_text()) == told
    assert not (runs[0].folder.path / "begun.json").exists()


def test_less_is_better_where_the_measure_says_so_and_the_first_of_equals_goes_on(find):
    assert find({4: 0.3, 0: 0.9, 7: 0.3}, Restarts(2, "sliced_wasserstein")) == 4


def test_what_has_begun_is_not_trained_again_and_what_diverged_is_passed_over(find, runs):
    assert find({4: 0.1, 0: "became nan", 7: 0.5}) == 7
    assert find({}) == 7 and len(find.trained) == 3
    told = json.loads((runs[2].folder.path / "begun.json").read_text())
    assert told["scores"] == {"4": 0.1, "0": None, "7": 0.5}


def test_all_diverged_is_an_error(find):
    with pytest.raises(UserError, match="--seeds: the runs of all diverged"):
        find(dict.fromkeys((4, 0, 7), "became nan"))


def test_a_run_that_was_trained_alone_counts_by_its_row_of_that_epoch(find, runs):
    _rows(runs[2].folder.path, (1, 2, 3), coverage=0.3)
    assert find({4: 0.5, 0: 0.55}) == 7
    assert [seed for seed, *_ in find.trained] == [4, 0]


def test_a_run_that_diverged_later_counts_by_its_row_too(find, runs):
    _rows(runs[0].folder.path, (1, 2, 3), coverage=0.3)
    (runs[0].folder.path / "scores.json").write_text('{"diverged": "became nan"}')
    assert find({0: 0.5, 7: 0.55}) == 4


def test_a_score_that_is_no_number_is_never_the_best(find, runs):
    _rows(runs[0].folder.path, (1, 2), coverage=math.nan)
    assert find({0: 0.5, 7: 0.55}) == 7


def test_another_score_is_read_from_the_same_rows(find, runs):
    for run, coverage, distance in zip(runs, (0.1, 0.2, 0.3), (0.3, 0.1, 0.2), strict=True):
        _rows(run.folder.path, (2,), coverage=coverage, sliced_wasserstein=distance)
    assert find({}) == 7
    assert find({}, Restarts(2, "sliced_wasserstein")) == 0


def test_a_measure_that_such_a_run_lacks_is_refused(find, runs):
    _rows(runs[0].folder.path, (2,), coverage=0.3, reconstruction_error=2.0)
    expected = r"--score=elbo: expected a measure .*, one of reconstruction_error, coverage"
    with pytest.raises(SettingsError, match=expected):
        find({}, Restarts(2, "elbo"))
    assert not find.trained


@pytest.mark.parametrize("text", ["epoch\nmany\n", "step,epoch\n1,many\n", "step\n1\n"])
def test_rows_that_cannot_be_read_are_an_error_of_one_line(find, runs, text):
    runs[0].folder.path.mkdir(parents=True)
    (runs[0].folder.path / "metrics.csv").write_text(text)
    with pytest.raises(UserError, match=r"seed_4/metrics.csv can't be used"):
        find({})


def test_a_signal_while_seeds_begin_ends_the_choice(runs, monkeypatch):
    children = type("Children", (), {"received": 0})

    def train(*arguments):
        children.received = 15
        return 143

    monkeypatch.setattr("aae_tf.sweep.study.train_trial", train)
    begun = {run.folder.path: run.settings for run in runs}
    assert seeds.find_best(begun, BEGUN, children, lambda line: None) == (None, 143)
    assert not runs[0].folder.path.parent.exists()


def test_only_the_best_goes_on_and_is_exported(runs, monkeypatch):
    runs = [dataclasses.replace(runs[0], export_dir=pathlib.Path("models")), *runs[1:]]
    best, started, said = runs[2], [], []
    monkeypatch.setattr(seeds, "find", lambda *arguments: (best.folder.path, 0))
    monkeypatch.setattr("aae_tf.sweep.seeds.status_of", lambda process: 0)
    monkeypatch.setattr(
        "aae_tf.sweep.process.Children.start",
        lambda self, module, arguments: started.append(arguments),
    )
    assert seeds.train(runs, said.append, BEGUN) == 0
    ((_, *flags),) = started
    assert {"--seed=7", f"--run_dir={best.folder.path}", "--export_dir=models"} <= set(flags)
    assert "the best beginning is seed 7's; only it goes on" in said


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--best_after=1"], "--best_after=1: expected two --seeds or more beside it"),
        (["--best_after=1", "--seeds=3"], "--best_after=1: expected two --seeds or more"),
        (["--best_after=0", "--seeds=0,1"], "--best_after=0: expected from 1 to below --epochs=20"),
        (["--best_after=20", "--seeds=0,1"], "--best_after=20: expected from 1 to below"),
        (["--best_after=1", "--seeds=0,1"], "--score=: expected a measure on validation images"),
        (["--best_after=1", "--seeds=0,1", "--score=luck"], "--score=luck: expected a measure on"),
        (["--best_after=1", "--seeds=0,1", "--score=fid"], "--score=fid: expected a measure on"),
        (
            ["--best_after=1", "--seeds=0,1", "--score=log_likelihood", "--likelihood_samples=9"],
            "--score=log_likelihood: expected a measure on",
        ),
        (["--seeds=0,1", "--score=coverage"], "--score=coverage: expected --best_after beside it"),
        (["--best_after=1", "--mode=report"], "--best_after=1: expected two --seeds or more"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(empty_folder, capsys, flags, expected):
    assert main(["x", "--experiment=gaussian", *flags]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and expected in said.err
    assert not list(empty_folder.iterdir())


def test_a_stopped_choice_names_the_command_that_goes_on_with_it(empty_folder, capsys, monkeypatch):
    monkeypatch.setattr("aae_tf.sweep.seeds.train", lambda *arguments: 143)
    choice = ["--seeds=0,1", "--best_after=1", "--score=coverage", "--run_dir=runs"]
    assert main(["x", "--experiment=gaussian", *choice]) == 143
    told = capsys.readouterr().out
    assert "stopped; resume with:" in told and all(flag in told for flag in choice)
