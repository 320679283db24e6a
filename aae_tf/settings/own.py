"""What is the user's own among the settings: functions by package.module:function, or objects."""

from __future__ import annotations

import contextlib
import contextvars
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aae_tf.errors import SettingsError

GIVEN = "__python__"  # stands for the module of what has no name to import it by
_GIVEN_NOW: contextvars.ContextVar[Mapping[str, Any] | None] = contextvars.ContextVar(
    "given", default=None
)


def is_own(spec: str) -> bool:
    """Whether a setting's value names a function of the user's own."""
    return ":" in spec


def readable_name(name: object) -> str:
    """A name as people read it, or a flag with one: 'x, given in Python' for '__python__:x'."""
    return re.sub(rf"{GIVEN}:(\w+)", r"\1, given in Python", str(name))


def load_function(flag: str, spec: str) -> Callable:
    """Imports what 'package.module:function' names, or takes what was given in Python.

    Args:
      flag: whose value it is, for the error.
      spec: the value.

    Raises:
      SettingsError: if it can't be imported, or can't be called.
    """
    module_name, _, function = spec.partition(":")
    if module_name == GIVEN:
        given = _GIVEN_NOW.get() or {}
        if function not in given:
            expected = (
                f"the object that was given in Python, as in aae_tf.load(..., {function}=...)"
            )
            raise SettingsError(flag, spec, expected)
        return given[function]
    try:
        with _working_folder_importable():
            loaded = getattr(importlib.import_module(module_name), function)
    except Exception as error:  # a user's module may raise anything
        raise SettingsError(flag, spec, f"an importable function ({error!r})") from None
    if not callable(loaded):
        raise SettingsError(flag, spec, f"a function; it is a {type(loaded).__name__}")
    return loaded


@contextlib.contextmanager
def given_in_python(objects: Mapping[str, Any]) -> Iterator[None]:
    """Within it `load_function` gives these objects for '__python__:NAME', by name."""
    token = _GIVEN_NOW.set(objects)
    try:
        yield
    finally:
        _GIVEN_NOW.reset(token)


def objects_given() -> list[Any]:
    """The objects that `load_function` knows now."""
    return list((_GIVEN_NOW.get() or {}).values())


@contextlib.contextmanager
def _working_folder_importable() -> Iterator[None]:
    """Within it modules are looked for in the working folder too, last.

    What lies there by chance is never taken for a library.
    """
    before = list(sys.path)
    sys.path.append(os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before
