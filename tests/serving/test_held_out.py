"""Codes of held-out images beside an export: evenly chosen, read back, or refused."""

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
