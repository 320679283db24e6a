"""The page of recorded runs: a row for each, and one for those that differ in the seed alone."""

import json

import numpy as np
import pytest
import results
from scipy import stats

from aae_tf.errors import RunFolderError
from aae_tf.results.record import record

ERRORS = (3.74, 3.51, 4.02)


@pytest.fixture
def page(tmp_path):
    for seed, error in enumerate(ERRORS):
        measured = {"error_percent": error, "coverage": 0.9, "empty_region": 0.1}
        name = tmp_path / "runs" / f"seed{seed}"
        results.write(name, "semi_supervised", seed=seed, metrics=measured)
    results.write(
        tmp_path / "runs" / "more_labels",
        "semi_supervised",
        num_labels="1000",
        metrics={"error_percent": 2.5},
    )
    results.write(tmp_path / "runs" / "alone", "gaussian", metrics={"coverage": 0.8})
    return record(tmp_path / "runs", tmp_path / "kept").read_text()


def _section(page, name):
    return next(part for part in page.split("\n## ") if part.startswith(name))


def test_seeds_have_rows_and_their_mean_another(page):
    rows = [line for line in _section(page, "semi_supervised").splitlines() if line[:1] == "|"]
    names = [row.split("|")[1].strip() for row in rows[2:]]
    assert names == [
        "[more_labels](more_labels)",
        *(f"[seed{n}](seed{n})" for n in range(3)),
        "**mean** (practical)",
    ]
    cells = dict(
        zip(
            *([part.strip() for part in row.split("|")] for row in (rows[0], rows[-1])), strict=True
        )
    )
    assert cells["error_percent"] == f"{np.mean(ERRORS):.2f} ± {stats.sem(ERRORS):.2f} (3)"
    assert cells["seed"] == "0, 1, 2"
    assert cells["paper"] == "error_percent 1.9 ± 0.1 (AAE, table 2)"
    assert "empty_region" not in cells


def test_a_run_without_another_seed_has_no_mean(page):
    assert "**mean**" not in _section(page, "gaussian")
    assert page.count("**mean**") == 1
    assert "mean ± standard error (number of runs)" in page


def test_a_page_of_single_runs_speaks_of_no_error(tmp_path):
    results.write(tmp_path / "runs" / "alone", "gaussian", metrics={"coverage": 0.8})
    assert "±" not in record(tmp_path / "runs", tmp_path / "kept").read_text()


def test_every_machine_that_an_experiments_runs_were_made_on_is_named_once(tmp_path):
    for name, machine in {
        "a": {"processor": "a processor", "cores": 2},
        "b": {"processor": "another", "cores": 1},
        "c": {"processor": "a processor", "cores": 2},
    }.items():
        run = tmp_path / "runs" / name
        results.write(run, "gaussian", metrics={"coverage": 0.8})
        provenance = json.loads((run / "provenance.json").read_text())
        (run / "provenance.json").write_text(json.dumps({**provenance, "machine": machine}))
    page = record(tmp_path / "runs", tmp_path / "kept").read_text()
    wanted = "Run on 2 cores of a processor, Python 3.11; 1 core of another, Python 3.11."
    assert wanted in page


def test_that_the_program_was_changed_and_went_on_from_another_is_kept(tmp_path):
    run = results.write(tmp_path / "runs" / "one", "gaussian", metrics={"coverage": 0.8})
    before = {"commit": "fedcba9876543210", "date": "2026-11-22T10:00:00", "step": 7}
    told = json.loads((run / "provenance.json").read_text())
    told |= {"commit": "0123456789abcdef-dirty", "earlier": [before]}
    (run / "provenance.json").write_text(json.dumps(told))
    page = record(tmp_path / "runs", tmp_path / "kept").read_text()
    assert "0123456789-dirty, 2026-11-23" in page
    kept = json.loads((tmp_path / "kept" / "one" / "provenance.json").read_text())
    assert kept["earlier"] == [{**before, "date": "2026-11-22"}]


def test_of_runs_that_differ_in_the_seed_alone_the_first_keeps_its_pictures(tmp_path):
    for name, changes in {
        "b": {"seed": 0},
        "a": {"seed": 1},
        "c": {"seed": 1, "latent_dim": 8},
    }.items():
        run = tmp_path / "runs" / name
        results.write(run, "gaussian", metrics={"coverage": 0.8}, **changes)
        (run / "figures").mkdir()
        (run / "figures" / "codes.png").write_bytes(b"a picture")
    record(tmp_path / "runs", tmp_path / "kept")
    kept = sorted(path.parent.name for path in tmp_path.glob("kept/*/codes.png"))
    assert kept == ["b", "c"]


