"""Command lines: the flagfiles that come with the package, and flags that make a run again.

It imports no TensorFlow.
"""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from aae_tf import experiments
from aae_tf.errors import did_you_mean
from aae_tf.settings import flatten

_PACKAGE = pathlib.Path(__file__).parents[1]
# Within the package where it is installed from a wheel, else beside it.
FLAGFILES = _PACKAGE / "flagfiles"
if not FLAGFILES.is_dir():
    FLAGFILES = _PACKAGE.parent / "flags"


def find_file(name: str) -> str:
    """The path of a flagfile, or of a search's space.

    Args:
      name: a path, or one below the package's flagfiles, such as 'aae/table2_mnist_100.flags'.
    """
    packaged = FLAGFILES / name
    return str(packaged) if packaged.is_file() and not pathlib.Path(name).exists() else name


def near_file(name: str) -> str:
    """The package's flagfile that may have been meant, as the end of a message."""
    packaged = [str(file.relative_to(FLAGFILES)) for file in sorted(FLAGFILES.rglob("*.flags"))]
    return did_you_mean(name, packaged)


def flags_of(flat: Mapping[str, Any], leave_out: Collection[str] = ()) -> list[str]:
    """The flags that give a run's settings: experiment, recipe and what differs from the recipe.

    Args:
      flat: the settings by flag name, as `settings.flatten` and settings.json have them.
      leave_out: flags not to give.
    """
    experiment, recipe = flat["experiment"], flat["recipe"]
    usual = flatten(experiments.settings_of(experiment, recipe))
    given = [f"--experiment={experiment}", f"--recipe={recipe}"]
    for flag, value in flat.items():
        if flag not in leave_out and usual.get(flag) != value:
            if isinstance(value, bool):
                given.append(f"--{flag}" if value else f"--no{flag}")
            else:
                given.append(f"--{flag}={value}")
    return given
