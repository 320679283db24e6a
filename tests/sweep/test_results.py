"""What a search leaves of trials that are all made: it decides again, starts nothing, and tells."""

import json

import flagfile
import pytest
import searches
import werkzeug.test
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import hparams_plugin

from aae_tf.errors import UserError
from aae_tf.settings import flatten
from aae_tf.sweep import plan, results, study

# In the order of the numbers: on to the end; worse; on to the end; no number; better, then worse.
SCORES = (
    {"1": 5.0, "2": 4.0, "4": 3.0},
    {"1": 6.0},
    {"1": 3.0, "2": 2.0, "4": 1.0},
    {"1": 0.5, "diverged": "a loss became NaN"},
    {"1": 2.0, "2": 2.5},
)


@pytest.fixture
def search(tmp_path):
    made = searches.make(tmp_path / "search", len(SCORES), data_dir="/a/place")
    for number, scores in enumerate(SCORES):
        folder = searches.leave(made, number, scores)
        (folder / "checkpoints").mkdir()
    made.folder.joinpath("search.json").write_text(json.dumps(made.described()))
    return made


@pytest.fixture
def told(search):
    said = []
    assert study.run(search, said.append) == 0
    return said


def _read(search):
    return json.loads((search.folder / "results.json").read_text())


def test_trials_stand_by_how_far_they_came_then_by_score(search, told):
    found = _read(search)
    assert [(row["trial"], row["state"], row["epochs"]) for row in found["trials"]] == [
        (2, "completed", 4),
        (0, "completed", 4),
        (4, "pruned", 2),
        (1, "pruned", 1),
        (3, "diverged", 1),
    ]
    assert found["best"] == 2 and found["rungs"] == [1, 2, 4]
    drawn = [trial.drawn for trial in plan.drawn(search)]
    assert all(row["drawn"] == drawn[row["trial"]] for row in found["trials"])
    assert told == [
        f"trial {number} is {state} already"
        for number, state in enumerate(("completed", "pruned", "completed", "diverged", "pruned"))
    ]


def test_the_table_has_a_row_for_each_trial(search, told):
    caption, _, head, _, *rows = (search.folder / "results.md").read_text().splitlines()
    assert "reconstruction_error on validation images, smaller is better" in caption
    assert head.startswith("| trial | state | epoch 1 | epoch 2 | epoch 4 | reconstruction_learn")
    assert [row.split(" | ")[:5] for row in rows] == [
        ["| 2", "completed", "3", "2", "1"],
        ["| 0", "completed", "5", "4", "3"],
        ["| 4", "pruned", "2", "2.5", ""],
        ["| 1", "pruned", "6", "", ""],
        ["| 3", "diverged", "0.5", "", ""],
    ]


def test_where_larger_is_better_the_largest_is_first(tmp_path):
    search = searches.make(tmp_path / "search", 2, "off", score="coverage")
    search.folder.mkdir()
    (search.folder / "search.json").write_text(json.dumps(search.described()))
    for number, score in enumerate((0.2, 0.7)):
        searches.leave(search, number, {"4": score})
    assert study.run(search, lambda line: None) == 0
    assert _read(search)["best"] == 1


def test_the_best_ones_flags_give_its_settings(search, told):
    given = flagfile.read(search.folder / results.BEST)
    best = plan.drawn(search)[2].settings
    expected = {k: v for k, v in flatten(best).items() if k not in ("data_dir", "cache_dir")}
    assert given == expected


def test_checkpoints_stay_of_complete_trials_alone(search, told):
    kept = {path.parent.name for path in search.folder.glob("trials/*/checkpoints")}
    assert kept == {"0000", "0002"}


def test_without_a_complete_trial_there_is_no_best(tmp_path):
    search = searches.make(tmp_path / "search", 1)
    searches.leave(search, 0, {"diverged": "a loss became NaN"})
    (search.folder / "search.json").write_text(json.dumps(search.described()))
    assert study.run(search, lambda line: None) == 0
    assert _read(search)["best"] is None
    assert not (search.folder / results.BEST).exists()


def test_a_search_that_is_told_all_again_writes_the_same(search, told):
    files = {path: path.read_bytes() for path in search.folder.rglob("*") if path.is_file()}
    study.run(search, lambda line: None)
    assert {p: p.read_bytes() for p in search.folder.rglob("*") if p.is_file()} == files


@pytest.mark.parametrize("content", ["{", "[]", '{"1": "low"}', '{"1": NaN}', '{"one": 1.0}'])
def test_scores_that_can_not_be_read_are_named(search, content):
    file = search.folder / "trials" / "0001" / "scores.json"
    file.write_text(content)
    with pytest.raises(UserError, match=r"trials/0001/scores\.json can't be used"):
        study.run(search, lambda line: None)


def _page(search):
    """What TensorBoard's own HParams page answers to a request."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(search.folder / results.EVENTS))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, "tensorboard")
    plugin = hparams_plugin.HParamsPlugin(base_plugin.TBContext(data_provider=provider))
    routes = plugin.get_plugin_apps()

    def ask(route, **content):
        answer = werkzeug.test.Client(routes[route]).post("/", json=content)
        assert answer.status_code == 200, answer.get_data()
        return json.loads(answer.get_data())

    return ask


def test_tensorboards_own_hparams_page_has_every_trial(search, told):
    ask = _page(search)
    experiment = ask("/experiment", experimentName="")
    flags = {info["name"]: info for info in experiment["hparamInfos"]}
    assert set(flags) == set(search.space)
    assert flags["latent_dim"]["domainInterval"] == {"minValue": 2.0, "maxValue": 4.0}
    assert flags["encoder_units"]["domainDiscrete"] == ["16", "8,8"]
    (metric,) = experiment["metricInfos"]
    assert metric["name"]["tag"] == "validation/reconstruction_error"
    statuses = ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    columns = [{"hparam": name} for name in search.space]
    answer = ask(
        "/session_groups",
        experimentName="",
        allowedStatuses=statuses,
        colParams=columns,
        startIndex=0,
        sliceSize=10,
    )
    groups = {group["name"]: group for group in answer["sessionGroups"]}
    assert set(groups) == {f"trial_{number:04}" for number in range(5)}
    for trial in plan.drawn(search):
        group, scores = groups[f"trial_{trial.number:04}"], trial.scores()
        assert group["hparams"] == pytest.approx(dict(trial.drawn))
        (found,) = group["metricValues"]
        assert found["value"] == scores[max(scores)] and found["trainingStep"] == max(scores)
        (session,) = group["sessions"]
        assert session["status"] == ("STATUS_FAILURE" if trial.diverged else "STATUS_SUCCESS")
