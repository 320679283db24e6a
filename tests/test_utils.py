"""Files are the old ones or the new ones, never halves."""

import json
import os

import numpy as np
import pytest

from aae_tf.utils import evenly_spaced, locked, progress_bar, to_bytes, write_aside, write_json


def test_content_replaces_content_and_leaves_nothing_beside(tmp_path):
    file = tmp_path / "metrics.csv"
    for content in ("long first content\n" * 99, "short\n", b"\x00bytes", ""):
        write_aside(file, content)
        expected = content.encode() if isinstance(content, str) else content
        assert file.read_bytes() == expected
        assert os.listdir(tmp_path) == ["metrics.csv"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_midway_leaves_the_old_file_and_nothing_beside(tmp_path, monkeypatch, call):
    file = tmp_path / "result.json"
    write_aside(file, "old")

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="no space"):
        write_aside(file, "new")
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_content_that_json_cannot_hold_leaves_the_old_file(tmp_path):
    file = tmp_path / "result.json"
    write_json(file, {"a": 1})
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    assert json.loads(file.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["result.json"]


def test_rows_are_evenly_spaced_and_no_more_than_there_are():
    np.testing.assert_array_equal(evenly_spaced(3, 1000), [0, 1, 2])
    np.testing.assert_array_equal(evenly_spaced(10, 4), [0, 2, 5, 7])
    rows = evenly_spaced(50_000, 1000)
    assert len(rows) == 1000 and set(np.diff(rows)) == {50}


def test_a_lock_is_held_by_one_and_free_afterwards(tmp_path):
    with (
        locked(tmp_path / "lock"),
        pytest.raises(BlockingIOError),
        locked(tmp_path / "lock", wait=False),
    ):
        pass
    with locked(tmp_path / "lock", wait=False):
        pass


def test_bytes_are_rounded_and_what_is_no_intensity_is_clipped():
    found = to_bytes(np.array([0, 0.5, 1, 1.2, -3, np.nan, np.inf, 0.1]))
    assert found.dtype == np.uint8
    assert found.tolist() == [0, 128, 255, 255, 0, 0, 255, 26]


def test_a_late_bar_over_a_short_loop_is_never_drawn(capsys):
    assert list(progress_bar(None, "block", late=True, label="reading", over=range(3))) == [0, 1, 2]
    assert capsys.readouterr().err == ""
