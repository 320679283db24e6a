"""Reads a flagfile as absl does, without any default that could hide a missing line."""

from absl import flags

from aae_tf.settings import describe

OF_SEEDS = ("seeds", "best_after", "score")  # which a flagfile may give beside settings


def read(path, *more):
    """The settings that the file gives, and flags after it, by flag name."""
    values, names = _values(path, more)
    return {name: values[name].value for name in names if values[name].present}


def read_of_seeds(path, *more):
    """What the file, and flags after it, say of seeds, as text by flag name."""
    values, _ = _values(path, more)
    return {name: values[name].value for name in OF_SEEDS if values[name].present}


def _values(path, more):
    values = flags.FlagValues()
    define = {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool}
    names = [("experiment", str), ("recipe", str)] + [(s.flag, s.type) for s in describe()]
    for name, kind in [*names, *((name, str) for name in OF_SEEDS)]:
        define.get(kind, flags.DEFINE_string)(name, None, "", flag_values=values)
    left = values(["program", f"--flagfile={path}", *more])
    assert left == ["program"]
    return values, [name for name, _ in names]
