"""What a run's provenance says of the sessions that trained it."""

import json

import numpy as np
import pytest
import tiny

from aae_tf.results.provenance import earlier_sessions, short_commit
from aae_tf.runs import train
from aae_tf.runs.training_run import TrainingRun

FIRST = {"commit": "a", "date": "2026-11-24", "step": 10}
SECOND = {"commit": "b", "date": "2026-11-25", "step": 25}


def test_a_new_run_goes_on_from_nothing():
    assert earlier_sessions({}, 0) == []


def test_sessions_are_told_in_their_order_without_the_rest_of_the_record():
    assert earlier_sessions({**SECOND, "python": "3.11", "earlier": [FIRST]}, 25) == [FIRST, SECOND]


def test_a_session_stopped_before_its_first_step_trained_nothing():
    assert earlier_sessions({**FIRST, "step": 0}, 0) == []


def test_sessions_of_which_the_checkpoints_are_gone_are_not_gone_on_from():
    before = {**SECOND, "earlier": [FIRST]}
    assert earlier_sessions(before, 10) == [FIRST]
    assert earlier_sessions(before, 0) == []


def test_a_commit_is_named_by_its_first_letters_and_by_whether_it_was_changed():
    assert short_commit("0123456789abcdef") == "0123456789"
    assert short_commit("0123456789abcdef-dirty") == "0123456789-dirty"
    assert short_commit("unknown") == "unknown"


@pytest.mark.slow
def test_a_runs_commit_is_that_of_its_start_though_the_checkout_moves_on(tmp_path, monkeypatch):
    checkout, unpatched = {"commit": "a" * 40}, TrainingRun.train

    def moved(run, recorder):
        checkout["commit"] = "b" * 40
        return unpatched(run, recorder)

    monkeypatch.setattr(train, "commit_of_checkout", lambda: checkout["commit"])
    monkeypatch.setattr(TrainingRun, "train", moved)
    np.savez(tmp_path / "bars.npz", images=tiny.images(60))
    settings = tiny.settings(dataset=str(tmp_path / "bars.npz"), epochs=1)
    train.train(settings, tmp_path / "run", None)
    told = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert checkout["commit"] == "b" * 40
    assert told["commit"] == "a" * 40
