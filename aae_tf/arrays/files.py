"""The one reader of `.npz`, `.npy` and `.mat`.

An array's header is checked before any of its data is read, only arrays that are asked for are
read, and nothing is unpickled. What a file declares is believed as far as the file's own size
bears it out.
"""

from __future__ import annotations

import abc
import contextlib
import io
import math
import os
import pathlib
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from aae_tf.arrays import mat
from aae_tf.errors import DataError, UserError
from aae_tf.utils import printable

ENDINGS = (".npz", ".npy", ".mat")
LONGEST_HEADER = 4096  # bytes; numpy's are some 120
MOST_DIMENSIONS, LONGEST_DIMENSION = 32, 2**40
# Packed data may be larger by a factor that pictures don't reach, unless it is small anyway.
MOST_EXPANSION, SMALL = 200, 2**28
MAGIC_NPY = b"\x93NUMPY"
BLOCK = 2**24  # bytes that are read together
LOCAL_HEADER = struct.Struct("<26x2H")  # of a member of a zip: the lengths of its name and extras


class Header(NamedTuple):
    """What is known of an array before its data is read.

    Args:
      dtype: of the array; of objects where it holds no numbers.
      shape: of the array.
    """

    dtype: np.dtype
    shape: tuple[int, ...]


class ArrayFile(abc.ABC):
    """An open file of arrays.

    Args:
      flag: with its value, as messages begin.
      file: opened to read bytes.
    """

    kind: str
    names: tuple[str, ...]

    def __init__(self, flag: str, file: BinaryIO):
        self._flag = flag
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    def header(self, name: str) -> Header:
        """The type and shape of one of the arrays, of which no data is read.

        Raises:
          DataError: if it can't be read, or can't be as large as it says.
        """
        with _readable(self._flag, self.kind):
            header = self._header(name)
            self._check_size(name, header, self._stored(name))
            return header

    def read(self, name: str) -> np.ndarray:
        """One of the arrays.

        Raises:
          DataError: if it can't be read, or holds what would have to be unpickled.
        """
        if self.header(name).dtype.hasobject:
            raise DataError(
                f"{self._flag}: {_quoted(name)} holds Python objects, which are never "
                "unpickled; expected an array of numbers"
            )
        with _readable(self._flag, self.kind):
            return self._read(name)

    def position(self, name: str) -> int | None:
        """Where the array's bytes lie in the file, one image after the other; None if packed.

        Raises:
          DataError: if it can't be read, or isn't what its checksum says.
        """
        with _readable(self._flag, self.kind):
            position = self._position(name)
            if position is not None:
                self._check_sum(name)
            return position

    def _position(self, name: str) -> int | None:
        del name

    def _check_sum(self, name: str) -> None:
        """Raises an error if the array isn't what its checksum says, where it has one."""
        del name

    @abc.abstractmethod
    def _header(self, name: str) -> Header: ...

    @abc.abstractmethod
    def _stored(self, name: str) -> int:
        """How many bytes of the file hold the array."""

    @abc.abstractmethod
    def _read(self, name: str) -> np.ndarray: ...

    def _check_size(self, name: str, header: Header, stored: int) -> None:
        dtype, shape = header
        if len(shape) > MOST_DIMENSIONS or not all(0 <= n <= LONGEST_DIMENSION for n in shape):
            raise ValueError(f"{_quoted(name)} declares an impossible shape")
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or size <= SMALL:
            return
        shown = f"{self._flag}: {_quoted(name)} declares {size / 2**30:,.1f} GiB"
        if size > MOST_EXPANSION * stored:
            raise DataError(
                f"{shown} in {stored / 2**20:,.1f} MiB of file; expected at most "
                f"{MOST_EXPANSION} times its bytes"
            )
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
        if size > most and (dtype != np.uint8 or self._position(name) is None):
            raise DataError(
                f"{shown}; expected at most {most / 2**30:,.1f} GiB, half of this machine's "
                "memory, since such arrays are read as a whole; bytes that np.savez writes are "
                "streamed"
            )


@contextlib.contextmanager
def open_arrays(flag: str, path: pathlib.Path) -> Iterator[ArrayFile]:
    """Opens an `.npz`, `.npy` or `.mat`.

    Args:
      flag: with its value, as messages begin.
      path: of the file; its ending says of which kind it is.

    Raises:
      DataError: if it is no such file.
    """
    kinds = {kind.kind: kind for kind in (NpzFile, NpyFile, MatFile)}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{flag}: expected a file of the kinds {', '.join(ENDINGS)}")
    with contextlib.ExitStack() as stack:
        with _readable(flag, kind.kind):
            file = stack.enter_context(open(path, "rb"))
            opened = kind(flag, file)
        yield opened


