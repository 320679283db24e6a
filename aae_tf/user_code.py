"""Functions of the user's own, named as package.module:function."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from aae_tf.errors import SettingsError


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
        found = getattr(importlib.import_module(module_name), function)
    except Exception as error:  # a user's module may raise anything
        raise SettingsError(flag, spec, f"an importable function ({error!r})") from None
    if not callable(found):
        raise SettingsError(flag, spec, f"a function; it is a {type(found).__name__}")
    return found
