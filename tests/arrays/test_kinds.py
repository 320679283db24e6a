"""What a file holds is known before it is read: images, or features."""

import re

import numpy as np
import pytest

from aae_tf.arrays import holds_features, is_picture
from aae_tf.arrays.files import Header
from aae_tf.arrays.values import are_features, check_features, features
from aae_tf.errors import DataError

FLAG = "--dataset=mine.npz"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((8, 8, 1), True),
        ((8, 9, 3), True),
        ((8, 8, 2), False),
        ((8, 8), False),
        ((13,), False),
        ((4, 8, 8, 1), False),
        ((1, 1, 1), True),
    ],
)
def test_an_example_of_height_width_and_one_or_three_channels_is_a_picture(shape, expected):
    assert is_picture(shape) == expected


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"features": np.zeros((5, 3))}, True),
        ({"features": np.zeros((5, 4, 3)), "labels": np.zeros(5)}, True),
        ({"images": np.zeros((5, 4, 3))}, False),
        ({"images": np.zeros((5, 12))}, False),  # rows of pixels, which are refused with a hint
        ({"x_train": np.zeros((5, 3)), "x_test": np.zeros((5, 3))}, True),
        ({"x_train": np.zeros((5, 4, 4)), "x_test": np.zeros((5, 4, 4))}, False),
        ({"others": np.zeros((5, 3))}, False),
    ],
)
def test_arrays_are_features_by_their_name_or_as_rows_of_numbers(tmp_path, arrays, expected):
    np.savez(tmp_path / "a.npz", **arrays)
    assert holds_features(str(tmp_path / "a.npz")) == expected


@pytest.mark.parametrize(("shape", "expected"), [((5, 3), True), ((5, 4, 4), False)])
def test_an_npy_holds_features_as_rows_of_numbers(tmp_path, shape, expected):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    assert holds_features(str(tmp_path / "a.npy")) == expected


def test_tables_hold_features_and_what_cannot_be_read_holds_none(tmp_path, monkeypatch):
    for name in ("a.csv", "b.CSV", "c.parquet"):
        (tmp_path / name).write_text("x\n1\n")
        assert holds_features(str(tmp_path / name))
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    (tmp_path / "a.txt").write_text("x\n1\n")
    (tmp_path / "folder.csv").mkdir()
    for name in ("broken.npz", "a.txt", "folder.csv", "absent.csv"):
        assert not holds_features(str(tmp_path / name))
    for name in ("mnist", "", "svhn_cropped"):
        assert not holds_features(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert holds_features("~/a.csv")


def test_are_features_goes_by_name_and_rank():
    assert are_features("features", Header(np.dtype(float), (5, 4, 4)))
    assert are_features("", Header(np.dtype(float), (5, 4)))
    assert not are_features("images", Header(np.dtype(float), (5, 4)))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64, np.uint8, bool])
def test_features_of_any_type_become_float32_as_they_are(dtype):
    given = np.array([[0, 1, 100], [1, 0, 7]]).astype(dtype)
    taken = features(FLAG, "features", given)
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, given.astype(np.float32))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e39])
def test_what_float32_has_not_is_named_by_row_and_column(wrong):
    given = np.zeros((4, 3, 2))
    given[2, 1, 1] = wrong
    with pytest.raises(
        DataError, match=re.escape(f"holds {wrong} in row 2, column 3; expected finite")
    ):
        features(FLAG, "features", given)


@pytest.mark.parametrize(
    ("dtype", "shape", "said"),
    [
        ("O", (5, 3), "no array of numbers but of objects, which are never unpickled"),
        ("U3", (5, 3), "no array of numbers but of <U3"),
        ("complex64", (5, 3), "no array of numbers but of complex64"),
        ("float32", (5,), r"has shape \(5,\), expected \(n, d\)"),
        ("float32", (5, 0), r"has shape \(5, 0\), expected \(n, d\)"),
        ("float32", (5, 8, 8, 3), "as images have; expected 'images', or another shape"),
    ],
)
def test_what_is_no_array_of_features_is_refused_by_its_header(dtype, shape, said):
    with pytest.raises(DataError, match=f"^{FLAG}: 'features' .*{said}|^{FLAG}: {said}"):
        check_features(FLAG, "features", Header(np.dtype(dtype), shape))
    check_features(FLAG, "features", Header(np.dtype("float32"), (5, 8, 8, 2)))
