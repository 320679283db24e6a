"""Learning curves of a run or of several, from the rows of their metrics.csv."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from aae_tf.figures.style import line_of, new_figure, plot_style

Rows = Sequence[Mapping[str, float]]
ERROR, MATCH = "validation/reconstruction_error", "validation/sliced_wasserstein"
COMMON = {ERROR: "half squared error", MATCH: "sliced Wasserstein"}
# What a method is for, with the axis of its curve.
TASKS = {
    "validation/error_percent": "error (percent)",
    "validation/component_share": "share of codes in their class's part",
}
LOSSES, ACCURACY = "adversaries' losses", "discriminator's accuracy"
OF_CODE = {"": "", "style_": "style: ", "label_": "label: "}  # where there are two adversaries
PANEL, ABREAST = (3.3, 2.6), 3  # inches; panels in a row, where one is enough for all
LONGEST_LABEL = 16  # letters of a line beside an axis of a card


def learning_curves(runs: Mapping[str, Rows]) -> Figure | None:
    """Reconstruction, distance to the prior, the task and, of a run alone, its adversaries.

    Args:
      runs: for each run's title, '' for a single one, its rows of metrics.csv as numbers.

    Returns:
      The figure, or None where no run has any of these numbers.
    """
    panels = [name for name in COMMON if any(name in rows[-1] for rows in runs.values())]
    panels += [name for name in TASKS if all(name in rows[-1] for rows in runs.values())][:1]
    is_alone = set(runs) == {""}
    lines = adversaries(runs[""]) if is_alone else {}
    panels += [name for name in lines if lines[name]]
    if not panels:
        return None
    columns = len(panels) if len(panels) <= ABREAST else 2  # in a card more would be tiny
    height = -(-len(panels) // columns)
    legend_columns = 1 if max(map(len, runs)) > 50 else 3
    legend_height = 0.0 if is_alone else 0.2 * -(-(len(runs) + 1) // legend_columns)
    figure = new_figure(PANEL[0] * columns, PANEL[1] * height + legend_height)
    with plot_style():
        for number, name in enumerate(panels):
            axes = figure.add_subplot(height, columns, number + 1)
            label = textwrap.fill({**COMMON, **TASKS}.get(name, name), LONGEST_LABEL)
            axes.set(xlabel="epoch", ylabel=label)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set_xlim(0, max(1.0, *(rows[-1]["epoch"] for rows in runs.values())) * 1.03)
            if name in lines:
                for other, (label, column) in enumerate(lines[name].items()):
                    _draw(axes, runs[""], column, label, other)
            else:
                for other, (run, rows) in enumerate(runs.items()):
                    _draw(axes, rows, name, run or "held-out", other)
            if name == ERROR and is_alone and _is_comparable(runs[""]):
                _draw(axes, runs[""], "train/reconstruction/loss", "training", 2)
            if name == MATCH:
                _draw_of_prior(axes, runs)
                _plain_logarithm(axes)
            if name == ACCURACY:
                axes.axhline(0.5, color="0.5", ls="--", label="guessing")
            if is_alone and len(axes.get_legend_handles_labels()[0]) > 1:
                axes.legend(fontsize=7)
        if not is_alone:
            _legend_below(figure, legend_columns)
    return figure


def adversaries(rows: Rows) -> dict[str, dict[str, str]]:
    """Columns of losses and accuracies by their names in a legend, as far as they were recorded."""
    losses, accuracies = {}, {}
    for part, said in OF_CODE.items():
        for phase in ("discriminator", "generator"):
            column = f"train/{phase}/{part}loss"
            if column in rows[-1] and (part or f"train/{phase}/style_loss" not in rows[-1]):
                losses[f"{said}{phase if phase == 'discriminator' else 'encoder'}"] = column
        for of in ("prior", "codes"):
            column = f"train/discriminator/{part}accuracy_on_{of}"
            if column in rows[-1]:
                accuracies[f"{said}on {'samples' if of == 'prior' else of}"] = column
    return {LOSSES: losses, ACCURACY: accuracies}


def _is_comparable(rows: Rows) -> bool:
    """Whether the loss in training is the reconstruction error alone."""
    phase = "train/reconstruction/"
    parts = {name for name in rows[-1] if name.startswith(phase)}
    return f"{phase}loss" in parts and not parts & {f"{phase}error", f"{phase}crowding"}


def _draw(axes, rows: Rows, column: str, label: str, number: int) -> None:
    points = [(row["epoch"], row[column]) for row in rows if column in row]
    if points:
        look = {"marker": "o" if len(points) == 1 else "", **line_of(number)}
        axes.plot(*zip(*points, strict=True), label=label, **look)


def _draw_of_prior(axes, runs: Mapping[str, Rows]) -> None:
    """What samples of the prior itself give; a band where that isn't the same for all runs."""
    name = f"{MATCH}_of_prior"
    values = [rows[-1][name] for rows in runs.values() if name in rows[-1]]
    if values and min(values) == max(values):
        axes.axhline(values[0], color="0.5", ls="--", label="prior itself")
    elif values:
        axes.axhspan(min(values), max(values), color="0.85", lw=0, label="prior itself")


def _plain_logarithm(axes) -> None:
    """A logarithmic axis with numbers as people write them."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _legend_below(figure, columns):
    """One legend for all axes, each name once."""
    entries = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    if "prior itself" in entries:
        entries["prior itself"] = entries.pop("prior itself")  # last
    figure.legend(entries.values(), entries, loc="outside lower center", ncols=columns)
