"""What a search is: its draws, rungs and score, and what is refused before anything is written."""

import dataclasses
import json
import pathlib
import re

import pytest
import searches
import tiny

from aae_tf import seeds
from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.evaluation import Evaluator
from aae_tf.experiments import settings_of
from aae_tf.results import metrics
from aae_tf.settings import flatten
from aae_tf.sweep import plan


@pytest.fixture
def search(tmp_path):
    return searches.make(tmp_path / "search")


def _keep(search):
    search.folder.mkdir()
    (search.folder / "search.json").write_text(json.dumps(search.described()))


def test_trials_have_the_settings_that_were_drawn_and_the_rest_as_given(search):
    for number, draw in enumerate(search.draws):
        assert draw.name == f"trial {number}" and draw.folder == f"trials/{number:04}"
        assert set(draw.flags) == {"reconstruction_learning_rate", "latent_dim", "encoder_units"}
        assert flatten(search.settings_of(draw)) == {**flatten(search.settings), **draw.flags}


def test_a_worker_reads_all_of_the_sweep_but_its_space(search):
    assert plan.Sweep.from_json(search.to_json()) == dataclasses.replace(search, space={})


def test_a_draw_is_a_function_of_the_seed_and_the_trials_number(search, tmp_path):
    more = searches.make(tmp_path / "search", trials=6)
    assert more.draws[:3] == search.draws
    other = searches.make(tmp_path / "search", seed=1)
    assert other.draws[0].flags != search.draws[0].flags


def test_no_two_trials_are_alike_and_a_small_space_has_an_end(tmp_path):
    text = "latent_dim = int(2, 4)\nencoder_units = {16 | 8}\n"
    draws = searches.make(tmp_path / "s", 6, text=text).draws
    assert len({tuple(draw.flags.values()) for draw in draws}) == 6
    with pytest.raises(SettingsError, match="--trials=7: expected at most 6"):
        searches.make(tmp_path / "s", 7, text=text)


def test_draws_that_do_not_go_together_are_refused_with_the_trial(tmp_path):
    text = "prior = {gaussian | mixture}\nlatent_dim = {3 | 4 | 5}"
    with pytest.raises(UserError, match=r"--space: trial \d+ draws prior=mixture, latent_dim=.*2"):
        searches.make(tmp_path / "s", 6, text=text)


def test_the_study_lies_in_the_folder_unless_it_has_another_storage(search, tmp_path):
    assert search.storage == str(search.folder / "study.journal")
    assert searches.make(tmp_path / "s", storage="sqlite:///s.db").storage == "sqlite:///s.db"
    assert search.study == "gaussian/search"


def test_the_same_search_and_more_trials_of_it_may_go_on(search, tmp_path):
    _keep(search)
    searches.make(tmp_path / "search")
    searches.make(tmp_path / "search", trials=30)
    searches.make(tmp_path / "search", steps_per_call=7, data_dir="/another/disk")


@pytest.mark.parametrize(
    "changes, expected",
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
def test_another_search_is_refused_with_what_differs(search, tmp_path, changes, expected):
    _keep(search)
    with pytest.raises(RunFolderError, match=re.escape(expected)):
        searches.make(tmp_path / "search", **changes)


def test_the_number_of_samples_counts_where_they_are_the_score(search, tmp_path):
    _keep(search)
    searches.make(tmp_path / "search", likelihood_samples="50")
    asked = {"score": "log_likelihood", "likelihood_samples": "50"}
    _keep(searches.make(tmp_path / "by_samples", **asked))
    searches.make(tmp_path / "by_samples", **asked)
    with pytest.raises(RunFolderError, match="--likelihood_samples: 50, now 60"):
        searches.make(tmp_path / "by_samples", **{**asked, "likelihood_samples": "60"})


@pytest.mark.parametrize("content", ["", "[1]", "7"])
def test_a_damaged_folder_is_refused(search, content):
    _keep(search)
    (search.folder / "search.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"search\.json can't be used"):
        searches.make(search.folder)


def test_a_folder_of_something_else_is_refused(search):
    search.folder.mkdir()
    (search.folder / "thesis.txt").write_text("three years of work")
    with pytest.raises(RunFolderError, match="not empty and holds no search"):
        searches.make(search.folder)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"score": "fid"}, "--score=fid: expected --sample_quality and --inception_weights with"),
        ({"score": "kid", "sample_quality": True}, "kid: expected --inception_weights with it"),
        ({"score": "precision"}, "--score=precision: expected --sample_quality with it"),
        (
            {"score": "recall_of_sampler", "sample_quality": True},
            "--score=recall_of_sampler: expected --sampler with it",
        ),
    ],
)
def test_a_score_of_samples_needs_its_evaluators(tmp_path, changes, expected):
    with pytest.raises(SettingsError, match=re.escape(expected)):
        searches.make(tmp_path / "s", **changes)
    evaluators = {"sample_quality": True, "inception_weights": "imagenet", "sampler": "kde"}
    searches.make(tmp_path / "s", **{**changes, **evaluators})


