"""metrics.csv: one row an epoch, exact, and none from beyond the checkpoint."""

import csv

import pytest

from aae_tf.results.run_folder import MetricsTable


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
