"""Where answers go: pictures in a folder, a table or an .npz, whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from aae_tf.client import inputs
from aae_tf.client.model import PredictionError, Signature
from aae_tf.utils import to_bytes, write_aside

IMAGES, BESIDE = "images", "codes.csv"
DIGITS = 5  # at least, of the numbers of pictures without names


def check_free(output: pathlib.Path) -> None:
    """Raises PredictionError if it is no name, or something is there already that would be lost."""
    if output.name in ("", ".."):
        raise PredictionError(f"--output={output}: expected the name of a new file or folder")
    with _writing(output):
        if output.is_dir() and output.suffix != ".npz" and not any(output.iterdir()):
            return
        if output.exists() or output.is_symlink():
            raise PredictionError(f"--output={output}: is there already; expected a new name")


def writer_for(
    output: pathlib.Path | None,
    name: str,
    signature: Signature,
    names: Sequence[str] | None,
    class_names: Sequence[str] = (),
) -> Arrays | Pictures | Table:
    """What writes a signature's answers.

    Args:
      output: a new file or folder; None to print numbers.
      name: of the signature.
      signature: its outputs are what is written.
      names: of the files that the inputs came from.
      class_names: of the model, if it has some that are known.

    Raises:
      PredictionError: if the answers can't go there.
    """
    if output is not None and output.suffix == ".npz":
        return Arrays(output, names)
    for key, tensor in signature.outputs.items():
        rank = len(tensor.shape or ())
        if not tensor.batched or (key == IMAGES) != (rank == 4) or rank > 4:
            raise PredictionError(
                f"--signature={name}: {key} is {tensor}; expected --output=NAME.npz"
            )
    if IMAGES not in signature.outputs:
        return Table(output, names, class_names)
    if output is None:
        raise PredictionError(
            f"--output=: expected a new folder for the images of {name}, or NAME.npz"
        )
    channels = signature.outputs[IMAGES].shape[3]
    if channels not in (1, 3):
        raise PredictionError(
            f"--output={output}: images of {channels} channels are no pictures; expected NAME.npz"
        )
    return Pictures(output, names)


class Arrays:
    """All answers in an .npz, with 'files' beside them where inputs have names."""

    def __init__(self, path: pathlib.Path, names: Sequence[str] | None):
        self._path, self._names, self._answers = path, names, []

    def add(self, answer: Mapping[str, np.ndarray]) -> None:
        """Takes the next rows."""
        self._answers.append(answer)

    def finish(self) -> None:
        """Writes the file."""
        first = self._answers[0]
        arrays = {
            name: np.concatenate([answer[name] for answer in self._answers])
            if len(self._answers) > 1
            else first[name]
            for name in first
        }
        if self._names is not None:
            arrays["files"] = np.array(self._names)
        content = io.BytesIO()
        np.savez(content, **arrays)
        _write(self._path, content.getvalue())

    def discard(self) -> None:
        """Leaves nothing behind."""


class Table:
    """Numbers as CSV, in a file or printed."""

    def __init__(
        self,
        path: pathlib.Path | None,
        names: Sequence[str] | None,
        class_names: Sequence[str] = (),
    ):
        self._path, self._classes = path, class_names
        self._names = None if names is None else [_in_utf8(name) for name in names]
        self._lines: list[list[str]] = []

    def add(self, answer: Mapping[str, np.ndarray]) -> None:
        """Takes the next rows."""
        answer = _with_class_names(answer, self._classes)
        if not self._lines:
            named = self._names is not None
            self._lines.append(inputs.table_header(answer, named, self._classes))
        done = len(self._lines) - 1
        count = len(next(iter(answer.values())))
        names = None if self._names is None else self._names[done : done + count]
        self._lines += inputs.table_rows(answer, names)

    def finish(self) -> None:
        """Writes or prints the table."""
        text = inputs.render_table(self._lines)
        if self._path is None:
            print(text, end="")
        else:
            _write(self._path, text.encode())

    def discard(self) -> None:
        """Leaves nothing behind."""


def _with_class_names(
    arrays: Mapping[str, np.ndarray], class_names: Sequence[str]
) -> Mapping[str, np.ndarray]:
    """The arrays with 'class_name' behind 'classes', if names are known."""
    if not class_names or "classes" not in arrays:
        return arrays
    known = [class_names[c] if 0 <= c < len(class_names) else str(c) for c in arrays["classes"]]
    listed = list(arrays.items())
    listed.insert(list(arrays).index("classes") + 1, ("class_name", np.array(known)))
    return dict(listed)


class Pictures:
    """Images as PNG files of a new folder, and numbers beside them in codes.csv."""

    def __init__(self, folder: pathlib.Path, names: Sequence[str] | None):
        self._folder, self._names = folder, None if names is None else _file_names(names)
        self._aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
        self._lines: list[list[str]] = []
        self._count = 0
        with _writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._aside.mkdir()

    def add(self, answer: Mapping[str, np.ndarray]) -> None:
        """Writes the next pictures."""
        images = to_bytes(answer[IMAGES])
        numbers = range(self._count, self._count + len(images))
        self._count = numbers.stop
        names = [f"{n:0{DIGITS}}.png" if self._names is None else self._names[n] for n in numbers]
        with _writing(self._folder):
            for name, image in zip(names, images, strict=True):
                (self._aside / name).write_bytes(png(image))
        if beside := {name: array for name, array in answer.items() if name != IMAGES}:
            self._lines = self._lines or [inputs.table_header(beside, named=True)]
            self._lines += inputs.table_rows(beside, names)

    def finish(self) -> None:
        """Gives the folder its name."""
        with _writing(self._folder):
            if self._lines:
                (self._aside / BESIDE).write_text(inputs.render_table(self._lines))
            os.rename(self._aside, self._folder)

    def discard(self) -> None:
        """Leaves nothing behind."""
        shutil.rmtree(self._aside, ignore_errors=True)


def _file_names(names: Sequence[str]) -> list[str] | None:
    """Names of pictures after those of the inputs, None where these can't tell them apart."""
    paths = [pathlib.PurePath(name) for name in names]
    for named in ([path.stem for path in paths], [path.name for path in paths]):
        told_apart = len({name.casefold() for name in named}) == len(named)
        if told_apart and all(name and name.isprintable() for name in named):
            return [f"{name}.png" for name in named]
    return None


def _in_utf8(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8, which Python keeps as surrogates, escaped."""
    return name.encode(errors="backslashreplace").decode()


def png(image: np.ndarray) -> bytes:
    """An image, uint8 `(height, width, 1 or 3)`, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "PNG")
    return file.getvalue()


def _write(path, content):
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, content)


@contextlib.contextmanager
def _writing(path):
    try:
        yield
    except OSError as error:
        raise PredictionError(f"--output={path}: {os.strerror(error.errno or 0)}") from None
