"""Versions count up, and a version is there whole or not at all."""

import pytest
import tensorflow as tf
import tiny

from aae_tf.serving.export import export_saved_model


@pytest.fixture(scope="module")
def method():
    made = tiny.method()
    made.signatures = ("encode", "reconstruct")
    return made


def _entries(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.slow
def test_versions_count_up_and_leave_older_ones_alone(method, tmp_path):
    folder = tmp_path / "deep" / "gaussian"
    first = export_saved_model(method, folder)
    content = (first / "saved_model.pb").read_bytes()
    assert [first.name, export_saved_model(method, folder).name] == ["1", "2"]
    (folder / "2").rename(folder / "10")
    (folder / "notes.txt").write_text("not a version")
    assert export_saved_model(method, folder).name == "11"
    assert _entries(folder) == ["1", "10", "11", "notes.txt"]
    assert (first / "saved_model.pb").read_bytes() == content
    assert set(tf.saved_model.load(str(folder / "11")).signatures) == {
        "encode",
        "encode_bytes",
        "reconstruct",
        "reconstruct_bytes",
        "serving_default",
    }


@pytest.mark.slow
def test_two_exports_of_one_state_have_the_same_weights_and_graph(method, tmp_path):
    first, second = (export_saved_model(method, tmp_path / "model") for _ in range(2))
    names = sorted(str(f.relative_to(first)) for f in first.rglob("*") if f.is_file())
    assert {"saved_model.pb", "fingerprint.pb", "variables/variables.index"} <= set(names)
    for name in set(names) - {"saved_model.pb", "fingerprint.pb"}:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    prints = [tf.saved_model.experimental.read_fingerprint(str(f)) for f in (first, second)]
    assert prints[0].singleprint() == prints[1].singleprint()
    weights = [tf.saved_model.load(str(export)).weights for export in (first, second)]
    assert len(weights[0]) > 3
    assert [w.name for w in weights[0]] == [w.name for w in weights[1]]


def test_an_export_that_fails_leaves_nothing(method, tmp_path, monkeypatch):
    save = tf.saved_model.save

    def fails_at_the_end(*arguments, **options):
        save(*arguments, **options)
        raise OSError("disk full")

    monkeypatch.setattr(tf.saved_model, "save", fails_at_the_end)
    with pytest.raises(OSError, match="disk full"):
        export_saved_model(method, tmp_path / "model")
    assert _entries(tmp_path / "model") == []


@pytest.mark.slow
def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path, method):
    gone = tmp_path / ".unfinished-999999999"
    gone.mkdir(parents=True)
    export_saved_model(method, tmp_path)
    assert _entries(tmp_path) == ["1"]
