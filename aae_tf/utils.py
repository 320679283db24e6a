"""What any package may use: files, rows, what is said on standard error."""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import errno
import fcntl
import io
import json
import logging
import math
import os
import pathlib
import shlex
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tqdm

LARGEST_JSON = 64 * 2**20  # bytes of a file that are read

logger = logging.getLogger(__name__)


def write_aside(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file under another name in its folder, then renames it, durably.

    Raises:
      OSError: that names the file.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(aside, "wb") as file:
            with contextlib.suppress(OSError):  # as long as it is locked it is no leftover
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def sync_folder(path: pathlib.Path) -> None:
    """Lets the names in a folder outlive a loss of power, where the file system can do that."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def sync_tree(path: pathlib.Path) -> None:
    """Lets all that lies below a folder outlive a loss of power."""
    for folder, _, files in os.walk(path):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                os.fsync(file.fileno())
        sync_folder(pathlib.Path(folder))


@contextlib.contextmanager
def plain_path(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Another path of a folder that is there, if TensorFlow can't take its own one.

    What it reads it takes for a pattern, so that it misses a folder called 'lr[0.1]', and it knows
    no name but of UTF-8.
    """
    name = str(folder)
    if not (set(name) & set("*?[\\")) and name.isprintable():
        yield folder
        return
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    other = pathlib.Path(f"/proc/self/fd/{opened}")
    try:
        yield other if other.exists() else folder
    finally:
        os.close(opened)


def make_folder(path: pathlib.Path) -> None:
    """Makes a folder and those above it; where a link leads to nothing, what it leads to."""
    pathlib.Path(os.path.realpath(path)).mkdir(parents=True, exist_ok=True)


def read_text(path: str | pathlib.Path, at_most: int = 2**22) -> str:
    """The text of a file that somebody else may have made: neither a pipe nor without end.

    Args:
      path: of the file.
      at_most: bytes that it may have.

    Raises:
      OSError: that names the file, if it can't be read, is no regular file or is larger.
      UnicodeDecodeError: if it isn't UTF-8.
    """
    # A pipe that nobody writes to is waited for otherwise.
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(opened, "rb") as file:
        kind = os.fstat(opened).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(kind):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, f"Has more than {at_most} bytes", str(path))
    return content.decode()


def printable(text: object) -> str:
    """Text without what a terminal would obey: control characters as Python escapes them."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(text)
    )


def terminal_width() -> int:
    """Letters that fit a line of standard output, from 80 to 160; 100 where it is no terminal."""
    return min(max(80, shutil.get_terminal_size((100, 24)).columns), 160)


def quoted(text: object) -> str:
    """An argument of a shell's command line, on one line whatever it holds."""
    word = str(text)
    if word.isprintable():
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    raw = plain.encode(errors="surrogateescape")
    return "$'" + "".join(chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in raw) + "'"


def write_json(path: pathlib.Path, content: Any) -> None:
    """Writes JSON that people can read."""
    write_aside(path, json.dumps(content, indent=2) + "\n")


def strict_json(content: Any, indent: int | None = None) -> str:
    """JSON with null for what it has no number for: a diverged run's NaN, say."""
    return json.dumps(_finite(content), indent=indent, allow_nan=False)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The object that a JSON file holds, all of which can be computed with and written again.

    Raises:
      OSError: if it can't be read.
      ValueError: if it holds something else.
    """
    try:
        parsed = json.loads(read_text(path, LARGEST_JSON), parse_int=_parse_int)
        json.dumps(parsed, ensure_ascii=False).encode()  # not so if half a character is in it
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(parsed, dict):
        raise ValueError(f"it holds no object but {str(parsed)[:40]!r}")
    return parsed


def _parse_int(digits: str) -> int:
    if len(digits) > 19:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@contextlib.contextmanager
def handling(numbers: Iterable[int], handler: Callable) -> Iterator[None]:
    """Within it a function handles signals; off the main thread, where Python forbids it, nothing.

    Args:
      numbers: of the signals. A hang-up that is ignored (nohup) stays so, and what C code handles
        is left to it, since it could not be put back.
      handler: called with the number and the frame.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            present = signal.getsignal(number)
            if present is None or (number == signal.SIGHUP and present == signal.SIG_IGN):
                continue
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


