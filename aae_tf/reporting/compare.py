"""Finished runs side by side: curves, codes, samples, reconstructions and a table."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.reporting.class_figures import categories_over_training
from aae_tf.reporting.comparison import write_comparison
from aae_tf.reporting.figures import learning_curves
from aae_tf.reporting.recorder import CATEGORIES
from aae_tf.reporting.run_folder import MetricsTable, RunFolder
from aae_tf.reporting.side_by_side import Restored, draw_all
from aae_tf.reporting.style import to_png
from aae_tf.settings import Settings, flatten
from aae_tf.utils import write_aside

TOLD_AT_MOST = 3  # settings in a title; where more differ, the folder's name says more


def find_runs(runs: Sequence[pathlib.Path]) -> list[RunFolder]:
    """The folders of runs that can be compared.

    Raises:
      SettingsError: if there are fewer than two, or one is there twice.
      RunFolderError: if one holds no run, or one that has no epoch behind it.
    """
    if len(runs) < 2:
        given = ",".join(map(str, runs))
        raise SettingsError("runs", given, "two folders of runs or more, with commas between")
    if len({run.resolve() for run in runs}) < len(runs):
        raise SettingsError("runs", ",".join(map(str, runs)), "each folder once")
    folders = [RunFolder(run) for run in runs]
    for folder in folders:
        if not folder.holds_run:
            raise RunFolderError(f"--runs={folder.path}: holds no run (no settings.json)")
        if not _rows(folder, "metrics.csv"):
            raise RunFolderError(
                f"--runs={folder.path}: no epoch is done yet; expected a finished run"
            )
    return folders


def compare(
    folders: Sequence[RunFolder],
    settings: Sequence[Settings],
    restored: Sequence[Restored],
    target: pathlib.Path,
) -> list[pathlib.Path]:
    """Draws runs side by side and writes the table of their numbers.

    Args:
      folders: from `find_runs`.
      settings: the runs' own.
      restored: the same runs, or none; without them codes, samples and reconstructions are left
        out.
      target: where everything goes; made if need be.

    Returns:
      The files.
    """
    flats = [flatten(each, only_changing_run=True) for each in settings]
    titles = titles_of(flats, [folder.path for folder in folders])
    drawn = _from_tables(titles, folders)
    if restored:
        drawn |= draw_all(dict(zip(titles, restored, strict=True)))
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in drawn.items():
        paths.append(target / f"{name}.png")
        write_aside(paths[-1], to_png(figure))
    return paths + write_comparison(dict(zip(titles, folders, strict=True)), flats, drawn, target)


def titles_of(flats: Sequence[Mapping[str, Any]], paths: Sequence[pathlib.Path]) -> list[str]:
    """For each run what tells it from the others.

    That is its experiment where they differ, its recipe where those of the experiment do, and up to
    three settings in which the experiment's runs of that recipe differ; else its folder's name.

    Args:
      flats: the runs' settings by flag name.
      paths: their folders.
    """

    def differing(among):
        keys = dict.fromkeys(key for flat in among for key in flat)
        return [key for key in keys if len({str(flat.get(key, "")) for flat in among}) > 1]

    titles = []
    for flat, path in zip(flats, paths, strict=True):
        told = [flat["experiment"]] if "experiment" in differing(flats) else []
        kin = [other for other in flats if other["experiment"] == flat["experiment"]]
        if "recipe" in differing(kin):
            told.append(f"{flat['recipe']} recipe")
        kin = [other for other in kin if other["recipe"] == flat["recipe"]]
        keys = differing(kin)
        told += [f"{key}={flat.get(key, '')}" for key in keys]
        titles.append(", ".join(told) if told and len(keys) <= TOLD_AT_MOST else path.name)
    for folder_of in (lambda path: path.name, str):
        longer = [
            f"{title} ({folder_of(path)})" if titles.count(title) > 1 else title
            for title, path in zip(titles, paths, strict=True)
        ]
        if len(set(longer)) == len(longer):
            break
    return longer


def _from_tables(titles: Sequence[str], folders: Sequence[RunFolder]) -> dict[str, Figure]:
    """The figures that need no network: curves and what became of categorical codes."""
    tables = [_rows(folder, "metrics.csv") for folder in folders]
    drawn = {"learning_curves": learning_curves(dict(zip(titles, tables, strict=True)))}
    histories = [_rows(folder, CATEGORIES) for folder in folders]
    if all(histories):
        # The bins of the entropy reach up to that of as many categories.
        sizes = {sum(name.startswith("usage/") for name in rows[0]) for rows in histories}
        if len(sizes) == 1:
            shown = dict(zip(titles, histories, strict=True))
            drawn["categories"] = categories_over_training(shown, sizes.pop())
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _rows(folder: RunFolder, name: str) -> list[dict[str, float]]:
    return MetricsTable(folder.path / name, last_step=2**62).rows
