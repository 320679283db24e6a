"""Tables: numeric columns become features, one column labels, and what is wrong is named."""

import time
import tracemalloc

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from aae_tf.arrays.tables import numeric_columns, read_table
from aae_tf.errors import DataError, SettingsError

X = [1.5, -2.0, 1e-3, 4.0]
Y = [10.0, 20.0, 30.0, -40.0]
KINDS = ["ale", "bock", "ale", "cider"]


@pytest.fixture(params=["csv", "parquet"])
def write(request, tmp_path):
    """Writes columns by name as a table of that ending."""

    def write(**columns):
        path = tmp_path / f"table.{request.param}"
        if request.param == "parquet":
            parquet.write_table(pyarrow.table(columns), path)
        else:
            rows = [columns, *zip(*columns.values(), strict=True)]
            cells = [",".join("" if c is None else str(c) for c in row) for row in rows]
            path.write_text("\n".join(cells) + "\n")
        return path

    return write


@pytest.fixture
def csv(tmp_path):
    def write(text, name="table.csv", encoding="utf-8"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    return write


def _refusal(path, label_column="label"):
    with pytest.raises((DataError, SettingsError)) as info:
        read_table(path, label_column)
    assert "\n" not in str(info.value)
    return str(info.value)


def test_numeric_columns_are_features_in_their_order(write):
    table = read_table(write(x=X, words=KINDS, y=Y))
    np.testing.assert_array_equal(table.features, np.array([X, Y]).T)
    assert table.features.dtype == np.float64
    assert (table.names, table.left) == (("x", "y"), ("words",))
    assert table.labels is None and table.class_names == ()


def test_integers_and_booleans_are_numbers(tmp_path):
    columns = {"a": [1, 2, 3], "b": [True, False, True], "c": np.float32([0.5, 1, 2])}
    parquet.write_table(pyarrow.table(columns), tmp_path / "table.parquet")
    table = read_table(tmp_path / "table.parquet")
    np.testing.assert_array_equal(table.features, [[1, 1, 0.5], [2, 0, 1], [3, 1, 2]])


def test_labels_are_whole_numbers(write):
    table = read_table(write(x=X, label=[2, 0, 2, 1]))
    np.testing.assert_array_equal(table.labels, [2, 0, 2, 1])
    assert table.labels.dtype == np.int64 and table.class_names == ()
    assert table.names == ("x",)


def test_labels_are_words_that_are_numbered_in_their_order(write):
    table = read_table(write(kind=KINDS, x=X), "kind")
    np.testing.assert_array_equal(table.labels, [0, 1, 0, 2])
    assert table.class_names == ("ale", "bock", "cider")
    assert table.names == ("x",) and table.left == ()


def test_a_label_column_of_numbers_is_no_feature(write):
    table = read_table(write(x=X, grade=[1.0, 0.0, 1.0, 3.0]), "grade")
    assert table.names == ("x",)
    np.testing.assert_array_equal(table.labels, [1, 0, 1, 3])


def test_without_a_label_column_all_numbers_are_features(write):
    table = read_table(write(x=X, label=[2, 0, 2, 1]), "")
    assert table.labels is None and table.names == ("x", "label")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a", "b", "c", "d"], "has 4 different values in 4 rows, expected classes"),
        ([3, 2, 1, 0], "has 4 different values in 4 rows, expected classes"),
        ([0.5, 1, 1, 2], "holds 0.5, expected whole numbers or words"),
        ([-1, 0, 0, 1], r"labels count from 0; yours are -1..1, expected integers from 0"),
        ([40_000, 0, 0, 1], r"yours are 0..40000, expected integers from 0 to 32767"),
        (["a", "b", " ", "a"], "holds nothing in row 2, expected a class in every row"),
        ([1.0, float("nan"), 1.0, 0.0], "holds nothing in row 1, expected a class in every row"),
    ],
)
def test_labels_that_are_no_classes_are_refused(write, labels, said):
    said_of = _refusal(write(x=X, label=labels))
    assert "column 'label'" in said_of and said in said_of


def test_a_missing_label_is_named(write):
    said = _refusal(write(x=X, label=[0, 1, None, 1]))
    assert "nothing" in said and "row 2" in said and "label" in said


def test_a_missing_cell_is_named_by_row_and_column(write):
    said = _refusal(write(x=X, y=[1.0, 2.0, 3.0, None]))
    assert "row 3 holds nothing in column 'y'; expected a number" in said


def test_a_wrong_label_column_is_named_with_those_there_are(write):
    said = _refusal(write(x=X, words=KINDS), "kind")
    assert said.startswith("--label_column=kind: expected a column of ")
    assert "x, words" in said
    assert read_table(write(x=X, words=KINDS), "label").labels is None  # it needn't be there


