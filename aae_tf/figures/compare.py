"""Finished runs side by side: curves, codes, samples, reconstructions and a table."""

from __future__ import annotations

import dataclasses
import pathlib
import string
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from aae_tf import seeds
from aae_tf.arrays import is_picture
from aae_tf.data import ImageData
from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.experiments import CATALOGUE
from aae_tf.figures.class_figures import categories_over_training
from aae_tf.figures.curves import learning_curves
from aae_tf.figures.figures import CODES_AT_MOST, draw_codes
from aae_tf.figures.prior_shape import projection_of
from aae_tf.figures.style import Thumbnails, new_figure, plot_style, show, tile, to_file
from aae_tf.methods import Method
from aae_tf.results.comparison import write_comparison
from aae_tf.results.metrics_table import CATEGORIES, MetricsTable
from aae_tf.results.run_folder import RunFolder
from aae_tf.settings import Settings, flatten
from aae_tf.settings.own import readable_name
from aae_tf.utils import make_folder, write_aside

if TYPE_CHECKING:
    from aae_tf.evaluation import Evaluator

SETTINGS_IN_TITLE = 3  # at most; where more differ, the folder's name says more
SAMPLES_SIDE, SHOWN, PANEL = 8, 16, 3.3  # images; images in a row; inches
TITLE_WIDTH = 32  # letters


@dataclasses.dataclass(frozen=True)
class Restored:
    """A run as its newest checkpoint left it.

    Args:
      method: with the checkpoint's weights.
      data: that it was trained on.
      evaluator: of the method.
    """

    method: Method
    data: ImageData
    evaluator: Evaluator


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
    form: str = "png",
) -> list[pathlib.Path]:
    """Draws runs side by side and writes the table of their numbers.

    Args:
      folders: from `find_runs`.
      settings: of the same runs.
      restored: the same runs, or none; without them codes, samples and reconstructions are left
        out.
      target: where everything goes; made if need be.
      form: of the figures' files: 'png', or 'pdf' or 'svg' beside it.

    Returns:
      The files.
    """
    flats = [flatten(each, only_changing_run=True) for each in settings]
    titles = titles_of(flats, [folder.path for folder in folders])
    drawn = _from_tables(titles, folders)
    if restored:
        drawn |= draw_all(dict(zip(titles, restored, strict=True)))
    make_folder(target)
    paths = []
    for name, figure in drawn.items():
        for ending in dict.fromkeys(("png", form)):
            paths.append(target / f"{name}.{ending}")
            write_aside(paths[-1], to_file(figure, ending))
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
        name = CATALOGUE[flat["experiment"]].title
        parts = [name] if "experiment" in differing(flats) else []
        kin = [other for other in flats if other["experiment"] == flat["experiment"]]
        if "recipe" in differing(kin):
            parts.append(f"{flat['recipe']} recipe")
        kin = [other for other in kin if other["recipe"] == flat["recipe"]]
        keys = differing(kin)
        parts += [f"{key}={readable_name(flat.get(key, ''))}" for key in keys]
        titles.append(", ".join(parts) if parts and len(keys) <= SETTINGS_IN_TITLE else path.name)
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


def draw_all(runs: Mapping[str, Restored]) -> dict[str, Figure]:
    """All figures of the runs, which are by title."""
    if not all(is_picture(run.data.image_shape) for run in runs.values()):
        return {"codes": codes_side_by_side(runs)}
    return {
        "codes": codes_side_by_side(runs),
        "samples": samples_side_by_side(runs),
        "reconstructions": reconstructions_below_each_other(runs),
    }


def codes_side_by_side(runs: Mapping[str, Restored]) -> Figure:
    """Each run's held-out codes over its prior, with how well they match (AAE, figure 2).

    Panels of one prior in the plane have the same axes. The numbers are of the validation images,
    of which the codes are.
    """
    projections = [projection_of(run.method.prior, run.method.latent_dim) for run in runs.values()]
    with plot_style():
        figure, grid = _panels(len(runs), PANEL + 1.1, projections, more_width=0.7)
        for number, (axes, (title, run)) in enumerate(zip(grid, runs.items(), strict=True)):
            shown = run.data.validation.take(slice(0, CODES_AT_MOST))
            codes = run.evaluator.aggregated_posterior(shown)
            draw_codes(axes, codes, shown.labels, run.method.prior, run.data.class_names)
            axes.set_title(_panel_title(number, title))
            if axes.name == "mollweide":  # its degrees would lie on the codes in a small panel
                axes.set(xticklabels=[], yticklabels=[])
            note = match_note(run.evaluator.evaluate(run.data.validation))
            note = "\n".join(part for part in (axes.get_xlabel(), note) if part)
            axes.set_xlabel(note, fontsize=8)
        _share_limits(grid, list(runs.values()))
        _class_legend(figure, grid, list(runs.values()))
        figure.supxlabel(
            "numbers of the validation images; in brackets: of samples of the prior", fontsize=8
        )
    return figure


