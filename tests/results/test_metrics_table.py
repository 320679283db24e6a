"""metrics.csv has one row for each epoch up to the checkpoint, whatever became of the file."""

import csv
import logging

import pytest

from aae_tf.errors import RunFolderError
from aae_tf.results.metrics_table import MetricsTable


@pytest.fixture
def path(tmp_path):
    table = MetricsTable(tmp_path / "metrics.csv")
    for epoch in (1, 2, 3):
        table.add(
            10 * epoch, float(epoch), {"train/loss": 1 / (3 * epoch), "validation/mmd": epoch}
        )
    return tmp_path / "metrics.csv"


def test_rows_are_read_back_to_the_bit(path):
    rows = MetricsTable(path, 30).rows
    assert [row["step"] for row in rows] == [10, 20, 30]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["train/loss"] for row in rows] == [1 / 3, 1 / 6, 1 / 9]


@pytest.mark.parametrize(("last_step", "kept"), [(0, []), (9, []), (10, [10]), (29, [10, 20])])
def test_rows_beyond_the_checkpoint_are_dropped(path, last_step, kept):
    assert [row["step"] for row in MetricsTable(path, last_step).rows] == kept


def test_a_row_written_again_stands_once(path):
    table = MetricsTable(path, 20)
    table.add(30, 3.0, {"train/loss": 7.0, "validation/mmd": 3.0})
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["10", "20", "30"]
    assert float(rows[-1]["train/loss"]) == 7.0


def test_a_new_metric_leaves_older_rows_empty(path):
    table = MetricsTable(path, 30)
    table.add(40, 4.0, {"train/loss": 0.5, "validation/new": 1.0})
    rows = MetricsTable(path, 40).rows
    assert "validation/new" not in rows[0] and rows[-1]["validation/new"] == 1.0


def test_nothing_is_read_where_nothing_is(tmp_path):
    assert MetricsTable(tmp_path / "metrics.csv", 10).rows == []


LINES = "step,epoch,train/loss\n10,1,0.5\n20,2,0.25\n30,3,0.125\n"
# What became of a table of three epochs.
CHANGES = {
    "gone": None,
    "empty": "",
    "cut amid a row": LINES[:-8],
    "a row missing": LINES.replace("20,2,0.25\n", ""),
    "the first row missing": LINES.replace("10,1,0.5\n", ""),
    "the last row missing": LINES.replace("30,3,0.125\n", ""),
    "a row twice": LINES.replace("20,2,0.25\n", "20,2,0.25\n" * 2),
    "a step of no epoch": LINES.replace("20,2", "21,2"),
    "steps out of order": LINES.replace("10,1", "25,1"),
    "words": LINES.replace("0.25", "a quarter"),
    "no columns": LINES.replace("step,", "stop,"),
    "bytes": "\x00\x01",
}


@pytest.fixture
def changed(tmp_path, request):
    if request.param is not None:
        (tmp_path / "metrics.csv").write_text(request.param)
    return tmp_path / "metrics.csv"


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES, indirect=True)
def test_the_checkpoints_table_is_written_again_over_another_one(changed, caplog):
    with caplog.at_level(logging.INFO, "aae_tf"):
        table = MetricsTable(changed, 30, {"metrics.csv": LINES}, 10)
    assert [row["train/loss"] for row in table.rows] == [0.5, 0.25, 0.125]
    assert changed.read_text() == LINES
    [line] = caplog.messages
    assert "metrics.csv is written again" in line and "\n" not in line


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES, indirect=True)
def test_without_one_in_the_checkpoint_it_is_refused_and_left_alone(changed):
    before = changed.read_text() if changed.exists() else None
    with pytest.raises(RunFolderError, match=r"metrics\.csv can't be used") as caught:
        MetricsTable(changed, 30, {}, 10)
    assert "\n" not in str(caught.value)
    assert (changed.read_text() if changed.exists() else None) == before


def test_an_edited_number_is_seen_and_a_row_that_is_to_come_again_is_not(tmp_path, caplog):
    file, texts = tmp_path / "metrics.csv", {"metrics.csv": LINES}
    file.write_text(LINES + "40,4,0.0625\n")
    with caplog.at_level(logging.INFO, "aae_tf"):
        assert len(MetricsTable(file, 30, texts, 10).rows) == 3
        assert caplog.messages == []
        file.write_text(LINES.replace("0.25", "0.2"))
        assert MetricsTable(file, 30, texts, 10).rows[1]["train/loss"] == 0.25
    assert file.read_text() == LINES and len(caplog.messages) == 1


def test_what_is_added_is_in_the_next_checkpoint(tmp_path):
    texts = {}
    MetricsTable(tmp_path / "metrics.csv", 0, texts, 10).add(10, 1.0, {"train/loss": 0.5})
    assert texts == {"metrics.csv": (tmp_path / "metrics.csv").read_text()}
