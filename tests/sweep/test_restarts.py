"""Best-of-N restarts: which seed continues, by scores in a real study, and what is refused.

Their runs have the rows of metrics.csv that training would have left, so a worker trains nothing.
"""

import csv
import dataclasses
import io
import json
import math
import pathlib
import shutil
import types

import pytest

from aae_tf.cli.main import main
from aae_tf.errors import UserError
from aae_tf.experiments import settings_of
from aae_tf.settings import override
from aae_tf.sweep import seeds, study, worker
from aae_tf.sweep.process import Processes
from aae_tf.sweep.seeds import Restarts

RESTARTS = Restarts(2, "coverage")


@pytest.fixture
def runs(tmp_path):
    settings = override(settings_of("gaussian"), {"epochs": 5})
    return seeds.runs_of(settings, (4, 0, 7), tmp_path / "runs", None)


class Here:
    """Has workers work in this process."""

    status, running = 0, ()

    def __init__(self, monkeypatch):
        self.started, self._monkeypatch, self._ended = 0, monkeypatch, []

    def start(self, module, arguments, data):
        assert module == "aae_tf.sweep.worker"
        self.started += 1
        self._monkeypatch.setattr("sys.stdin", io.StringIO(data.decode()))
        self._ended = [(None, worker.main())]
        self.running = (None,)

    def wait(self, seconds):
        ended, self._ended, self.running = self._ended, [], ()
        return ended

    def stop(self):
        pass


@pytest.fixture
def choose(runs, monkeypatch):
    """The seed that continues; `choose.workers` counts the workers."""

    def choosing(restarts=RESTARTS, only=runs):
        here = Here(monkeypatch)
        (runs[0].folder.path.parent).mkdir(exist_ok=True)
        best, status = seeds.choose(only, restarts, here, 1)
        choosing.workers = here.started
        return best.seed if best else status

    return choosing


def _rows(run, epochs, **metrics):
    """A metrics.csv in which metrics grow with the epochs up to twice their value."""
    run.folder.path.mkdir(parents=True, exist_ok=True)
    with open(run.folder.path / "metrics.csv", "w") as file:
        table = csv.writer(file)
        table.writerow(["step", "epoch", *(f"validation/{name}" for name in metrics)])
        for epoch in epochs:
            table.writerow([10 * epoch, epoch, *(epoch * value for value in metrics.values())])


def _each(runs, *values, name="coverage"):
    for run, value in zip(runs, values, strict=True):
        _rows(run, (1, 2, 3), **{name: value})


def test_seed_with_the_best_score_goes_on_and_its_folder_has_the_others_scores(choose, runs):
    _each(runs, 0.2, 0.5, 0.3)
    assert choose() == 0 and choose.workers == 3  # more coverage is better
    content = {"epochs": 2, "score": "coverage", "scores": {"4": 0.4, "0": 1.0, "7": 0.6}}
    for folder in (runs[1].folder.path, runs[1].folder.path.parent):
        assert json.loads((folder / "begun.json").read_text()) == {**content, "best": 0}
    assert not (runs[0].folder.path / "begun.json").exists()


def test_less_is_better_where_the_metric_says_so_and_the_first_of_equals_goes_on(choose, runs):
    _each(runs, 0.3, 0.9, 0.3, name="sliced_wasserstein")
    assert choose(Restarts(2, "sliced_wasserstein")) == 4


def test_what_the_study_knows_is_not_trained_again_and_more_seeds_join_it(choose, runs):
    _each(runs, 0.2, 0.5, 0.3)
    assert choose(only=[runs[0], runs[2]]) == 7
    assert choose() == 0 and choose.workers == 1
    assert choose(only=[runs[0], runs[2]]) == 7 and choose.workers == 0


def test_a_score_that_is_no_number_is_never_the_best(choose, runs):
    _each(runs, 0.2, math.nan, 0.3)
    assert choose() == 7
    content = json.loads((runs[2].folder.path / "begun.json").read_text())
    assert content["scores"] == {"4": 0.4, "0": None, "7": 0.6}


def test_all_diverged_is_an_error(choose, runs):
    _each(runs, math.nan, math.inf, math.nan)
    with pytest.raises(UserError, match="--seeds: the runs of all diverged"):
        choose()


def test_another_score_is_read_from_the_same_rows(choose, runs):
    for run, coverage, distance in zip(runs, (0.1, 0.2, 0.3), (0.3, 0.1, 0.2), strict=True):
        _rows(run, (2,), coverage=coverage, sliced_wasserstein=distance)
    assert choose() == 7
    assert choose(Restarts(2, "sliced_wasserstein")) == 0


def test_a_metric_that_such_a_run_lacks_is_refused(choose, runs, capsys):
    _rows(runs[0], (2,), coverage=0.3, reconstruction_error=2.0)
    assert choose(Restarts(2, "elbo")) == 2 and choose.workers == 1
    expected = "error: seed 4: --score=elbo: expected a metric that this prior"
    error = capsys.readouterr().err
    assert expected in error and "one of reconstruction_error, coverage" in error


