"""A worker: what it tells the study of a trial, and what is decided, against plain halving."""

import contextlib
import json
import math

import numpy as np
import pytest
import searches

from aae_tf.results.run_folder import RunFolder
from aae_tf.sweep import study
from aae_tf.sweep.worker import Progress


@pytest.fixture
def search(tmp_path):
    made = searches.make(tmp_path / "search")
    searches.begin(made)
    return made


def _reference(curves, halving, sign):
    """Epochs that each trial reaches: the best 1/factor so far continue, at least the best."""
    reached, seen = [], {rung: [] for rung in halving.rungs}
    for curve in curves:
        for rung in halving.rungs:
            seen[rung].append(sign * curve[rung])
            promoted = max(1, len(seen[rung]) // halving.factor)
            if rung == halving.epochs or sign * curve[rung] > sorted(seen[rung])[promoted - 1]:
                break
        reached.append(rung)
    return reached


@pytest.mark.parametrize("score, sign", [("reconstruction_error", 1), ("coverage", -1)])
@pytest.mark.parametrize("rungs, epochs", [("2,3", 18), ("2,2", 9), ("off", 5)])
def test_trials_go_on_that_are_among_the_best_so_far(tmp_path, rungs, epochs, score, sign):
    search = searches.make(tmp_path / "search", 20, rungs, epochs, score)
    searches.begin(search)
    random, rungs = np.random.default_rng(3), search.halving.rungs
    curves = [dict(zip(rungs, random.normal(size=9), strict=False)) for _ in range(20)]
    reached = [searches.tell(search, curve) for curve in curves]
    assert reached == _reference(curves, search.halving, sign)
    assert set(reached) == set(rungs)
    states = ["COMPLETE" if epoch == epochs else "PRUNED" for epoch in reached]
    assert searches.states(search) == states


def test_a_trial_that_diverged_counts_for_nothing(search):
    assert searches.tell(search, {1: math.nan}) == 1
    assert searches.tell(search, {1: 5.0, 2: 4.0, 4: 3.0}) == 4
    assert searches.states(search) == ["FAIL", "COMPLETE", "WAITING"]
    diverged = study.trials_of(search, study.open_study(search))[0]
    assert diverged.user_attrs["diverged"] == "reconstruction_error is nan after epoch 1"


def test_the_folder_of_a_trial_has_its_scores_and_why_there_are_no_more(search):
    searches.tell(search, {1: 0.5, 2: 0.25, 4: math.inf})
    content = json.loads((search.folder / "trials" / "0000" / "scores.json").read_text())
    reason = "reconstruction_error is inf after epoch 4"
    assert content == {"1": 0.5, "2": 0.25, "diverged": reason}


@contextlib.contextmanager
def _taken(search):
    """What a worker knows that has just taken a trial."""
    opened = study.open_study(search)
    with contextlib.ExitStack() as lock:
        trial = study.take(search, opened, lock)
        folder = RunFolder(search.folder / trial.user_attrs["folder"])
        yield Progress(search, trial, "trial", folder)


def test_a_worker_goes_on_from_the_scores_that_the_study_has(search):
    with _taken(search) as killed:
        assert killed.report(1, 0.5)
    with _taken(search) as again:
        assert again.catch_up() and again.rungs == [2, 4]
        assert again.report(2, 0.4) and not again.report(4, 0.3)
    assert searches.states(search)[0] == "COMPLETE"


@pytest.mark.parametrize("scores, state", [({1: 9.0}, "PRUNED"), ({1: 0.1}, "RUNNING")])
def test_a_trial_whose_worker_was_killed_before_it_could_decide_is_decided(search, scores, state):
    searches.tell(search, {1: 0.5, 2: 0.4, 4: 0.3})
    with _taken(search) as killed:
        for epoch, score in scores.items():
            killed._trial.report(score, epoch)
    with _taken(search) as again:
        assert again.catch_up() == (state == "RUNNING")
    assert searches.states(search)[1] == state


def test_a_trial_whose_worker_was_killed_at_its_end_is_complete(search):
    with _taken(search) as killed:
        for epoch in (1, 2, 4):
            killed._trial.report(0.5, epoch)
    with _taken(search) as again:
        assert not again.catch_up()
    assert searches.states(search)[0] == "COMPLETE"


def test_scores_that_only_metrics_csv_has_are_told_first(search):
    folder = search.folder / "trials" / "0000"
    folder.mkdir(parents=True)
    rows = "step,epoch,validation/reconstruction_error\n10,1,0.5\n20,2,0.25\n"
    (folder / "metrics.csv").write_text(rows)
    with _taken(search) as progress:
        assert progress.catch_up() and progress.rungs == [4]
    known = study.trials_of(search, study.open_study(search))[0]
    assert known.intermediate_values == {1: 0.5, 2: 0.25}
