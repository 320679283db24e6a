"""Reads a flagfile as absl does, without any default that could hide a missing line."""

from absl import flags

from aae_tf.settings import describe


def read(path, *more):
    """What the file gives, and flags after it, by flag name."""
    values = flags.FlagValues()
    define = {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool}
    names = [("experiment", str), ("recipe", str)] + [(s.flag, s.type) for s in describe()]
    for name, kind in names:
        define.get(kind, flags.DEFINE_string)(name, None, "", flag_values=values)
    left = values(["program", f"--flagfile={path}", *more])
    assert left == ["program"]
    return {name: values[name].value for name, _ in names if values[name].present}