def test_folders_of_the_machine_are_not_kept(tmp_path):
    run = results.write(
        tmp_path / "runs" / "far",
        "gaussian",
        metrics={"coverage": 0.8},
        data_dir="/a/place",
        cache_dir="/another",
    )
    (run / "run.flags").write_text("--seed=0\n--data_dir=/a/place\n--cache_dir=/another\n--xla\n")
    record(tmp_path / "runs", tmp_path / "kept")
    kept = tmp_path / "kept" / "far"
    assert (kept / "run.flags").read_text() == "--seed=0\n--xla\n"
    text = (kept / "settings.json").read_text()
    assert "place" not in text and '"data_dir": ""' in text
    assert json.loads(text).keys() == json.loads((run / "settings.json").read_text()).keys()


def _files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_was_kept_can_be_kept_again(tmp_path):
    run = results.write(tmp_path / "runs" / "one", "gaussian", metrics={"coverage": 0.8})
    results.write(tmp_path / "runs" / "two", "gaussian", seed=1, metrics={"coverage": 0.9})
    (run / "figures").mkdir()
    (run / "figures" / "codes.png").write_bytes(b"a picture")
    record(tmp_path / "runs", tmp_path / "kept")
    record(tmp_path / "kept", tmp_path / "again")
    assert _files(tmp_path / "again") == _files(tmp_path / "kept")


@pytest.mark.parametrize("place", ["runs", "kept"])
@pytest.mark.parametrize("change", [{"machine": None}, {"date": 3}, {"machine": "m", "cores": 0}])
def test_nothing_is_written_where_a_file_can_not_be_used(tmp_path, place, change):
    results.write(tmp_path / "runs" / "a", metrics={"coverage": 0.8})
    bad = results.write(tmp_path / place / "b", metrics={"coverage": 0.8}) / "provenance.json"
    told = {**json.loads(bad.read_text()), **change}
    told.pop("cores", None)
    bad.write_text(json.dumps(told))
    before = _files(tmp_path)
    with pytest.raises(
        RunFolderError, match=rf"{place}/b/provenance\.json can't be used"
    ) as caught:
        record(tmp_path / "runs", tmp_path / "kept")
    assert "\n" not in str(caught.value)
    assert _files(tmp_path) == before


def test_the_place_of_the_weights_that_judged_is_not_kept(tmp_path):
    run = results.write(tmp_path / "runs" / "far", metrics={"quality_samples": 10_000.0})
    result = json.loads((run / "result.json").read_text())
    judged = {"evaluation": {"inception_weights": "/a/place/w.h5"}}
    (run / "result.json").write_text(json.dumps({**result, **judged}))
    record(tmp_path / "runs", tmp_path / "kept")
    kept = json.loads((tmp_path / "kept" / "far" / "result.json").read_text())
    assert kept == {**result, "evaluation": {"inception_weights": "w.h5"}}


def test_runs_of_several_seeds_are_kept_apart(tmp_path):
    for row, labels in (("hundred", "100"), ("thousand", "1000")):
        for seed in (0, 1):
            results.write(
                tmp_path / "runs" / row / f"seed_{seed}",
                "semi_supervised",
                seed=seed,
                num_labels=labels,
                metrics={"error_percent": seed + int(labels)},
            )
    page = record(tmp_path / "runs", tmp_path / "kept").read_text()
    names = sorted(path.parent.name for path in tmp_path.glob("kept/*/result.json"))
    assert names == ["hundred_seed_0", "hundred_seed_1", "thousand_seed_0", "thousand_seed_1"]
    assert page.count("**mean**") == 2 and "[hundred_seed_1](hundred_seed_1)" in page


def test_runs_of_one_name_do_not_replace_each_other(tmp_path):
    for folder in ("a", "b"):
        results.write(tmp_path / "runs" / folder / "same", metrics={"coverage": 0.8})
    with pytest.raises(RunFolderError, match=r"a/same and .*b/same would both be kept as same"):
        record(tmp_path / "runs", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
