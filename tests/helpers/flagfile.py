"""Reads flagfiles as absl does, without any default that could hide a missing line."""

import pathlib

from absl import flags

from aae_tf import experiments
from aae_tf.settings import Settings, describe, override

FOLDER = pathlib.Path(__file__).parents[2] / "flags"
FILES = sorted(FOLDER.rglob("*.flags"))
OF_SEEDS = ("seeds", "best_after", "score")  # which may stand beside settings


def read(path, *more):
    """The settings that the file gives, and flags after it, by flag name."""
    return parse(f"--flagfile={path}", *more)


def parse(*command):
    """The settings that flags and flagfiles give, by flag name."""
    values, names = _values(command)
    return {name: values[name].value for name in names if values[name].present}


def settings(*command) -> Settings:
    """The settings of a run by flags and flagfiles."""
    given = parse(*command)
    return override(experiments.settings_of(given["experiment"], given.get("recipe")), given)


def read_of_seeds(path, *more):
    """What the file, and flags after it, say of seeds, as text by flag name."""
    values, _ = _values((f"--flagfile={path}", *more))
    return {name: values[name].value for name in OF_SEEDS if values[name].present}


def _values(command):
    values = flags.FlagValues()
    define = {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool}
    names = [("experiment", str), ("recipe", str)] + [(s.flag, s.type) for s in describe()]
    for name, kind in [*names, *((name, str) for name in OF_SEEDS)]:
        define.get(kind, flags.DEFINE_string)(name, None, "", flag_values=values)
    left = values(["program", *command])
    assert left == ["program"]
    return values, [name for name, _ in names]
