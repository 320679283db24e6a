"""A search's draws and its folder, and what is refused before anything is written."""

import json
import re

import pytest
import searches

from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.settings import flatten
from aae_tf.sweep import plan


@pytest.fixture
def search(tmp_path):
    return searches.make(tmp_path / "search")


def _keep(search):
    search.folder.mkdir()
    (search.folder / "search.json").write_text(json.dumps(search.described()))


def test_trials_have_the_settings_that_were_drawn_and_the_rest_as_given(search):
    for number, trial in enumerate(plan.drawn(search)):
        assert trial.number == number and trial.folder.name == f"{number:04}"
        assert set(trial.drawn) == {"reconstruction_learning_rate", "latent_dim", "encoder_units"}
        assert flatten(trial.settings) == {**flatten(search.settings), **trial.drawn}


def test_more_trials_begin_with_the_same_ones(search, tmp_path):
    more = searches.make(tmp_path / "search", trials=6)
    few, many = ([trial.drawn for trial in plan.drawn(each)] for each in (search, more))
    assert many[:3] == few
    other = searches.make(tmp_path / "search", seed=1)
    assert plan.drawn(other)[0].drawn != few[0]


def test_no_two_trials_are_alike_and_a_small_space_has_an_end(tmp_path):
    text = "latent_dim = int(2, 4)\nencoder_units = {16 | 8}\n"
    drawn = [trial.drawn for trial in plan.drawn(searches.make(tmp_path / "s", 6, text=text))]
    assert len({tuple(each.values()) for each in drawn}) == 6
    with pytest.raises(SettingsError, match="--trials=7: expected at most 6"):
        plan.drawn(searches.make(tmp_path / "s", 7, text=text))


def test_draws_that_do_not_go_together_are_refused_with_the_trial(tmp_path):
    text = "prior = {gaussian | mixture}\nlatent_dim = {3 | 4 | 5}"
    with pytest.raises(UserError, match=r"--space: trial \d+ draws prior=mixture, latent_dim=.*2"):
        plan.drawn(searches.make(tmp_path / "s", 6, text=text))


def test_the_same_search_and_more_trials_of_it_may_go_on(search, tmp_path):
    plan.check(search)
    _keep(search)
    plan.check(search)
    plan.check(searches.make(tmp_path / "search", trials=30))
    plan.check(searches.make(tmp_path / "search", steps_per_call=7, data_dir="/a/place"))


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"score": "coverage"}, "--score: reconstruction_error, now coverage"),
        ({"rungs": "1,3"}, "--halving: 1,2,4, now 1,3,4"),
        ({"epochs": 8}, "--epochs: 4, now 8"),
        ({"seed": 2}, "--seed: 0, now 2"),
        ({"batch_size": 5}, "--batch_size: 10, now 5"),
        ({"sample_quality": True}, "--sample_quality: False, now True"),
        ({"inception_weights": "imagenet"}, "--inception_weights: , now imagenet"),
        ({"text": "latent_dim = int(2, 5)"}, "--space/latent_dim: int(2, 4), now int(2, 5)"),
    ],
)
def test_another_search_is_refused_with_what_differs(search, tmp_path, changes, told):
    _keep(search)
    with pytest.raises(RunFolderError, match=re.escape(told)):
        plan.check(searches.make(tmp_path / "search", **changes))


def test_the_number_of_samples_counts_where_they_are_the_score(search, tmp_path):
    _keep(search)
    plan.check(searches.make(tmp_path / "search", likelihood_samples="50"))
    asked = {"score": "log_likelihood", "likelihood_samples": "50"}
    _keep(searches.make(tmp_path / "by_samples", **asked))
    plan.check(searches.make(tmp_path / "by_samples", **asked))
    with pytest.raises(RunFolderError, match="--likelihood_samples: 50, now 60"):
        plan.check(searches.make(tmp_path / "by_samples", **{**asked, "likelihood_samples": "60"}))


@pytest.mark.parametrize("content", ["", "[1]", "7"])
def test_a_damaged_folder_is_refused(search, content):
    _keep(search)
    (search.folder / "search.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"search\.json can't be used"):
        plan.check(search)


def test_a_folder_of_something_else_is_refused(search):
    search.folder.mkdir()
    (search.folder / "thesis.txt").write_text("three years of work")
    with pytest.raises(RunFolderError, match="not empty and holds no search"):
        plan.check(search)


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"score": "fid"}, "--score=fid: expected --sample_quality and --inception_weights beside"),
        ({"score": "kid", "sample_quality": True}, "kid: expected --inception_weights beside it"),
        ({"score": "precision"}, "--score=precision: expected --sample_quality beside it"),
    ],
)
def test_a_score_of_samples_needs_its_judges(tmp_path, changes, told):
    with pytest.raises(SettingsError, match=re.escape(told)):
        plan.check(searches.make(tmp_path / "s", **changes))
    judges = {"sample_quality": True, "inception_weights": "imagenet"}
    plan.check(searches.make(tmp_path / "s", **{**changes, **judges}))


@pytest.mark.parametrize("changes, flag", [({"trials": 0}, "trials"), ({"score": "x"}, "score")])
def test_wrong_numbers_and_names_are_refused(tmp_path, changes, flag):
    with pytest.raises(SettingsError, match=f"--{flag}="):
        plan.check(searches.make(tmp_path / "s", **changes))
