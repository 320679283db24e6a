"""What a search leaves of trials that have all ended: a table, flags of the best, TensorBoard."""

import contextlib
import json
import math

import flagfile
import pytest
import searches
import werkzeug.test
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import hparams_plugin

from aae_tf.settings import flatten
from aae_tf.sweep import plan, results, study

# In the order of the numbers: on to the end; worse; on to the end; no number; better, then worse.
CURVES = (
    {1: 5.0, 2: 4.0, 4: 3.0},
    {1: 6.0},
    {1: 3.0, 2: 2.0, 4: 1.0},
    {1: 0.5, 2: math.nan},
    {1: 2.0, 2: 2.5},
)


@pytest.fixture
def search(tmp_path):
    sweep = searches.make(tmp_path / "search", len(CURVES), "1,2", data_dir="/a/disk")
    searches.begin(sweep)
    for curve in CURVES:
        searches.tell(sweep, curve)
    return sweep


@pytest.fixture
def said(search, caplog):
    """What a search logs that has nothing left to train."""
    caplog.set_level("INFO", "aae_tf")
    caplog.clear()
    assert study.search(search, 1) == 0
    return list(caplog.messages)


def _read(search):
    return json.loads((search.folder / "results.json").read_text())


def test_trials_stand_by_how_far_they_came_then_by_score(search, said):
    found = _read(search)
    assert [(row["trial"], row["state"], row["epochs"]) for row in found["trials"]] == [
        (2, "completed", 4),
        (0, "completed", 4),
        (4, "pruned", 2),
        (1, "pruned", 1),
        (3, "diverged", 1),
    ]
    assert found["best"] == 2 and found["rungs"] == [1, 2, 4]
    assert all(row["drawn"] == search.draws[row["trial"]].flags for row in found["trials"])
    assert said == [
        f"trial {number} is {state} already"
        for number, state in enumerate(("completed", "pruned", "completed", "diverged", "pruned"))
    ]


def test_the_table_has_a_row_for_each_trial(search, said):
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
    searches.begin(search)
    for score in (0.2, 0.7):
        searches.tell(search, {4: score})
    assert study.search(search, 1) == 0
    assert _read(search)["best"] == 1


def test_the_best_ones_flags_give_its_settings(search, said):
    given = flagfile.read(search.folder / results.BEST)
    best = search.settings_of(search.draws[2])
    expected = {k: v for k, v in flatten(best).items() if k not in ("data_dir", "cache_dir")}
    assert given == expected


def test_checkpoints_stay_of_complete_trials_alone(search, said):
    kept = {path.parent.name for path in search.folder.glob("trials/*/checkpoints")}
    assert kept == {"0000", "0002"}


def test_without_a_complete_trial_there_is_no_best(tmp_path):
    search = searches.make(tmp_path / "search", 1)
    searches.begin(search)
    searches.tell(search, {1: math.nan})
    assert study.search(search, 1) == 0
    assert _read(search)["best"] is None
    assert not (search.folder / results.BEST).exists()


def test_trials_that_wait_or_were_left_stand_last(tmp_path):
    search = searches.make(tmp_path / "search", 3)
    opened = searches.begin(search)
    searches.tell(search, {1: 5.0, 2: 4.0, 4: 3.0})
    with contextlib.ExitStack() as lock:
        study.take(search, opened, lock)
    results.write(search, study.trials_of(search, opened))
    states = [(row["trial"], row["state"]) for row in _read(search)["trials"]]
    assert states == [(0, "completed"), (1, "unfinished"), (2, "waiting")]


def test_a_search_that_is_finished_writes_the_same_again(search, said):
    def files():
        paths = [path for path in search.folder.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in paths if path.name != plan.JOURNAL}

    before = files()
    study.search(search, 1)
    assert files() == before


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


def test_tensorboards_own_hparams_page_has_every_trial(search, said):
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
    for number, (draw, curve) in enumerate(zip(search.draws, CURVES, strict=True)):
        group = groups[f"trial_{number:04}"]
        scores = {epoch: score for epoch, score in curve.items() if math.isfinite(score)}
        assert group["hparams"] == pytest.approx(dict(draw.flags))
        (shown,) = group["metricValues"]
        assert shown["value"] == scores[max(scores)] and shown["trainingStep"] == max(scores)
        (session,) = group["sessions"]
        diverged = len(scores) < len(curve)
        assert session["status"] == ("STATUS_FAILURE" if diverged else "STATUS_SUCCESS")
