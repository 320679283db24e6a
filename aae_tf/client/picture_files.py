"""The user's pictures: files, found by their names and sent as they are."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image

from aae_tf.arrays import ENDINGS as ARRAY_ENDINGS
from aae_tf.client.model import PredictionError
from aae_tf.utils import printable

logger = logging.getLogger(__name__)

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF8")
KINDS = "a PNG, JPEG, BMP or GIF picture, a folder of them, .npy, .npz, .mat or .csv"
MOST_NAMES = 8  # of files, in a message
MOST_BELOW = 3  # folders, in a message
GREY, IN_COLOUR = ("1", "L", "LA", "I", "I;16", "F"), ("RGB", "RGBA", "CMYK", "YCbCr")  # in Pillow
ORIENTATION, TURNED_FROM = 0x0112, 5  # in EXIF; width and height change places from there on


class PictureFiles(Sequence):
    """Files whose bytes are read when they are needed."""

    def __init__(self, files: Sequence[pathlib.Path]):
        self._files = list(files)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, rows: slice) -> np.ndarray:
        content = [_content(file) for file in self._files[rows]]
        return np.array([*content, None], object)[:-1]  # None keeps numpy from looking inside

    @property
    def paths(self) -> list[pathlib.Path]:
        return self._files

    @property
    def names(self) -> list[str]:
        return [file.name for file in self._files]

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each."""
        sizes = []
        for file in self._files:
            with _reading(file):
                sizes.append(file.stat().st_size)
        return np.array(sizes)


def are_pictures(path: pathlib.Path) -> bool:
    """Whether the input is a picture or a folder; a file of another name by what it holds."""
    with _reading(path):
        if not path.exists():
            raise PredictionError(f"--input={path}: no such file or folder; expected {KINDS}")
    if path.is_dir() or path.suffix.lower() in ENDINGS:
        return True
    if path.suffix.lower() in (".csv", *ARRAY_ENDINGS):
        return False
    if _head(path).startswith(HEADS):
        return True
    raise PredictionError(f"--input={path}: expected {KINDS}")


def find(path: pathlib.Path) -> PictureFiles:
    """The picture, or all PNG, JPEG, BMP and GIF files of a folder in the order of their names."""
    files = [path]
    if path.is_dir():
        with _reading(path):
            entries = sorted(path.iterdir())
        files = [file for file in entries if _is_picture(file)]
        if not files:
            expected = f"expected PNG, JPEG, BMP or GIF files in it{_below(path)}"
            raise PredictionError(f"--input={path}: {expected}")
        chosen = set(files)
        if others := [printable(f.name) for f in entries if f not in chosen]:
            shown = ", ".join(others[:MOST_NAMES]) + (", ..." if len(others) > MOST_NAMES else "")
            count = f"{len(files)} of {len(entries)} files and folders"
            logger.info("%s: read %s, not %s", path, count, shown)
    for file in files:
        if not _head(file).startswith(HEADS):
            raise PredictionError(f"--input={file}: not a PNG, JPEG, BMP or GIF picture")
    return PictureFiles(files)


def _is_picture(file: pathlib.Path) -> bool:
    """Whether its name says so."""
    return file.suffix.lower() in ENDINGS and not file.name.startswith(".")


def _below(path: pathlib.Path) -> str:
    """The first folders below that have pictures, as the end of a message."""
    found: list[str] = []
    for folder, below, names in os.walk(path):
        below.sort()
        if any(_is_picture(pathlib.Path(name)) for name in names):
            found.append(printable(folder))
        if len(found) > MOST_BELOW:
            break
    more = " and more" if len(found) > MOST_BELOW else ""
    return f"; there are some in {', '.join(found[:MOST_BELOW])}{more}" if found else ""


def unlike(files: PictureFiles, shape: Sequence[int | None]) -> str:
    """How many pictures were resized, and had other channels, in words; '' where none.

    Args:
      files: that a model was asked about.
      shape: `(height, width, channels)` of what it takes.
    """
    seen = [look for look in map(_size_and_mode, files.paths) if look is not None]
    height, width, channels = shape
    resized = sum(size != (width, height) for size, _ in seen)
    kind, modes = ("grey", GREY) if channels == 3 else ("in colour", IN_COLOUR)
    others = sum(mode in modes for _, mode in seen)
    counts = [(resized, f"resized to {height}x{width}"), (others, kind)]
    said = [f"{n} {'was' if n == 1 else 'were'} {what}" for n, what in counts if n]
    if not said:
        return ""
    count, _, first = said[0].partition(" ")
    of = "1 picture" if len(files) == 1 else f"{count} of {len(files)} pictures"
    return ", ".join([f"{of} {first}", *said[1:]])


def _size_and_mode(file: pathlib.Path) -> tuple[tuple[int, int], str] | None:
    """Width and height as it is to be seen, and Pillow's mode; None of what Pillow can't read."""
    with contextlib.suppress(Exception), warnings.catch_warnings():  # a model takes more than that
        warnings.simplefilter("ignore")
        with Image.open(file) as picture:
            width, height = picture.size
            turned = picture.getexif().get(ORIENTATION, 1) >= TURNED_FROM
            return ((height, width) if turned else (width, height)), picture.mode
    return None


def _head(file: pathlib.Path) -> bytes:
    with _reading(file), open(file, "rb") as opened:
        return opened.read(max(map(len, HEADS)))


def _content(file: pathlib.Path) -> bytes:
    with _reading(file):
        return file.read_bytes()


@contextlib.contextmanager
def _reading(file):
    try:
        yield
    except OSError as error:
        raise PredictionError(f"--input={file}: {os.strerror(error.errno or 0)}") from None