def test_no_column_of_numbers_is_refused(write):
    assert "no column of numbers beside the labels" in _refusal(write(words=KINDS, label=KINDS))


def test_words_in_a_column_of_numbers_are_named_and_other_columns_are_left(csv):
    table = read_table(csv("x,y\n1,red\n2,7\n3,blue\n"))
    assert (table.names, table.left) == (("x",), ("y",))
    assert "row 1 holds 'NA' in column 'y'" in _refusal(csv("x,y\n1,3\n2,NA\n3,5\n"))
    # Beyond the rows by which columns are known, and in another block of rows.
    for row in (1500, 9000):
        cells = [f"{n},{n}" for n in range(10_000)]
        cells[row] = "7,?"
        assert f"row {row} holds '?' in column 'y'" in _refusal(csv("\n".join(["x,y", *cells])))


def test_rows_of_another_length_are_named(csv):
    assert "row 1 has 3 cells, not 2" in _refusal(csv("x,y\n1,2\n1,2,3\n"))
    assert "row 0 has 1 cells, not 2" in _refusal(csv("x,y\n1\n1,2\n"))


def test_blank_lines_are_passed_over(csv):
    assert read_table(csv("x,y\n\n1,2\n\n3,4\n\n")).features.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("text", ["", "\n", "x,y\n"])
def test_a_table_without_rows_is_refused(csv, text):
    assert "expected a header and rows of numbers" in _refusal(csv(text))


def test_a_table_without_a_header_is_refused(csv):
    assert "expected a first row of names; yours is of numbers" in _refusal(csv("1,2\n3,4\n"))


def test_two_columns_of_one_name_are_refused(csv):
    assert "more than one column 'x'" in _refusal(csv("x,y,x\n1,2,3\n1,2,3\n"))


def test_quotes_a_byte_order_mark_spaces_and_any_line_ends_are_read(csv):
    text = '\ufeff"x, of ""it""" , y,label\r\n"1.5", 2 ,"a\nb"\r\n-1e3,"+4","c,d"\r\n1,2,"c,d"\r\n'
    table = read_table(csv(text))
    assert table.names == ('x, of "it"', "y")
    assert table.features.tolist() == [[1.5, 2], [-1000, 4], [1, 2]]
    assert table.class_names == ("a\nb", "c,d")


def test_the_numbers_of_rows_that_a_table_keeps_without_a_name_are_no_feature(csv):
    table = read_table(csv(",x\n0,5\n1,6\n"))
    assert table.names == ("x",) and table.left == ("",)


def test_other_marks_than_commas_are_named(csv):
    assert "cells are parted by ';', expected commas" in _refusal(csv("x;y\n1;2\n"))
    assert r"cells are parted by '\t', expected commas" in _refusal(csv("x\ty\n1\t2\n"))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_is_no_such_table_is_one_line(tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    path.write_bytes(b"x\n\xff\xfe\x00PAR1" * 9)
    assert f"not a readable .{ending}" in _refusal(path)


def test_a_cell_of_millions_of_characters_is_one_line(csv):
    assert "not a readable .csv" in _refusal(csv("x\n" + "1" * 200_000 + "\n"))


def test_more_columns_than_networks_can_take_are_refused(csv):
    names = [f"c{n}" for n in range(2**16 + 1)]
    said = _refusal(csv(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n"))
    assert "65537 columns, expected at most 65536" in said


def test_a_column_counts_as_numbers_by_half_of_what_its_cells_hold():
    rows = [["1", "a", "", "1", "9"], ["2", "b", "", "x", "9"], ["3", "3", "", "y", "9"]]
    assert numeric_columns(["a", "b", "c", "d", "label"], rows, {"label"}) == [0]
    rows[1][3] = ""
    assert numeric_columns(["a", "b", "c", "d", "label"], rows, {"label"}) == [0, 3]


def _large(csv, thousands):
    rows = [",".join(f"{(n * 37 + c * 11) % 1000 / 8}" for c in range(20)) for n in range(1000)]
    head = ",".join(f"c{n}" for n in range(20))
    lines = [f"{head},label", *(f"{row},kind" for row in rows * thousands), f"{rows[0]},other"]
    return csv("\n".join(lines))


def test_a_hundred_thousand_rows_of_twenty_columns_take_a_second_or_two(csv):
    path = _large(csv, 100)
    started = time.process_time()
    table = read_table(path)
    seconds = time.process_time() - started
    assert table.features.shape == (100_001, 20)
    np.testing.assert_array_equal(table.features[2000:3000], table.features[:1000])
    assert table.features[1, 2] == (37 + 22) % 1000 / 8
    assert seconds < 6


def test_a_table_takes_little_more_memory_than_its_numbers(csv):
    path = _large(csv, 30)
    tracemalloc.start()
    try:
        table = read_table(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3.5 * table.features.nbytes  # at the end the blocks and the whole are there