def evenly_spaced(size: int, count: int) -> np.ndarray:
    """At most `count` rows of `size`, evenly spaced from the first, since data may be sorted."""
    count = min(size, count)
    return np.arange(count) * size // count


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Intensities, by a linear output maybe beyond 0..1, as uint8."""
    return np.round(np.clip(np.nan_to_num(images), 0, 1) * 255).astype(np.uint8)


BAR_FORMAT = (
    "{desc}{percentage:3.0f}%|{bar:8}| {n_fmt}/{total_fmt} [{remaining} left, {rate_fmt}]{postfix}"
)


def progress_bar(
    total: int | None,
    unit: str,
    initial: int = 0,
    shown: bool = True,
    late: bool = False,
    label: str = "",
    over: Iterable | None = None,
) -> tqdm.tqdm:
    """A bar that is drawn often on a terminal, and a line a minute elsewhere.

    Args:
      total: of all there is to do; None for the length of `over`.
      unit: what is counted.
      initial: done before.
      shown: whether there is a bar at all.
      late: whether only what takes longer than a few seconds has one.
      label: that stands before it.
      over: what to go through beside it; it goes away at the end then. Else `update` moves it.
    """
    in_lines = log_format() == "json"
    interval = 0.2 if sys.stderr.isatty() and not in_lines else 60
    return (_BarInLines if in_lines else tqdm.tqdm)(
        over,
        desc=f"{label}: " if label else None,
        total=total,
        initial=initial,
        unit=unit,
        leave=over is None,
        mininterval=interval,
        maxinterval=interval,
        dynamic_ncols=sys.stderr.isatty(),
        smoothing=0.1,
        bar_format=BAR_FORMAT,
        delay=max(interval, 3) if late else 0,
        disable=not (shown and _BARS.get()),
        file=io.StringIO() if in_lines else None,
    )


def set_fitting_postfix(bar: tqdm.tqdm, items: Sequence[str]) -> None:
    """Shows what fits behind a bar: whole items, the first ones, and no part of a number."""
    bar.set_postfix_str("", refresh=False)
    state = bar.format_dict
    shown, width = "", state["ncols"] or sys.maxsize
    for item in items:
        longer = f"{shown} · {item}" if shown else item
        if len(bar.format_meter(**{**state, "postfix": longer, "ncols": None})) > width:
            break
        shown = longer
    bar.set_postfix_str(shown, refresh=False)


class _BarInLines(tqdm.tqdm):
    """A bar that is logged instead of drawn, with the step where it counts steps."""

    def display(self, msg=None, pos=None):
        if msg != "":  # which clears it
            done = f"{self.desc or ''}{self.n} of {self.total} {self.unit}s {self.postfix or ''}"
            step = {"step": self.n} if self.unit == "step" else {}
            _LOGGER.info(done.strip(), extra=step)
        return True


_BARS: contextvars.ContextVar[bool] = contextvars.ContextVar("bars", default=True)


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Within it no progress bar is drawn or logged."""
    token = _BARS.set(False)
    try:
        yield
    finally:
        _BARS.reset(token)


def note(line: str) -> None:
    """Tells the user something on standard error, above a bar that may be there."""
    _LOGGER.warning(line)


_LOGGER = logging.getLogger("aae_tf")


class _AboveTheBar(logging.Handler):
    """Writes records to standard error, a line each, above a progress bar if there is one.

    Args:
      form: text or json.
    """

    def __init__(self, form: str):
        super().__init__()
        self.form = form

    def emit(self, record: logging.LogRecord) -> None:
        line = _as_json(record) if self.form == "json" else _as_text(record)
        tqdm.tqdm.write(line, file=sys.stderr)


def _as_text(record: logging.LogRecord) -> str:
    kind = "error: " if record.levelno >= logging.ERROR else ""
    return kind + printable(record.getMessage())


def _as_json(record: logging.LogRecord) -> str:
    time = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
    content = {
        "time": time.isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "message": record.getMessage(),
    }
    if hasattr(record, "step"):
        content["step"] = int(record.step)
    return json.dumps(content)


def log_format() -> str:
    """How what is logged is written at present: text or json."""
    forms = [one.form for one in _LOGGER.handlers if isinstance(one, _AboveTheBar)]
    return forms[-1] if forms else "text"


@contextlib.contextmanager
def logging_to_stderr(form: str = "text") -> Iterator[_AboveTheBar]:
    """Within it what the package logs is written to standard error.

    Args:
      form: text, or json for an object a line: time, level, message, and step where there is one.

    Returns:
      The handler, whose `form` may still change.
    """
    handler = _AboveTheBar(form)
    before = _LOGGER.level, _LOGGER.propagate
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False  # libraries give the root logger handlers, which would say it again
    try:
        yield handler
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(before[0])
        _LOGGER.propagate = before[1]
