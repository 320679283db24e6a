"""The one family of errors that a user can cause, each with a message of one line."""

from __future__ import annotations

import difflib
import errno
import os
import sys
from collections.abc import Iterable
from typing import Any

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOENT, errno.ENOTDIR)
# What may be raised by computing with what a file of nonsense holds.
NONSENSE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class UserError(Exception):
    """Something the user gave can't be used; the message says what, and what would be right."""

    exit_status = 1


class SettingsError(UserError):
    """A setting has a value that it can't have.

    Args:
      flag: name of the setting, which is also its flag's name.
      value: what was given.
      expected: what would be right, to be read after 'expected'.
    """

    exit_status = 2

    def __init__(self, flag: str, value: object, expected: str):
        super().__init__(f"--{flag}={value}: expected {expected}")
        self.flag = flag


def any_of(value: object, choices: Iterable[str], other: str = "") -> str:
    """What would be right, and which of it was meant if a name is near.

    Args:
      value: that was given.
      choices: the names that there are.
      other: what it may be besides.
    """
    names = list(choices)
    listed = "one of " + ", ".join(names) + (f", or {other}" if other else "")
    return listed + did_you_mean(value, names)


def did_you_mean(value: object, choices: Iterable[str], most: int = 1) -> str:
    """The names that are near, as the end of a message; '' where there is none.

    Args:
      value: that was given.
      choices: the names that there are.
      most: how many to name.
    """
    near = difflib.get_close_matches(str(value), dict.fromkeys(choices), n=most)
    return f"; did you mean {' or '.join(near)}?" if near else ""


class DataError(UserError):
    """A data file or data set is missing, altered, or of another form than expected."""


class RunFolderError(UserError):
    """A run folder can't serve for what is asked: other settings, no checkpoint, unreadable."""


class DivergedError(UserError):
    """A loss or a weight became NaN or infinite.

    Attributes:
      is_of_training: whether it was in a step of training, and not in an evaluation.
    """

    is_of_training = False


def in_one_line(error: Exception) -> str | None:
    """What was wrong with what the user gave, or what the system or TensorFlow couldn't do.

    None for an error of the program itself, whose traceback is needed.
    """
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        files = " and ".join(str(name) for name in (error.filename, error.filename2) if name)
        remedy = "; free some space, and the same command continues"
        said = f"{files or 'the system'}: {error.strerror}"
        is_full = error.errno in NO_SPACE and error.strerror == os.strerror(error.errno)
        return said + remedy if is_full else said
    tensorflow: Any = sys.modules.get("tensorflow")
    failures = (tensorflow.errors.OpError,) if hasattr(tensorflow, "errors") else ()
    for number in (*NO_SPACE, *REFUSED) if isinstance(error, failures) else ():
        before, said, _ = str(error).partition(f"; {os.strerror(number)}")
        if said:  # as TensorFlow says what a system call refused
            file = before.split()[-1] if before.split() else None
            return in_one_line(OSError(number, os.strerror(number), file))
    if isinstance(error, (MemoryError, *failures)):
        said = str(error).strip().partition("\n")[0][:300]
        return f"{type(error).__name__}: {said or 'not enough memory'}"
    return None


def unusable(file: object, error: object) -> RunFolderError:
    """The error that names a file of a run, and what is wrong with it.

    Args:
      file: its path.
      error: that reading it raised, or words.
    """
    reason = error.strerror if isinstance(error, OSError) else error
    text = repr(reason) if isinstance(reason, (LookupError, TypeError)) else str(reason)
    return RunFolderError(f"{file} can't be used ({text})")
