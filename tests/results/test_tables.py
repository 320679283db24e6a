"""Tables in three forms, and means in words."""

import pytest

from aae_tf.results.tables import Table, mean_and_error

TABLE = Table(("metric", "n"), [("mmd of a long label", "3"), ("kl", "12")], right=("n",))


def test_a_table_for_a_terminal_ends_numbers_on_the_right():
    assert TABLE.text().splitlines() == [
        "metric                n",
        "-------------------  --",
        "mmd of a long label   3",
        "kl                   12",
    ]


def test_a_long_label_goes_on_below():
    assert TABLE.text(12).splitlines()[2:] == [
        "mmd of a   3",
        "  long",
        "  label",
        "kl        12",
    ]


@pytest.mark.parametrize("width", [40, 25, 18])
def test_the_widest_columns_give_way_first_as_far_as_words_allow(width):
    table = Table(("a", "b", "c"), [("word", "several words in here", "some more words")])
    text = table.text(width)
    assert max(map(len, text.splitlines())) <= max(width, 26)
    words = [word for row in table.rows for cell in row for word in cell.split()]
    assert sorted(" ".join(text.splitlines()[2:]).split()) == sorted(words)


def test_a_table_in_markdown_and_as_objects():
    assert TABLE.markdown().splitlines()[:3] == [
        "| metric | n |",
        "| --- | --- |",
        "| mmd of a long label | 3 |",
    ]
    assert TABLE.records()[1] == {"metric": "kl", "n": "12"}


def test_a_table_without_rows_has_its_head():
    assert Table(("a", "b"), []).text() == "a  b\n-  -"


@pytest.mark.parametrize(
    "values, expected",
    [
        ([], ""),
        ([3.14159], "3.142"),
        ([1.0, 3.0], "2.0 ± 1.0 (2)"),
        ([100.0, 400.0, 100.0], "200 ± 100 (3)"),
        ([0.00100, 0.00104, 0.00108], "0.001040 ± 0.000023 (3)"),
        ([1e-9, 3e-9], "2e-09 ± 1e-09 (2)"),
    ],
)
def test_mean_has_the_decimals_of_its_error(values, expected):
    assert mean_and_error(values) == expected


@pytest.mark.parametrize(
    "minutes, expected",
    [([8.38], "8.4"), ([135.6], "136"), ([99.6], "100"), ([135.6, 140.4], "138.0 ± 2.4 (2)")],
)
def test_minutes_are_written_out(minutes, expected):
    assert mean_and_error(minutes, 2) == expected
