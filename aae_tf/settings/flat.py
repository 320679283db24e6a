"""Between the nested form of the settings and the flat one of flags, flagfiles and JSON."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from aae_tf.errors import SettingsError, did_you_mean
from aae_tf.settings import evaluation, groups, method_groups
from aae_tf.settings.fields import Check
from aae_tf.settings.groups import Settings
from aae_tf.settings.method_groups import PHASES, PhaseSettings
from aae_tf.settings.own import is_own

# By the name of their field in Settings, in the order of the help page.
GROUPS = {
    "training": groups.TrainingSettings,
    "data": groups.DataSettings,
    "labels": method_groups.LabelSettings,
    "prior": groups.PriorSettings,
    "style": method_groups.StyleSettings,
    "categories": method_groups.CategorySettings,
    "clusters": method_groups.ClusterSettings,
    "heads": method_groups.HeadSettings,
    "variational": method_groups.VariationalSettings,
    "wasserstein": method_groups.WassersteinSettings,
    "regularised": method_groups.RegularisedSettings,
    "networks": groups.NetworkSettings,
    "evaluation": evaluation.EvaluationSettings,
    "execution": groups.ExecutionSettings,
}


PLACES = ("data_dir", "cache_dir")  # settings that name folders of a machine
FILES = ("dataset", "init_from", "inception_weights")  # and those that name the user's data


@dataclasses.dataclass(frozen=True)
class Described:
    """A setting as the command line shows it."""

    group: str
    flag: str
    type: type
    help: str
    choices: tuple[str, ...]
    check: Check


def describe() -> Iterator[Described]:
    """Yields every setting that a flag can override, group by group."""
    shown = [(cls, cls.__doc__ or "", "") for cls in GROUPS.values()]
    shown += [(PhaseSettings, f"Phase: {name}", f"{name}_") for name in PHASES]
    for cls, title, prefix in shown:
        for field in dataclasses.fields(cls):
            if "check" in field.metadata:
                check = field.metadata["check"]
                choices = getattr(check, "choices", ())
                flag, kind = prefix + field.name, type(field.default)
                yield Described(title, flag, kind, field.metadata["help"], choices, check)


def _parts(settings: Settings) -> list[Any]:
    """The groups that the settings have, then the phases."""
    parts = [getattr(settings, group) for group in GROUPS]
    return [part for part in parts if part is not None] + list(settings.phases)


def flatten(settings: Settings, *, only_changing_run: bool = False) -> dict[str, Any]:
    """The settings by flag name, tuples of sizes written as '1000,1000'."""
    flat: dict[str, Any] = {"experiment": settings.experiment, "recipe": settings.recipe}
    for part in _parts(settings):
        for field in dataclasses.fields(part):
            if "check" not in field.metadata:
                continue
            if only_changing_run and not field.metadata["changes_run"]:
                continue
            value = getattr(part, field.name)
            if isinstance(value, tuple):
                value = ",".join(map(str, value))
            flat[part.flag_prefix + field.name] = value
    return flat


def flatten_evaluation(settings: Settings) -> dict[str, Any]:
    """How a run is evaluated, by flag name, without the folders of a machine."""
    flat = flatten(settings)
    names = [field.name for field in dataclasses.fields(settings.evaluation)]
    return {name: flat[name] for name in names if name not in PLACES}


def without_places(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Flat settings without folders of a machine; of the user's files they have the names."""
    return {
        flag: pathlib.PurePath(value).name if flag in FILES else value
        for flag, value in flat.items()
        if flag not in PLACES
    }


def own_functions(settings: Settings) -> dict[str, str]:
    """The values that name functions of the user's own, by flag name."""
    flat = flatten(settings)
    takers = [s.flag for s in describe() if getattr(s.check, "takes_own", False)]
    return {flag: flat[flag] for flag in takers if is_own(flat.get(flag, ""))}


def override(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with the given ones replaced.

    Args:
      settings: where to start.
      values: by flag name, in the flat form of `flatten`.

    Raises:
      SettingsError: if a value is wrong, or the experiment has no such setting.
    """
    left = {k: v for k, v in values.items() if k not in ("experiment", "recipe")}

    def replaced(part):
        if part is None:
            return None
        changes = {}
        for field in dataclasses.fields(part):
            flag = part.flag_prefix + field.name
            if "check" in field.metadata and flag in left:
                value = left.pop(flag)
                if isinstance(field.default, tuple) and isinstance(value, str):
                    value = _parse_numbers(flag, value, field.metadata["check"])
                changes[field.name] = value
        return dataclasses.replace(part, **changes) if changes else part

    parts = {group: replaced(getattr(settings, group)) for group in GROUPS}
    phases = tuple(replaced(phase) for phase in settings.phases)
    for flag, value in left.items():
        known = () if flag in {s.flag for s in describe()} else flatten(settings)
        expected = f"a setting that --experiment={settings.experiment} has"
        raise SettingsError(flag, value, expected + did_you_mean(flag, known))
    return dataclasses.replace(settings, **parts, phases=phases)


def complete(flat: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """A flat form with what an older version did not know yet, at the value that changes nothing.

    Args:
      flat: of `flatten`, maybe by an older version.
      settings: whose flags it is to have; not their values, which may have changed since.
    """
    usual = {
        part.flag_prefix + field.name: field.default
        for part in _parts(settings)
        for field in dataclasses.fields(part)
        if "check" in field.metadata
    }
    listed = {k: ",".join(map(str, v)) if isinstance(v, tuple) else v for k, v in usual.items()}
    return {**listed, **flat}


def _parse_numbers(flag: str, text: str, check: Check) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise SettingsError(flag, text, check(()) or "numbers") from None


def to_flagfile(settings: Settings) -> str:
    """The text that repeats the run when it is passed as --flagfile."""
    lines = []
    for flag, value in flatten(settings).items():
        if isinstance(value, bool):
            lines.append(f"--{flag}" if value else f"--no{flag}")
        elif not fits_flagfile(value):
            lines.append(f"# --{flag} can't stand in a file of lines: give it beside this one")
        else:
            lines.append(f"--{flag}={value}")
    return "\n".join(lines) + "\n"


def fits_flagfile(value: Any) -> bool:
    """Whether a line of a flagfile can hold a value: no line break, nor a space at its end."""
    text = str(value)
    return "\n" not in text and "\r" not in text and text == text.rstrip()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Where two flat forms differ, as 'flag: old, now new'."""
    return [
        f"--{flag}: {old.get(flag, 'unset')}, now {new.get(flag, 'unset')}"
        for flag in sorted({*old, *new})
        if old.get(flag) != new.get(flag)
    ]
