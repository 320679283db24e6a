"""Arrays of numbers in MATLAB's files of versions 5 to 7 (`save -v6`, `save -v7`).

The format is that of MathWorks' "MAT-File Format". It is read here, since SciPy's reader dies of
some damaged files and unpacks more than was asked for. Every size is checked before it is used;
of structures, cells and text only the names are read.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import BinaryIO, NamedTuple

import numpy as np

MATRIX, COMPRESSED = 14, 15  # data types of elements
UINT32, INT32 = 6, 5
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
NUMBERS[13] = "u8"
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8"}
CLASSES[15] = "u8"
FUNCTION, OPAQUE = 16, 17  # classes whose header has no shape and name
LOGICAL, COMPLEX = 0x200, 0x800
MOST_ARRAYS, MOST_DIMENSIONS, LONGEST_NAME = 10_000, 32, 256
CHUNK = 2**20


class Element(NamedTuple):
    """Where an array lies, and what it is.

    Args:
      start: first byte behind its tag.
      stored: bytes that it has in the file.
      packed: whether these are compressed.
      order: '<' or '>'.
      dtype: of its class; of objects where that is none of numbers.
      shape: of the array.
    """

    start: int
    stored: int
    packed: bool
    order: str
    dtype: np.dtype
    shape: tuple[int, ...]


def find_arrays(file: BinaryIO, size: int) -> dict[str, Element]:
    """The arrays of a file by their names; no data is read.

    Args:
      file: at any position.
      size: of the file in bytes.

    Raises:
      ValueError: if it is no such file.
    """
    order = _order(file)
    elements, position = {}, 128
    while position < size:
        if len(elements) == MOST_ARRAYS:
            raise ValueError(f"more than {MOST_ARRAYS} arrays")
        file.seek(position)
        kind, length = struct.unpack(f"{order}II", _exactly(file, 8))
        start = position + 8
        if kind not in (MATRIX, COMPRESSED) or length > size - start:
            raise ValueError(f"damaged at byte {start - 8}")
        position = start + length
        header = _header(_source(file, start, length, kind == COMPRESSED), order)
        if header is not None and header[0]:  # of no name is what MATLAB keeps beside functions
            name, dtype, shape = header
            elements[name] = Element(start, length, kind == COMPRESSED, order, dtype, shape)
    return elements


def read_array(file: BinaryIO, element: Element) -> np.ndarray:
    """An array of numbers, in the type that it is stored in.

    MATLAB stores whole numbers of floating point as integers. They stay so, but where all are 0
    or 1, which are the ends of a range then and no bytes.

    Raises:
      ValueError: if the file is damaged there.
    """
    order = element.order
    source = _source(file, element.start, element.stored, element.packed)
    _header(source, order)
    kind, length, within = _tag(source, order)
    if kind not in NUMBERS:
        raise ValueError(f"data of the unknown type {kind}")
    stored = np.dtype(NUMBERS[kind]).newbyteorder(order)
    if length != math.prod(element.shape) * stored.itemsize:
        raise ValueError(f"{length} bytes of data for the shape {element.shape}")
    if not _holds(element.dtype, stored):
        raise ValueError(f"data of {stored} in an array of {element.dtype}")
    if within is None:
        data = np.empty(length, np.uint8)
        for start in range(0, length, CHUNK):
            part = data[start : start + CHUNK]
            part[:] = np.frombuffer(source.read(len(part)), np.uint8)
    else:
        data = np.frombuffer(within, np.uint8).copy()
    source.finish()
    values = data.view(stored)
    if order == ">":
        values = values.astype(stored.newbyteorder("="))
    dtype = element.dtype
    if dtype.kind == "f" and values.dtype.kind in "iu":
        dtype = values.dtype if values.size and not _is_binary(values) else np.dtype(np.float32)
    # MATLAB stores the first dimension densest.
    return values.astype(dtype, copy=False).reshape(element.shape, order="F")


def _holds(dtype: np.dtype, stored: np.dtype) -> bool:
    """Whether an array of the type can be stored so."""
    if dtype.kind == "b":
        return stored == np.uint8
    if dtype.kind == "f" and stored.kind in "iu":
        return stored.itemsize <= dtype.itemsize
    return np.can_cast(stored, dtype)


def _is_binary(values: np.ndarray) -> bool:
    return values.min() >= 0 and values.max() <= 1


def _order(file: BinaryIO) -> str:
    """The byte order, by the file's first 128 bytes."""
    file.seek(0)
    head = file.read(128)
    if len(head) == 128 and head[126:] in (b"IM", b"MI"):
        order = "<" if head[126:] == b"IM" else ">"
        (version,) = struct.unpack(f"{order}H", head[124:126])
        if version == 0x200:
            raise ValueError(
                "a .mat of version 7.3, expected one of version 7 or older, as save -v7 writes"
            )
        if version == 0x100:
            return order
    elif len(head) >= 20 and 0 in head[:4] and any(head):
        raise ValueError("a .mat of version 4, whose arrays are tables; expected save -v7")
    raise ValueError("doesn't begin as such a file")


