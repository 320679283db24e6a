"""Finished runs as folders and as records: the same runs, and nothing of the machine's folders."""

import json
import shutil

import pytest
import results

from aae_tf.errors import RunFolderError
from aae_tf.results.record import read_restarts, record, runs_below
from aae_tf.results.report import collate

BEGUN = {"epochs": 2, "score": "nmi", "scores": {"0": 0.5, "3": None, "7": 0.4}, "best": 0}


def test_the_flags_choose_among_the_same_seeds():
    restarts = read_restarts(BEGUN, 0)
    assert restarts.flags == ["--seeds=0,3,7", "--best_after=2", "--score=nmi"]
    assert restarts.settings == {"best_of": 3, "best_after": 2, "score": "nmi"}


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 1e999},
        {"epochs": 1.5},
        {"epochs": 0},
        {"epochs": True},
        {"epochs": None},
        {"score": None},
        {"scores": {}},
        {"scores": {"0": 0.5}},
        {"scores": {"1": 0.5, "2": 0.4}},
        {"scores": {"0": 0.5, "one": 0.4}},
        {"scores": [0, 1]},
    ],
)
def test_another_begun_json_is_refused(changes):
    with pytest.raises(ValueError, match=rf"begun.json: {next(iter(changes))} "):
        read_restarts({**BEGUN, **changes}, 0)


@pytest.mark.parametrize(
    "name, changes",
    [
        ("provenance", []),
        ("provenance", {"commit": None}),
        ("provenance", {"earlier": [{"commit": 3}]}),
        ("settings", []),
        ("result", {"paper": None}),
        ("result", {"paper": {"test/fid": 3}}),
        ("result", {"metrics": []}),
        ("result", {"metrics": {"test/fid": "3"}}),
        ("result", {"seed": "0"}),
        ("result", {"wall_seconds": None}),
        ("result", {"evaluation": {"inception_weights": 3}}),
    ],
)
def test_files_of_another_form_are_named(tmp_path, name, changes):
    file = results.write(tmp_path / "run", metrics={"mmd": 1.0}) / f"{name}.json"
    content = {**json.loads(file.read_text()), **changes} if changes else changes
    file.write_text(json.dumps(content))
    with pytest.raises(RunFolderError, match=rf"run/({name}|result)\.json can't be used") as caught:
        runs_below(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_a_run_with_another_begun_json_is_named(tmp_path, content):
    file = results.write(tmp_path / "run", metrics={"mmd": 1.0}) / "begun.json"
    begun = {"epochs": 2, "score": "mmd", "scores": {"0": 0.5, "1": None}, "best": 0}
    file.write_text(json.dumps(begun))
    assert runs_below(tmp_path)[0].restarts.seeds == (0, 1)
    file.write_text(content)
    with pytest.raises(RunFolderError, match=r"run/(begun|result)\.json can't be used") as caught:
        runs_below(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"experiment": "no", "recipe": "paper", "epochs": 1}']
)
def test_an_unreadable_result_is_named(tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"run/result\.json can't be used") as caught:
        runs_below(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def folder(tmp_path):
    """Runs of three groups: seeds with labels, the best of restarts, and one run again."""
    top = tmp_path / "runs"
    for seed, error in enumerate((3.74, 3.51)):
        name, metrics = top / "row" / f"seed_{seed}", {"error_percent": error, "mmd": 1e-3}
        results.write(name, "semi_supervised", seed=seed, metrics=metrics, num_labels="1000")
    results.write(top / "again", "semi_supervised", seed=1, metrics={"mmd": 0.0}, num_labels="1000")
    run = results.write(top / "best", "clustering", "paper", seed=2, metrics={"nmi": 0.7})
    begun = {"epochs": 1, "score": "nmi", "scores": {"1": 0.1, "2": 0.5}, "best": 2}
    (run / "begun.json").write_text(json.dumps(begun))
    return top


def _records(target):
    return [json.loads(line) for line in (target / "runs.jsonl").read_text().splitlines()]


def test_a_report_of_records_is_that_of_the_folders(folder, tmp_path):
    assert record(folder, tmp_path / "records") == tmp_path / "records" / "runs.jsonl"
    shutil.move(folder / "row" / "seed_0", folder / "row_seed_0")
    shutil.move(folder / "row" / "seed_1", folder / "row_seed_1")
    for form in ("json", "markdown", "text"):
        assert collate(tmp_path / "records", form) == collate(folder, form)
    assert collate(tmp_path / "records" / "runs.jsonl") == collate(folder)


def test_folders_and_records_are_reported_together(folder, tmp_path):
    record(folder / "row", tmp_path / "runs" / "records")
    shutil.rmtree(folder / "row")
    assert [run.folder.name for run in runs_below(folder)] == [
        "again",
        "best",
        "row_seed_0",
        "row_seed_1",
    ]


def test_a_folder_counts_for_more_than_the_record_beside_it(folder):
    record(folder / "best", folder)
    file = folder / "best" / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "wall_seconds": 7.0}))
    (run,) = [run for run in runs_below(folder) if run.folder.name == "best"]
    assert run.result["wall_seconds"] == 7.0


