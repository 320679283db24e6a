"""A search from its first trial on: what is left in its folder if that can't be made."""

import json

import numpy as np
import pytest
import searches
import tiny

from aae_tf.cli.main import main
from aae_tf.errors import DataError, SettingsError, UserError
from aae_tf.experiments import settings_of
from aae_tf.settings import override
from aae_tf.sweep import plan, space, study
from aae_tf.sweep.plan import Halving

FEW = {"trials": 1, "rungs": "off", "epochs": 1, "text": "latent_dim = int(2, 3)"}


def _begun(tmp_path):
    """A search whose first trial has begun, with no score yet."""
    search = searches.make(tmp_path / "search")
    trials = plan.drawn(search)
    trials[0].folder.mkdir(parents=True)
    (search.folder / "search.json").write_text(json.dumps(search.described()))
    return search, trials


def _error(status):
    error = UserError("trial 0: some reason")
    error.exit_status = status
    return error


def test_the_corrected_command_is_taken_after_a_wrong_score(tmp_path):
    file = tmp_path / "data.npz"
    np.savez(file, images=tiny.images(120), labels=np.arange(120) % 3)
    common = {**FEW, "dataset": str(file), "prior": "uniform"}
    wrong = searches.make(tmp_path / "search", score="mean_error", **common)
    said = []
    with pytest.raises(UserError, match=r"trial 0: --score=mean_error: expected") as caught:
        study.run(wrong, said.append)
    assert caught.value.exit_status == SettingsError.exit_status
    right = searches.make(tmp_path / "search", score="coverage", **common)
    assert study.run(right, said.append) == 0
    found = json.loads((right.folder / "results.json").read_text())
    assert found["score"] == "coverage" and found["best"] == 0


def test_a_setting_that_can_not_be_used_leaves_the_folder_free(tmp_path):
    search, trials = _begun(tmp_path)
    study._withdraw(search, trials, _error(SettingsError.exit_status))
    plan.check(searches.make(tmp_path / "search", score="coverage"))


def test_data_that_can_not_be_used_leave_the_folder_free_before_the_first_trial(tmp_path):
    search, trials = _begun(tmp_path)
    trials[0].folder.rmdir()
    trials[0].folder.parent.rmdir()
    study._withdraw(search, trials, _error(DataError.exit_status))
    plan.check(searches.make(tmp_path / "search", score="coverage"))


def test_what_was_trained_stays_after_another_error(tmp_path):
    search, trials = _begun(tmp_path)
    study._withdraw(search, trials, _error(1))
    assert trials[0].folder.exists() and (search.folder / "search.json").exists()


@pytest.mark.parametrize("kept", [{"1": 0.5}, {"diverged": "a loss became NaN"}])
def test_a_search_that_knows_of_a_trial_stays(tmp_path, kept):
    search, trials = _begun(tmp_path)
    (trials[0].folder / "scores.json").write_text(json.dumps(kept))
    study._withdraw(search, trials, _error(SettingsError.exit_status))
    assert trials[0].folder.exists() and (search.folder / "search.json").exists()


def test_the_best_ones_command_can_be_pasted(empty_folder, capsys):
    (empty_folder / "my.space").write_text("latent_dim = int(2, 3)")
    trial = empty_folder / "my runs" / "trials" / "0000"
    command = [
        "x",
        "--mode=search",
        "--experiment=gaussian",
        "--space=my.space",
        "--epochs=1",
        "--score=coverage",
        "--trials=1",
        "--halving=off",
        "--run_dir=my runs",
    ]
    # As a search leaves its folder whose trial came to its end.
    settings = override(settings_of("gaussian"), {"epochs": 1})
    drawn = space.read(empty_folder / "my.space", settings)
    search = plan.Search(settings, drawn, 1, "coverage", Halving(1, 1), trial.parents[1])
    trial.mkdir(parents=True)
    (search.folder / "search.json").write_text(json.dumps(search.described()))
    (trial / "scores.json").write_text('{"1": 0.5}')
    assert main(command) == 0
    assert capsys.readouterr().out.rstrip().endswith(" --flagfile='my runs/best.flags'")
