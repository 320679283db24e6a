"""Command lines that make a run again.

It imports no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aae_tf import experiments
from aae_tf.settings import flatten


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