@pytest.mark.parametrize("text", ["epoch\nmany\n", "step,epoch\n1,many\n", "step\n1\n"])
def test_rows_that_cannot_be_read_are_an_error_of_one_line(choose, runs, capsys, text):
    runs[0].folder.path.mkdir(parents=True)
    (runs[0].folder.path / "metrics.csv").write_text(text)
    assert choose() == 1
    _, error = capsys.readouterr().err.splitlines()
    assert error.startswith("error: seed 4: ") and "seed_4/metrics.csv can't be used" in error


def test_scores_in_a_database_are_shared(choose, runs, tmp_path):
    _each(runs, 0.2, 0.5, 0.3)
    elsewhere = Restarts(2, "coverage", f"sqlite:///{tmp_path}/shared.db")
    assert choose(elsewhere) == 0 and choose.workers == 3
    for run in runs:
        (run.folder.path / "metrics.csv").unlink()
    assert choose(elsewhere) == 0 and choose.workers == 0
    shutil.rmtree(runs[1].folder.path)
    with pytest.raises(UserError, match="the best is seed 0's; the machine that has its run"):
        choose(elsewhere)
    assert not (runs[0].folder.path.parent / "study.journal").exists()


def test_only_the_best_goes_on_and_is_exported(runs, monkeypatch, caplog):
    runs = [dataclasses.replace(runs[0], model=pathlib.Path("models/mine")), *runs[1:]]
    caplog.set_level("INFO", "aae_tf")
    started = []
    monkeypatch.setattr(seeds, "choose", lambda *arguments: (runs[2], 0))

    def start(self, *arguments):
        started.append(arguments)
        return types.SimpleNamespace(pid=1)

    monkeypatch.setattr(Processes, "start", start)
    monkeypatch.setattr(Processes, "wait", lambda self, seconds: [])
    assert seeds.train(runs, RESTARTS) == 0
    (((_, (_, *flags)),)) = started
    assert {
        "--seed=7",
        f"--run_dir={runs[2].folder.path}",
        "--export_dir=models",
        "--model_name=mine",
    } <= set(flags)
    assert "the best of the restarts is seed 7's; only it continues" in caplog.messages


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--best_after=1"], "--best_after=1: expected two --seeds or more"),
        (["--best_after=1", "--seeds=3"], "--best_after=1: expected two --seeds or more"),
        (["--best_after=0", "--seeds=0,1"], "--best_after=0: expected from 1 to below --epochs=20"),
        (["--best_after=20", "--seeds=0,1"], "--best_after=20: expected from 1 to below"),
        (["--best_after=1", "--seeds=0,1"], "--score=: expected a metric on validation images"),
        (["--best_after=1", "--seeds=0,1", "--score=luck"], "--score=luck: expected a metric on"),
        (["--best_after=1", "--seeds=0,1", "--score=fid"], "--score=fid: expected a metric on"),
        (
            ["--best_after=1", "--seeds=0,1", "--score=log_likelihood", "--likelihood_samples=9"],
            "--score=log_likelihood: expected a metric on",
        ),
        (["--seeds=0,1", "--score=coverage"], "--score=coverage: expected --best_after with it"),
        (["--seeds=0,1", "--storage=s.db"], "--storage=s.db: expected --best_after with it"),
        (["--best_after=1", "--mode=report"], "--best_after=1: expected two --seeds or more"),
        (["--seeds=0,1", "--workers=0"], "--workers=0"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(empty_folder, capsys, flags, expected):
    assert main(["x", "--experiment=gaussian", *flags]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and expected in said.err
    assert not list(empty_folder.iterdir())


def test_a_stopped_choice_names_the_command_that_goes_on_with_it(empty_folder, capsys, monkeypatch):
    monkeypatch.setattr("aae_tf.sweep.seeds.train", lambda *arguments: 143)
    choice = ["--seeds=0,1", "--best_after=1", "--score=coverage", "--run_dir=runs"]
    assert main(["x", "--experiment=gaussian", *choice]) == 143
    said = capsys.readouterr().out
    assert "stopped; resume with:" in said and all(flag in said for flag in choice)


def test_restarts_have_trials_of_their_seeds_and_no_pruner(choose, runs):
    _each(runs, 0.2, 0.5, 0.3)
    choose()
    import optuna

    storage = optuna.storages.journal.JournalFileBackend(
        str(runs[0].folder.path.parent / study.plan.JOURNAL)
    )
    (only,) = optuna.get_all_study_summaries(optuna.storages.JournalStorage(storage))
    loaded = optuna.load_study(
        study_name=only.study_name, storage=optuna.storages.JournalStorage(storage)
    )
    assert [trial.params for trial in loaded.trials] == [{"seed": 4}, {"seed": 0}, {"seed": 7}]
    assert loaded.best_trial.params == {"seed": 0} and loaded.best_value == 1.0
