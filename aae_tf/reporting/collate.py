"""A table of many runs: mean and standard deviation over seeds.

It imports no TensorFlow.
"""

from __future__ import annotations

import json
import pathlib
import statistics
from collections import defaultdict
from typing import Any

from aae_tf.errors import RunFolderError
from aae_tf.experiments import settings_of
from aae_tf.settings import flatten


def collate(folder: pathlib.Path) -> str:
    """A Markdown table of every result.json below a folder, on test images.

    Runs that share all settings but the seed stand in one row as mean ± standard deviation.

    Raises:
      RunFolderError: if there is none, or one can't be read.
    """
    groups = defaultdict(list)
    for file in sorted(folder.rglob("result.json")):
        try:
            result = json.loads(file.read_text())
            told = _told(file.with_name("settings.json"), result)
            groups[result["experiment"], result["recipe"], told, result["epochs"]].append(result)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunFolderError(f"{file} can't be used ({error!r})") from None
    if not groups:
        raise RunFolderError(f"--run_dir={folder}: holds no result.json, in no folder below either")
    names = list(
        dict.fromkeys(
            key.removeprefix("test/")
            for results in groups.values()
            for result in results
            for key in result["metrics"]
            if key.startswith("test/")
        )
    )
    head = ["experiment", "recipe", "settings", "epochs", "seeds", *names, "minutes"]
    rows = [head, ["---"] * len(head)]
    for (experiment, recipe, told, epochs), results in sorted(groups.items()):
        seeds = ", ".join(str(result["seed"]) for result in results)
        cells = [
            _mean_and_deviation([r["metrics"].get(f"test/{name}") for r in results])
            for name in names
        ]
        minutes = _mean_and_deviation([result["wall_seconds"] / 60 for result in results], 2)
        rows.append([experiment, recipe, told, f"{epochs:g}", seeds, *cells, minutes])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _told(file: pathlib.Path, result: dict[str, Any]) -> str:
    """The settings in which a run differs from its recipe, seed and epochs aside."""
    if not file.exists():
        return ""
    own = json.loads(file.read_text())
    recipe = flatten(settings_of(result["experiment"], result["recipe"]), only_changing_run=True)
    return ", ".join(
        f"{flag}={own[flag]}"
        for flag, value in recipe.items()
        if flag not in ("seed", "epochs") and own.get(flag, value) != value
    )


def _mean_and_deviation(values: list[float | None], digits: int = 4) -> str:
    """Nothing for a number that not all of the runs have."""
    if None in values:
        return ""
    text = f"{statistics.fmean(values):.{digits}g}"
    return text if len(values) == 1 else f"{text} ± {statistics.stdev(values):.1g}"
