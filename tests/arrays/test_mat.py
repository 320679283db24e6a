"""MATLAB's files: the same arrays as SciPy reads, and every byte of a tag may be another."""

import io
import struct
import zlib

import numpy as np
import pytest
import scipy.io

from aae_tf.arrays import open_arrays
from aae_tf.errors import DataError

VALUES = np.arange(24).reshape(4, 3, 2)
DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")


def _load(path, content=None):
    if content is not None:
        path.write_bytes(content)
    with open_arrays("--dataset=x", path) as file:
        return {name: file.read(name) for name in file.names}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.mat"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_are_those_that_scipy_reads(path, dtype, packed):
    arrays = {
        "images": VALUES.astype(dtype),
        "row": np.ones((1, 9), dtype),
        "x": np.array(7, dtype),
    }
    scipy.io.savemat(path, arrays, do_compression=packed)
    found, expected = _load(path), scipy.io.loadmat(path)
    for name in arrays:
        np.testing.assert_array_equal(found[name], expected[name])
        assert found[name].dtype == expected[name].dtype


def test_text_cells_and_structures_are_named_and_no_more(path):
    held = {"text": "words", "cell": np.array([1, "a"], object), "structure": {"a": 1}}
    scipy.io.savemat(path, {**held, "images": VALUES})
    with open_arrays("--dataset=x", path) as file:
        assert set(file.names) == {*held, "images"}
        assert all(file.header(name).dtype.hasobject for name in held)
        np.testing.assert_array_equal(file.read("images"), VALUES)


def _element(order, kind, content):
    return struct.pack(f"{order}II", kind, len(content)) + content + bytes(-len(content) % 8)


def _mat(order, class_number, kind, values, flags=0, shape=None):
    """A file as MATLAB writes it, of one array called 'images'."""
    shape = values.shape if shape is None else shape
    matrix = _element(order, 6, struct.pack(f"{order}II", class_number | flags, 0))
    matrix += _element(order, 5, struct.pack(f"{order}{len(shape)}i", *shape))
    matrix += _element(order, 1, b"images")
    dtype = values.dtype.newbyteorder(order)
    matrix += _element(order, kind, values.astype(dtype).tobytes(order="F"))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x100)
    head += b"IM" if order == "<" else b"MI"
    return head + _element(order, 14, matrix)


@pytest.mark.parametrize("order", "<>")
def test_both_byte_orders_are_read(path, order):
    found = _load(path, _mat(order, 6, 9, VALUES / 4))["images"]
    np.testing.assert_array_equal(found, VALUES / 4)
    assert found.dtype.isnative
    np.testing.assert_array_equal(scipy.io.loadmat(path)["images"], VALUES / 4)


def test_double_numbers_that_are_stored_as_bytes_stay_bytes_but_for_0_and_1(path):
    assert _load(path, _mat("<", 6, 2, VALUES.astype(np.uint8)))["images"].dtype == np.uint8
    found = _load(path, _mat("<", 6, 2, (VALUES % 2).astype(np.uint8)))["images"]
    assert found.dtype == np.float32 and set(found.ravel()) == {0, 1}


def test_logical_arrays_are_logical(path):
    found = _load(path, _mat("<", 9, 2, (VALUES % 2).astype(np.uint8), flags=0x200))["images"]
    assert found.dtype == bool
    np.testing.assert_array_equal(found, VALUES % 2 == 1)


BYTES = VALUES.astype(np.uint8)


@pytest.mark.parametrize(
    "content, words",
    [
        (_mat("<", 9, 36, BYTES), "unknown type 36"),
        (_mat("<", 9, 9, VALUES.astype(float)), "data of float64 in an array of uint8"),
        (_mat("<", 9, 2, BYTES, shape=(10_000, 20_000)), "bytes of data for the shape"),
        (_mat("<", 9, 2, BYTES, shape=(-4, -3, 2)), r"the shape (-4, -3, 2)"),
        (_mat("<", 9, 2, BYTES, shape=(1,) * 40), "without a shape"),
        (_mat("<", 9, 2, BYTES)[:-16], "damaged at byte 128"),
        (_mat("<", 9, 2, BYTES) + b"more", "cut short"),
        (_mat("<", 9, 2, BYTES) + struct.pack("<II", 15, 2**31), "damaged at byte"),
        (_mat("<", 9, 2, BYTES)[:128] + struct.pack("<II", 15, 4) + b"none", "decompressing"),
        (bytes(4) + b"version 4".ljust(40), "a .mat of version 4"),
    ],
    ids=range(10),
)
def test_sizes_and_types_that_cannot_be_are_refused(path, content, words):
    with pytest.raises(DataError) as caught:
        _load(path, content)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_every_type_of_data_in_every_class_is_read_or_refused(path):
    read = 0
    for kind in range(18):
        for class_number in range(20):
            try:
                _load(path, _mat("<", class_number, kind, BYTES))
                read += 1
            except DataError as error:
                assert "\n" not in str(error)
    assert read > 10


def test_array_that_is_followed_by_more_is_refused(path):
    plain = _mat("<", 9, 2, BYTES)
    longer = plain[:128] + _element("<", 14, plain[136:] + bytes(16))
    with pytest.raises(DataError, match="longer than it says"):
        _load(path, longer)


def test_packed_array_of_other_length_or_checksum_is_refused(path):
    plain = _mat("<", 9, 2, BYTES)
    for body in (plain[128:] + bytes(16), plain[128:-16]):
        packed = zlib.compress(body)
        with pytest.raises(DataError, match="than it says"):
            _load(path, plain[:128] + struct.pack("<II", 15, len(packed)) + packed)
    packed = zlib.compress(plain[128:])
    for other in (packed[:-1], packed[:-1] + b"!"):
        with pytest.raises(DataError, match=r"than it says|incorrect data check"):
            _load(path, plain[:128] + struct.pack("<II", 15, len(other)) + other)
    found = _load(path, plain[:128] + struct.pack("<II", 15, len(packed)) + packed)
    np.testing.assert_array_equal(found["images"], BYTES)


def test_packed_array_that_declares_gigabytes_is_refused_without_unpacking_it(path):
    values = np.zeros((2**14, 2**12), np.uint8)
    content = io.BytesIO()
    scipy.io.savemat(content, {"images": np.zeros((64, 64))})
    packed = zlib.compress(_mat("<", 6, 2, values)[128:])
    head = content.getvalue()[:128]
    with pytest.raises(DataError, match=r"'images' declares 0\.5 GiB in 0\.1 MiB of file"):
        _load(path, head + struct.pack("<II", 15, len(packed)) + packed)