class NpzFile(ArrayFile):
    """Arrays as `np.savez` and `np.savez_compressed` write them; other members are left alone."""

    kind = ".npz"

    def __init__(self, flag: str, file: BinaryIO):
        super().__init__(flag, file)
        self._archive = zipfile.ZipFile(file)
        self._members = {
            info.filename.removesuffix(".npy"): info
            for info in self._archive.infolist()
            if info.filename.endswith(".npy")
        }
        self.names = tuple(self._members)

    def _stored(self, name):
        return min(self._members[name].compress_size, self._size)

    def _header(self, name):
        info = self._members[name]
        if info.flag_bits & 1:
            raise ValueError(f"{_quoted(name)} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(
                f"{_quoted(name)} is packed in another way than np.savez_compressed does"
            )
        with self._archive.open(info) as member:
            header, length, _ = _npy_header(member)
        _check_length(name, header, info.file_size - length)
        return header

    def _position(self, name):
        info = self._members[name]
        if info.compress_type != zipfile.ZIP_STORED:
            return None
        self._file.seek(info.header_offset)
        local = self._file.read(LOCAL_HEADER.size)
        *_, name_length, extra_length = LOCAL_HEADER.unpack(local)
        self._file.seek(name_length + extra_length, os.SEEK_CUR)
        return _position(self._file)

    def _check_sum(self, name):
        with self._archive.open(self._members[name]) as member:
            while member.read(BLOCK):  # compared at the end
                pass

    def _read(self, name):
        with self._archive.open(self._members[name]) as member:
            # The member's checksum is compared at its end, which is the array's.
            return np.lib.format.read_array(member, allow_pickle=False)


class NpyFile(ArrayFile):
    """The one array of an .npy, whose name is empty."""

    kind = ".npy"
    names = ("",)

    def _stored(self, name):
        return self._size

    def _header(self, name):
        self._file.seek(0)
        header, length, _ = _npy_header(self._file)
        _check_length(name, header, self._size - length)
        return header

    def _position(self, name):
        self._file.seek(0)
        return _position(self._file)

    def _read(self, name):
        self._file.seek(0)
        return np.lib.format.read_array(self._file, allow_pickle=False)


class MatFile(ArrayFile):
    """Arrays of a .mat of MATLAB's versions 5 to 7."""

    kind = ".mat"

    def __init__(self, flag: str, file: BinaryIO):
        super().__init__(flag, file)
        self._elements = mat.find_arrays(file, self._size)
        self.names = tuple(self._elements)

    def _stored(self, name):
        return self._elements[name].stored

    def _header(self, name):
        element = self._elements[name]
        return Header(element.dtype, element.shape)

    def _read(self, name):
        return mat.read_array(self._file, self._elements[name])


def _quoted(name: str) -> str:
    return f"'{printable(name)}'" if name else "its array"


def _position(file) -> int | None:
    """Where the bytes of the .npy begin at which the file stands; None if not row by row."""
    header, _, by_columns = _npy_header(file)
    return None if by_columns or header.dtype.hasobject else file.tell()


def _npy_header(file) -> tuple[Header, int, bool]:
    """An .npy's header, how long it is, and whether its data lies column by column."""
    start = file.read(len(MAGIC_NPY) + 2)
    if not start.startswith(MAGIC_NPY) or len(start) < len(MAGIC_NPY) + 2:
        raise ValueError("holds something that is no array")
    version = start[-2]
    if version not in (1, 2):
        raise ValueError("a header of a version for structures alone")
    form = "<H" if version == 1 else "<I"
    prefix = file.read(struct.calcsize(form))
    (length,) = struct.unpack(form, prefix)
    if length > LONGEST_HEADER:
        raise ValueError(f"a header of {length} bytes, expected at most {LONGEST_HEADER}")
    text = file.read(length)
    # It is taken apart as a literal of Python; nothing in it is evaluated.
    read = np.lib.format.read_array_header_1_0 if version == 1 else _header_2
    shape, by_columns, dtype = read(io.BytesIO(prefix + text))
    return Header(dtype, shape), len(start) + len(prefix) + len(text), by_columns


_header_2 = np.lib.format.read_array_header_2_0


def _check_length(name: str, header: Header, stored: int) -> None:
    """Raises ValueError if the data isn't as long as the header says."""
    dtype, shape = header
    size = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and size != stored:
        raise ValueError(f"{_quoted(name)} has {stored} bytes, {size} by its header")


@contextlib.contextmanager
def _readable(flag: str, kind: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for a damaged file
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise DataError(f"{flag}: not a readable {kind} ({printable(reason)})") from None