def test_the_sampler_counts_where_its_samples_are_the_score(search, tmp_path):
    _keep(search)
    searches.make(tmp_path / "search", sampler="kde")
    asked = {"score": "precision_of_sampler", "sample_quality": True, "sampler": "kde"}
    _keep(searches.make(tmp_path / "by_sampler", **asked))
    searches.make(tmp_path / "by_sampler", **asked)
    with pytest.raises(RunFolderError, match="--sampler: kde, now gmm"):
        searches.make(tmp_path / "by_sampler", **{**asked, "sampler": "gmm"})


@pytest.mark.parametrize("changes, flag", [({"trials": 0}, "trials"), ({"score": "x"}, "score")])
def test_wrong_numbers_and_names_are_refused(tmp_path, changes, flag):
    with pytest.raises(SettingsError, match=f"--{flag}="):
        searches.make(tmp_path / "s", **changes)


@pytest.mark.parametrize(
    "text, epochs, rungs",
    [
        (None, 18, [2, 6, 18]),
        (None, 20, [2, 6, 18, 20]),
        (None, 1, [1]),
        (None, 3, [1, 3]),
        ("2,2", 9, [2, 4, 8, 9]),
        ("1,10", 10, [1, 10]),
        ("off", 9, [9]),
    ],
)
def test_rungs_grow_by_the_factor_up_to_all_epochs(text, epochs, rungs):
    assert plan.parse_halving(text, epochs).rungs == rungs


@pytest.mark.parametrize("text", ["", "2", "2,3,4", "a,3", "0,3", "9,3", "2,1", "-1,3", "2,1.5"])
def test_other_rungs_are_refused(text):
    with pytest.raises(SettingsError, match=rf"--halving={text}: expected .*or off"):
        plan.parse_halving(text, 9)


EXPERIMENTS = (
    "gaussian",
    "label_mixture",
    "semi_supervised",
    "clustering",
    "vae_gaussian",
    "wae_mmd",
)


# Metrics for Gaussian priors alone, for as many clusters as classes, and for codes of some sizes.
PLANE, SPACE = {"total_variation"}, {"coverage", "empty_region"}
NOT_COMPUTED = {
    "gaussian": PLANE,
    "label_mixture": {"mean_error", "covariance_error"} | PLANE,
    "semi_supervised": SPACE,
    "clustering": {"error_assigned_percent"} | SPACE,
    "vae_gaussian": PLANE,
    "wae_mmd": SPACE,
}


@pytest.mark.parametrize(
    "experiment",
    [
        pytest.param(name, marks=[] if name == "gaussian" else pytest.mark.slow)
        for name in EXPERIMENTS
    ],
)
def test_what_a_method_is_scored_by_is_computed_or_refused(experiment):
    own = {"semi_supervised": {"num_labels": "9"}, "label_mixture": {"prior_components": 3}}
    chosen = tiny.settings(experiment, **own.get(experiment, {}))
    method, data = tiny.method_for(chosen), tiny.data()
    found = Evaluator(method, seeds.root(0), data).evaluate(data.validation)
    lacking = set(metrics.scores(method.metrics)) - set(found)
    assert lacking == NOT_COMPUTED[experiment]
    for name in lacking:
        with pytest.raises(SettingsError, match=rf"--score={name}: expected .* one of reconstr"):
            plan.check_computed(name, found)
    plan.check_computed("sliced_wasserstein", found)


def test_the_documentation_says_what_scores_need():
    page = pathlib.Path(__file__).parents[2] / "docs" / "sweeps.md"
    score = page.read_text().partition("## Score")[2].partition("## What it leaves")[0]
    conditional = {"fid", "kid", "precision_pixels", "recall_pixels"}.union(*NOT_COMPUTED.values())
    needed = {"--sample_quality", "--inception_weights", "--likelihood_samples"}
    for name in needed | conditional:
        assert f"`{name}`" in score, name


def test_larger_is_better_of_what_counts_successes():
    for name in ("coverage", "nmi", "elbo", "recall", "component_share", "log_likelihood"):
        assert plan.is_better_larger(name)
    for name in ("error_percent", "fid", "reconstruction_error", "sliced_wasserstein"):
        assert not plan.is_better_larger(name)


def test_the_log_likelihood_wants_a_number_of_samples():
    asked = flatten(settings_of("likelihood"))
    plan._check_flags("log_likelihood", asked)
    expected = r"--score=log_likelihood: expected --likelihood_samples with it"
    with pytest.raises(SettingsError, match=expected):
        plan._check_flags("log_likelihood", {**asked, "likelihood_samples": "0"})
    plan._check_flags("coverage", {**asked, "likelihood_samples": "0"})


@pytest.mark.parametrize("name", ["test/error_percent", "mmd", "accuracy", "coverage_of_prior"])
def test_other_names_are_refused(name):
    with pytest.raises(SettingsError, match=rf"--score={name}: expected a metric on validation"):
        plan.check_score(name)


def test_a_metric_of_another_method_is_refused_with_its_own():
    plan.check_score("elbo")
    with pytest.raises(SettingsError, match=r"one of reconstruction_error, .*coverage") as caught:
        plan.check_score("elbo", ("reconstruction", "prior_match"))
    assert "nmi" not in str(caught.value)