def test_runs_recorded_above_their_folders_are_the_same_runs(folder):
    before = collate(folder, "json")
    record(folder, folder)
    assert collate(folder, "json") == before
    shutil.rmtree(folder / "row")
    assert collate(folder, "json") == before
    assert record(folder, folder).read_text().count("\n") == 4


def test_a_record_has_the_settings_that_differ_from_their_defaults(folder, tmp_path):
    record(folder / "row", tmp_path)
    settings = _records(tmp_path)[0]["settings"]
    assert settings["num_labels"] == "1000" and "batch_size" not in settings
    file = folder / "row" / "seed_0" / "settings.json"
    flat = {k: v for k, v in json.loads(file.read_text()).items() if k in settings}
    assert flat == settings


def test_a_later_run_is_added_and_one_of_the_same_name_replaced(folder, tmp_path):
    record(folder / "row", tmp_path / "records")
    before = _records(tmp_path / "records")
    results.write(tmp_path / "new" / "row" / "seed_1", seed=1, metrics={"mmd": 7.0})
    results.write(tmp_path / "new" / "other", metrics={"mmd": 8.0})
    record(tmp_path / "new", tmp_path / "records")
    after = _records(tmp_path / "records")
    assert [line["run"] for line in after] == ["row_seed_0", "row_seed_1", "other"]
    assert after[0] == before[0] and after[1]["metrics"] == {"test/mmd": 7.0}


def test_what_was_recorded_can_be_recorded_again(folder, tmp_path):
    first = record(folder, tmp_path / "first")
    again = record(tmp_path / "first", tmp_path / "again")
    assert sorted(again.read_text().splitlines()) == sorted(first.read_text().splitlines())


def test_that_the_program_was_changed_and_the_run_went_on_from_another_is_recorded(tmp_path):
    run = results.write(tmp_path / "runs" / "one", "gaussian", metrics={"coverage": 0.8})
    before = {"commit": "fedcba9876543210", "date": "2026-11-22T10:00:00", "step": 7}
    provenance = json.loads((run / "provenance.json").read_text())
    provenance |= {"commit": "0123456789abcdef-dirty", "earlier": [before], "step": 9}
    (run / "provenance.json").write_text(json.dumps(provenance))
    (run / "data.json").write_text(json.dumps({"sha256_of_train": "11"}))
    record(tmp_path / "runs", tmp_path)
    assert _records(tmp_path)[0]["provenance"] == {
        "commit": "0123456789abcdef-dirty",
        "date": "2026-11-23",
        "machine": "a processor",
        "cores": 2,
        "python": "3.11",
        "packages": {},
        "step": 9,
        "sha256_of_train": "11",
        "state_sha256": "00",
        "earlier": [{**before, "date": "2026-11-22"}],
    }
    assert "commits fedcba9876, 0123456789-dirty" in collate(tmp_path / "runs.jsonl")


def test_folders_of_the_machine_are_not_recorded(tmp_path):
    run = results.write(
        tmp_path / "runs" / "far",
        metrics={"quality_samples": 10_000.0},
        data_dir="/a/place",
        cache_dir="/another",
    )
    result = json.loads((run / "result.json").read_text())
    evaluation = {"evaluation": {"inception_weights": "/a/place/w.h5"}}
    (run / "result.json").write_text(json.dumps({**result, **evaluation}))
    record(tmp_path / "runs", tmp_path)
    text = (tmp_path / "runs.jsonl").read_text()
    assert "place" not in text and "another" not in text and "cache_dir" not in text
    assert _records(tmp_path)[0]["evaluation"] == {"inception_weights": "w.h5"}


@pytest.mark.parametrize("change", [{"machine": None}, {"date": 3}, {"machine": "m", "cores": 0}])
def test_nothing_is_written_where_a_provenance_can_not_be_used(tmp_path, change):
    results.write(tmp_path / "runs" / "a", metrics={"coverage": 0.8})
    file = results.write(tmp_path / "runs" / "b", metrics={"coverage": 0.8}) / "provenance.json"
    provenance = {**json.loads(file.read_text()), **change}
    provenance.pop("cores", None)
    file.write_text(json.dumps(provenance))
    with pytest.raises(RunFolderError, match=r"b/provenance\.json can't be used") as caught:
        record(tmp_path / "runs", tmp_path / "records")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize("line", ["", "{", "[]", '{"run": "b"}', '{"run": 3}'])
def test_a_line_that_can_not_be_used_is_named_and_stays(folder, tmp_path, line):
    file = record(folder, tmp_path / "records")
    text = f"{line}\n{file.read_text()}"
    file.write_text(text)
    with pytest.raises(RunFolderError, match=r"runs\.jsonl, line 1, can't be used") as caught:
        record(folder, tmp_path / "records")
    assert "\n" not in str(caught.value)
    assert file.read_text() == text


def test_runs_of_one_name_do_not_replace_each_other(tmp_path):
    for name in ("a", "b"):
        results.write(tmp_path / "runs" / name / "same", metrics={"coverage": 0.8})
    with pytest.raises(RunFolderError, match=r"a/same and .*b/same would both be recorded as same"):
        record(tmp_path / "runs", tmp_path / "records")
    assert not (tmp_path / "records").exists()


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match=r"holds no result\.json, in no folder below either"):
        record(tmp_path, tmp_path / "records")
