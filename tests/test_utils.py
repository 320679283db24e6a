"""Files are the old ones or the new ones, never halves; what is said is a line and harmless."""

import errno
import io
import json
import logging
import os
import subprocess

import numpy as np
import pytest
import tqdm

from aae_tf.utils import (
    BAR_FORMAT,
    evenly_spaced,
    logging_to_stderr,
    note,
    progress_bar,
    quoted,
    read_json,
    set_fitting_postfix,
    to_bytes,
    write_aside,
    write_json,
)


@pytest.mark.parametrize("width", [60, 75, 100])
def test_a_bar_has_whole_items_or_none(width):
    bar = tqdm.tqdm(total=2000, ncols=width, bar_format=BAR_FORMAT, file=io.StringIO())
    bar.set_description_str("epoch 1.0 ", refresh=False)
    items = ["rec 15.5", "disc 1.39", "gen 0.715"]
    set_fitting_postfix(bar, items)
    shown = str(bar)
    bar.close()
    assert len(shown) <= width
    fitting = shown.rpartition("], ")[2].split(" · ") if "], " in shown else []
    assert fitting == items[: len(fitting)]
    assert (items[2] in shown) == (width == 100)


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


def test_a_file_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space") as caught:
        write_aside(tmp_path / "result.json", "new")
    assert caught.value.filename == str(tmp_path / "result.json")


NONSENSE = {
    "nothing": b"",
    "no object": b"[1]",
    "deep": b'{"a":' + b"[" * 100_000,
    "an integer of 400 digits": b'{"a": 1' + b"0" * 400 + b"}",
    "an integer of 5000 digits": b'{"a": 1' + b"0" * 5000 + b"}",
    "half a character": b'{"a": "\\ud800"}',
    "latin-1": '{"a": "\xe9"}'.encode("latin-1"),
    "a null byte": b'{"a": 1}\0',
}


@pytest.mark.parametrize("content", NONSENSE.values(), ids=NONSENSE)
def test_json_that_nothing_can_be_computed_with_is_refused(tmp_path, content):
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_json(tmp_path / "result.json")
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_or_a_pipe_in_place_of_json_is_refused(tmp_path):
    os.mkfifo(tmp_path / "result.json")
    for path in (tmp_path, tmp_path / "result.json"):
        with pytest.raises(OSError, match=r"Is a directory|Not a regular file"):
            read_json(path)


def test_bytes_are_rounded_and_what_is_no_intensity_is_clipped():
    found = to_bytes(np.array([0, 0.5, 1, 1.2, -3, np.nan, np.inf, 0.1]))
    assert found.dtype == np.uint8
    assert found.tolist() == [0, 128, 255, 255, 0, 0, 255, 26]


def test_a_late_bar_over_a_short_loop_is_never_drawn(capsys):
    assert list(progress_bar(None, "block", late=True, label="reading", over=range(3))) == [0, 1, 2]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["a b", "lr[0.1]", "a\nb", "\x1b[31m'\\", "été", "a\udcffb", "$x"])
def test_what_is_quoted_is_one_line_and_the_shell_reads_it_back(text):
    word = quoted(text)
    assert word.isprintable()
    done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert done.stdout == text.encode(errors="surrogateescape")


def test_a_line_of_the_log_has_no_control_characters(capsys):
    with logging_to_stderr():
        logging.getLogger("aae_tf.x").info("%s", "a\x1b[2J\nrun folder: b")
        note("\x07c")
    assert capsys.readouterr().err == "a\\x1b[2J\\nrun folder: b\n\\x07c\n"


def test_json_lines_tell_time_level_message_and_step_of_logs_and_bars(capsys):
    with logging_to_stderr("json"):
        logging.getLogger("aae_tf.x").info("at %s", "a\x1b\n", extra={"step": 3})
        bar = progress_bar(8, "step", initial=2)
        bar.update(6)
        bar.refresh()
        bar.close()
        list(progress_bar(None, "block", late=True, over=range(3)))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [list(line) for line in lines] == [["time", "level", "message", "step"]] * len(lines)
    assert lines[0]["message"] == "at a\x1b\n" and lines[0]["level"] == "info"
    assert [line["step"] for line in lines] == [3, 2, *[8] * (len(lines) - 2)]
    assert lines[-1]["message"] == "8 of 8 steps"