def samples_side_by_side(runs: Mapping[str, Restored]) -> Figure:
    """Images decoded from each run's sampler; runs of one prior decode the same codes."""
    seed = seeds.fold(seeds.root(0), "samples_side_by_side")
    with plot_style():
        figure, grid = _panels(len(runs), PANEL + 0.3, [None] * len(runs))
        for number, (axes, (title, run)) in enumerate(zip(grid, runs.items(), strict=True)):
            drawn = run.method.draw(seed, SAMPLES_SIDE**2)
            small = Thumbnails(run.method.image_shape, SAMPLES_SIDE, SAMPLES_SIDE)
            images = run.evaluator.inference.decode(drawn["codes"], drawn.get("labels"), small)
            show(axes, tile(images, SAMPLES_SIDE))
            axes.set_title(_panel_title(number, title))
    return figure


def reconstructions_below_each_other(runs: Mapping[str, Restored]) -> Figure:
    """Held-out images and below them each run's reconstructions, in a block for each data set."""
    blocks: list[dict[str, Restored]] = []
    for title, run in runs.items():
        data = run.data.describe()
        for block in blocks:
            if next(iter(block.values())).data.describe() == data:
                block[title] = run
                break
        else:
            blocks.append({title: run})
    heights = [len(block) + 1 for block in blocks]
    figure = new_figure(8, 0.4 * sum(heights) + 0.1 * len(blocks))
    with plot_style():
        grid = figure.subplots(len(blocks), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, block in zip(grid, blocks, strict=True):
            shown = next(iter(block.values())).data.validation.take(slice(0, SHOWN))
            small = Thumbnails(shown.images.shape[1:], len(block) + 1, len(shown))
            rows = [small.of(shown)]
            rows += [run.evaluator.inference.reconstruct(shown, small) for run in block.values()]
            show(axes, tile(np.concatenate(rows), len(shown)))
            side = rows[0].shape[1] + 1
            axes.set_yticks(side * (np.arange(len(rows)) + 0.5))
            names = ["held-out images", *block]
            axes.set_yticklabels([textwrap.fill(name, 30) for name in names], fontsize=8)
            axes.tick_params(length=0)
            axes.set_anchor("W")  # else names of rows are laid out as if the picture were wider
    return figure


def match_note(metrics: Mapping[str, float]) -> str:
    """How well codes match their prior, as far as there are metrics of it, in lines for a panel.

    Args:
      metrics: by name; in brackets stands what has '_of_prior'.
    """

    def part(label, name, form):
        if name not in metrics:
            return ""
        of_prior = metrics.get(f"{name}_of_prior")
        brackets = "" if of_prior is None else f" ({of_prior:{form}})"
        return f"{label} {metrics[name]:{form}}{brackets}"

    lines = (
        part("sliced Wasserstein", "sliced_wasserstein", ".3f"),
        part("coverage", "coverage", ".3f"),
        part("empty region", "empty_region", ".3f"),
        part("total variation", "total_variation", ".3f"),
        part("mode excess", "mode_excess", "+.3f").replace("(+", "(±"),
    )
    return "\n".join(line for line in lines if line).replace("-", "\N{MINUS SIGN}")


def _panels(count: int, height: float, projections: Sequence[str | None], more_width=0.0):
    """A figure of `count` axes in rows as full as can be."""
    columns = count if count <= 3 else 2 if count == 4 else min((3, 4), key=lambda n: -count % n)
    rows = -(-count // columns)
    figure = new_figure(PANEL * columns + more_width, height * rows)
    grid = [
        figure.add_subplot(rows, columns, number + 1, projection=projection)
        for number, projection in enumerate(projections)
    ]
    return figure, grid


def _panel_title(number: int, title: str) -> str:
    letter = string.ascii_lowercase[number] if number < 26 else str(number + 1)
    return textwrap.fill(f"({letter}) {title}", TITLE_WIDTH)


def _share_limits(grid, runs) -> None:
    """The same square for all panels in the plane whose priors are the same."""
    for prior in {run.method.settings.prior for run in runs}:
        same = [
            axes
            for axes, run in zip(grid, runs, strict=True)
            if run.method.settings.prior == prior and prior.latent_dim == 2
        ]
        if len(same) < 2:
            continue
        limits = np.array([(axes.get_xlim(), axes.get_ylim()) for axes in same])
        low, high = limits[..., 0].min(0), limits[..., 1].max(0)
        middle, half = (low + high) / 2, (high - low).max() / 2
        for axes in same:
            axes.set(xlim=middle[0] + half * np.array([-1, 1]))
            axes.set(ylim=middle[1] + half * np.array([-1, 1]))


def _class_legend(figure, grid, runs) -> None:
    """One legend for all panels of the same classes, else one in each."""
    labelled = all(run.data.validation.labels is not None for run in runs)
    if labelled and len({(run.data.num_classes, run.data.class_names) for run in runs}) == 1:
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, title="class", markerscale=4, loc="outside right center")
        return
    for axes in grid:
        if axes.get_legend_handles_labels()[0]:
            axes.legend(title="class", markerscale=3, fontsize=6, title_fontsize=7)