def _header(source, order) -> tuple[str, np.dtype, tuple[int, ...]] | None:
    """Name, type and shape of an array; None of what has no shape."""
    if isinstance(source, _Packed):
        kind, _, _ = _tag(source, order)
        if kind != MATRIX:
            raise ValueError(f"a packed element of the unknown type {kind}")
    kind, length, within = _tag(source, order)
    if (kind, length, within) != (UINT32, 8, None):
        raise ValueError("an array without flags")
    (flags, _) = struct.unpack(f"{order}II", source.read(8))
    class_number = flags & 0xFF
    if class_number in (FUNCTION, OPAQUE):
        return None
    kind, length, within = _tag(source, order)
    if kind not in (INT32, UINT32) or length % 4 or not 8 <= length <= 4 * MOST_DIMENSIONS:
        raise ValueError("an array without a shape")
    shape = struct.unpack(f"{order}{length // 4}i", _padded(source, length, within))
    if min(shape) < 0:
        raise ValueError(f"the shape {shape}")
    _, length, within = _tag(source, order)
    if length > LONGEST_NAME:
        raise ValueError(f"a name of {length} bytes")
    name = _padded(source, length, within).decode("utf-8", "backslashreplace")
    if class_number not in CLASSES:
        return name, np.dtype(object), shape
    dtype = np.dtype(CLASSES[class_number])
    if flags & COMPLEX:
        dtype = np.dtype(np.complex128)
    elif flags & LOGICAL:
        dtype = np.dtype(bool)
    return name, dtype, shape


def _tag(source, order) -> tuple[int, int, bytes | None]:
    """Data type and size of an element, and its data where it is within the tag."""
    raw = source.read(8)
    first, second = struct.unpack(f"{order}II", raw)
    if first >> 16:
        length = first >> 16
        if length > 4:
            raise ValueError(f"{length} bytes within a tag")
        return first & 0xFFFF, length, raw[4 : 4 + length]
    return first, second, None


def _padded(source, length: int, within: bytes | None) -> bytes:
    if within is not None:
        return within
    return source.read(-(-length // 8) * 8)[:length]


def _exactly(file: BinaryIO, count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise ValueError("cut short")
    return content


def _source(file: BinaryIO, start: int, length: int, packed: bool) -> _Plain | _Packed:
    file.seek(start)
    return (_Packed if packed else _Plain)(file, length)


class _Plain:
    """The bytes of an element.

    Args:
      file: at the first of them.
      length: how many there are.
    """

    def __init__(self, file: BinaryIO, length: int):
        self._file, self._left = file, length

    def read(self, count: int) -> bytes:
        """So many bytes, which must be there; few at a time."""
        if count > self._left:
            raise ValueError("an element is shorter than it says")
        self._left -= count
        return _exactly(self._file, count)

    def finish(self) -> None:
        """Checks that nothing is left but the padding."""
        if self._left > 7:
            raise ValueError("an element is longer than it says")


class _Packed(_Plain):
    """The same, compressed."""

    def __init__(self, file: BinaryIO, length: int):
        super().__init__(file, length)
        self._inflater, self._pending = zlib.decompressobj(), b""

    def read(self, count: int) -> bytes:
        parts = []
        while count:
            part = self._next(count)
            if not part:
                raise ValueError("an element is shorter than it says")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def finish(self) -> None:
        left = 0
        while not self._inflater.eof:  # the checksum is compared at the end
            part = self._next(CHUNK)
            left += len(part)
            if left > 7 or not (part or self._inflater.eof):
                raise ValueError("an element is longer or shorter than it says")

    def _next(self, count: int) -> bytes:
        """Some bytes; none at the end."""
        while not self._inflater.eof:
            if not self._pending and self._left:
                self._pending = super().read(min(self._left, 2**16))
            given = self._pending
            part = self._inflater.decompress(given, count)
            self._pending = self._inflater.unconsumed_tail
            if part or not (given or self._left):
                return part
        return b""
