"""Codes of held-out images beside an export: evenly chosen, read back, or refused."""

import io
import json

import numpy as np
import pytest
import tiny
from PIL import Image

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


def _described(codes, channels=1):
    images = np.repeat(tiny.images(len(codes)), channels, axis=-1)
    return images, held_out.describe("bars", codes, None, (), images=images)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_codes_that_are_kept_lie_on_the_sheet_in_their_order(tmp_path, channels):
    codes = np.arange(14.0).reshape(7, 2)
    codes[2, 1] = np.nan
    images, described = _described(codes, channels)
    held_out.write(tmp_path, described)
    found = held_out.read(tmp_path, 2)
    assert found == described and found["tile"] == {"height": 8, "width": 8, "columns": 3}
    sheet = np.array(Image.open(io.BytesIO(found["sheet"]))).reshape(16, 24, channels)
    for number, row in enumerate([0, 1, 3, 4, 5, 6]):
        top, left = 8 * (number // 3), 8 * (number % 3)
        np.testing.assert_array_equal(sheet[top : top + 8, left : left + 8], images[row])


def test_sheet_may_be_taken_away(tmp_path):
    held_out.write(tmp_path, _described(np.zeros((4, 2)))[1])
    (tmp_path / held_out.SHEET).unlink()
    found = held_out.read(tmp_path, 2)
    assert len(found["codes"]) == 4 and not {"tile", "sheet"} & set(found)


@pytest.mark.parametrize(
    ("tile", "content"),
    [
        ({"columns": 0}, None),
        ({"columns": 2.0}, None),
        ({"height": 10**9}, None),
        ({"columns": 3}, None),  # of which the picture is no sheet
        ({}, b""),
        ({}, b"GIF89a" + bytes(30)),
    ],
)
def test_sheet_that_does_not_fit_its_tiles_is_refused(tmp_path, tile, content):
    described = _described(np.zeros((4, 2)))[1]
    described["tile"] |= tile
    held_out.write(tmp_path, described)
    if content is not None:
        (tmp_path / held_out.SHEET).write_bytes(content)
    with pytest.raises(DataError, match=r"can't be used .*; export the model again"):
        held_out.read(tmp_path, 2)


def test_codes_of_an_older_export_have_no_names_of_features(tmp_path):
    described = held_out.describe("bars", [[1.0, 2.0]], None, ())
    del described["feature_names"]
    (tmp_path / held_out.FILE).parent.mkdir()
    (tmp_path / held_out.FILE).write_text(json.dumps(described))
    assert held_out.read(tmp_path, 2)["feature_names"] == []
