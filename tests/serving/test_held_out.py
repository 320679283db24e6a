"""Codes of held-out images beside an export: evenly chosen, read back, or refused."""

import numpy as np
import pytest

from aae_tf.errors import DataError
from aae_tf.serving import held_out


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"data": "x", "codes": [[1]], "labels": null, "class_names": [], "categories": []}',
        '{"data": "x", "codes": [[1, NaN]], "labels": null, "class_names": [], "categories": []}',
        '{"data": "x", "codes": [[1, 2]], "labels": [-1], "class_names": [], "categories": []}',
    ],
)
def test_damaged_held_out_codes_are_refused(tmp_path, content):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / held_out.FILE).write_text(content)
    with pytest.raises(DataError, match=r"codes\.json can't be used .*; export the model again"):
        held_out.read(tmp_path, 2)


def test_held_out_rows_are_spread_over_all_images():
    np.testing.assert_array_equal(held_out.rows_of(7), np.arange(7))
    rows = held_out.rows_of(9999)
    assert len(rows) == 2000 and rows[0] == 0 and rows[-1] == 9998
    assert set(np.diff(rows)) <= {4, 5, 6}
