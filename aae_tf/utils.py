"""What any package may use: files written aside, a user's functions, rows, the progress bar."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import logging
import math
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tqdm

from aae_tf.errors import SettingsError


def write_aside(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file under another name in its folder, then renames it, durably.

    Raises:
      OSError: that names the file.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(aside, "wb") as file:
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


@contextlib.contextmanager
def locked(path: pathlib.Path, wait: bool = True) -> Iterator[None]:
    """Holds the lock of a file, which the system releases if the process ends.

    Args:
      path: of the file, made if need be.
      wait: until no other process holds it.

    Raises:
      BlockingIOError: if another process holds it and this one isn't to wait.
    """
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def is_own(spec: str) -> bool:
    """Whether a setting's value names a function of the user's own."""
    return ":" in spec


def load_function(flag: str, spec: str) -> Callable:
    """Imports what 'package.module:function' names.

    Args:
      flag: whose value it is, for the error.
      spec: the value.

    Raises:
      SettingsError: if it can't be imported, or can't be called.
    """
    module_name, _, function = spec.partition(":")
    try:
        loaded = getattr(importlib.import_module(module_name), function)
    except Exception as error:  # a user's module may raise anything
        raise SettingsError(flag, spec, f"an importable function ({error!r})") from None
    if not callable(loaded):
        raise SettingsError(flag, spec, f"a function; it is a {type(loaded).__name__}")
    return loaded


def evenly_spaced(size: int, count: int) -> np.ndarray:
    """At most `count` rows of `size`, evenly spaced from the first, since data may be sorted."""
    count = min(size, count)
    return np.arange(count) * size // count


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Intensities, by a linear output maybe beyond 0..1, as uint8."""
    return np.round(np.clip(np.nan_to_num(images), 0, 1) * 255).astype(np.uint8)


BAR_FORMAT = (
    "{desc}{percentage:3.0f}%|{bar:12}| {n_fmt}/{total_fmt} [{remaining} left, {rate_fmt}]{postfix}"
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
    interval = 0.2 if sys.stderr.isatty() else 60
    return tqdm.tqdm(
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
        disable=not shown,
    )


def note(line: str) -> None:
    """Tells the user something on standard error, above a bar that may be there."""
    tqdm.tqdm.write(line, file=sys.stderr)


class _AboveTheBar(logging.Handler):
    """Writes a record's message to standard error, above a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.tqdm.write(self.format(record), file=sys.stderr)


@contextlib.contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Within it what the package logs is written to standard error."""
    package, handler = logging.getLogger("aae_tf"), _AboveTheBar()
    before = package.level, package.propagate
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    package.propagate = False  # libraries give the root logger handlers, which would say it again
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(before[0])
        package.propagate = before[1]
