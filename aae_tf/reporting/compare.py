"""Finished runs side by side."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.reporting.class_figures import categories_over_training
from aae_tf.reporting.figures import learning_curves
from aae_tf.reporting.files import write_aside
from aae_tf.reporting.recorder import CATEGORIES
from aae_tf.reporting.run_folder import MetricsTable, RunFolder
from aae_tf.reporting.style import to_png
from aae_tf.settings import differences, flatten


def compare(runs: Sequence[pathlib.Path], target: pathlib.Path) -> list[pathlib.Path]:
    """Draws the curves of runs in one figure, and their categorical codes over training in another.

    Args:
      runs: two folders of runs or more.
      target: where the pictures go.

    Returns:
      The pictures.

    Raises:
      SettingsError: if there are fewer than two.
      RunFolderError: if one has no epoch behind it.
    """
    if len(runs) < 2:
        given = ",".join(map(str, runs))
        raise SettingsError("runs", given, "two folders of runs or more, with commas between")
    folders = [RunFolder(run) for run in runs]
    flats = [flatten(folder.read_settings(), only_changing_run=True) for folder in folders]
    titles = [_title(flat, flats, run) for flat, run in zip(flats, runs, strict=True)]
    tables = [MetricsTable(run / "metrics.csv", last_step=2**62).rows for run in runs]
    for run, rows in zip(runs, tables, strict=True):
        if not rows:
            raise RunFolderError(f"--runs={run}: no epoch is done yet; expected a finished run")
    drawn = {"learning_curves": learning_curves(dict(zip(titles, tables, strict=True)))}
    histories = [MetricsTable(run / CATEGORIES, last_step=2**62).rows for run in runs]
    if all(histories):
        # The bins of the entropy reach up to that of as many categories.
        sizes = {sum(name.startswith("usage/") for name in rows[0]) for rows in histories}
        if len(sizes) == 1:
            shown = dict(zip(titles, histories, strict=True))
            drawn["categories"] = categories_over_training(shown, sizes.pop())
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in drawn.items():
        paths.append(target / f"{name}.png")
        write_aside(paths[-1], to_png(figure))
    return paths


def _title(flat, flats, run) -> str:
    """The settings in which a run differs from the others, else its folder."""
    keys = {
        line.partition(":")[0].removeprefix("--")
        for other in flats
        for line in differences(flats[0], other)
    }
    told = [f"{key}={flat.get(key, '')}" for key in sorted(keys)]
    return ", ".join(told) if 0 < len(told) <= 3 else run.name
