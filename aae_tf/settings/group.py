"""What the groups of settings share: fields with help and check, and the checking."""

from __future__ import annotations

import dataclasses
import math

from aae_tf.errors import SettingsError
from aae_tf.settings.checks import Check, anything


def setting(default, help_text: str, check: Check = anything, *, changes_run: bool = True):
    """A field with help and check; `changes_run` is False where results don't hang on it."""
    metadata = {"help": help_text, "check": check, "changes_run": changes_run}
    return dataclasses.field(default=default, metadata=metadata)


class Checked:
    """Base of the groups: coerces ints to floats, then runs every field's check."""

    flag_prefix = ""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if "check" not in field.metadata:
                continue
            flag = self.flag_prefix + field.name
            value = getattr(self, field.name)
            wanted = type(field.default)
            if wanted is float and type(value) is int:
                value = float(value)
                object.__setattr__(self, field.name, value)
            if type(value) is not wanted:
                raise SettingsError(flag, value, f"a value of type {wanted.__name__}")
            if wanted is float and not math.isfinite(value):
                raise SettingsError(flag, value, "a finite number")
            complaint = field.metadata["check"](value)
            if complaint:
                shown = ",".join(map(str, value)) if wanted is tuple else value
                raise SettingsError(flag, shown, complaint)
