"""The numbers of runs side by side, as a table to read and as JSON."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aae_tf.errors import NONSENSE, unusable
from aae_tf.results.groups import metric_names
from aae_tf.results.metrics import METRICS, has_meaning
from aae_tf.results.run_folder import RunFolder
from aae_tf.results.tables import Table
from aae_tf.utils import write_aside, write_json

# Every method has them: shown where any run has them; the others where all runs do.
COMMON = [m.name for m in METRICS.values() if m.evaluations[0] in ("reconstruction", "prior_match")]
CAPTION = (
    "On each run's test images; in brackets what samples of its prior give. "
    "What the numbers are: docs/metrics.md."
)


def write_comparison(
    runs: Mapping[str, RunFolder],
    flats: Sequence[Mapping[str, Any]],
    figures: Iterable[str],
    target: pathlib.Path,
) -> list[pathlib.Path]:
    """Writes comparison.md and comparison.json; returns their paths.

    Args:
      runs: folders by title.
      flats: the runs' settings by flag name, in the same order.
      figures: names of the pictures that lie beside the table.
      target: the folder to write to.

    Raises:
      RunFolderError: if a result.json can't be read.
    """
    keys = dict.fromkeys(key for flat in flats for key in flat)
    differing = [key for key in keys if len({str(flat.get(key)) for flat in flats}) > 1]
    content = []
    for (title, folder), flat in zip(runs.items(), flats, strict=True):
        result = _result(folder)
        content.append(
            {
                "run": title,
                "folder": os.path.relpath(folder.path, target),  # says nothing of the machine
                "experiment": flat["experiment"],
                "recipe": flat["recipe"],
                "seed": flat["seed"],
                "epochs": result["epochs"],
                "settings": {key: flat[key] for key in differing if key in flat},
                "metrics": {
                    name: result["metrics"][f"test/{name}"] for name in metric_names([result])
                },
            }
        )
    pictures = "\n".join(f"![{name}]({name}.png)" for name in figures)
    shown = [
        {**row, "metrics": {k: v for k, v in row["metrics"].items() if has_meaning(k, dim)}}
        for row, dim in zip(content, (flat["latent_dim"] for flat in flats), strict=True)
    ]
    table = comparison_table(shown).markdown()
    paths = [target / "comparison.md", target / "comparison.json"]
    write_aside(paths[0], f"# Runs side by side\n\n{CAPTION}\n\n{table}\n\n{pictures}\n")
    write_json(paths[1], content)
    return paths


def comparison_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A row for each run, in the form of comparison.json."""
    names = shown_metrics([row["metrics"] for row in rows])
    cells = [
        [
            row["run"],
            row["experiment"],
            row["recipe"],
            str(row["seed"]),
            "" if row["epochs"] is None else f"{row['epochs']:g}",
            *(_cell(row["metrics"], name) for name in names),
        ]
        for row in rows
    ]
    return Table(["run", "experiment", "recipe", "seed", "epochs", *names], cells)


def shown_metrics(metrics: Sequence[Mapping[str, float]]) -> list[str]:
    """The columns: reconstruction and match with the prior, then what all runs have."""
    common = [name for name in COMMON if any(name in of_run for of_run in metrics)]
    of_all = [name for name in metrics[0] if all(name in of_run for of_run in metrics)]
    return common + [
        name for name in of_all if name not in COMMON and not name.endswith("_of_prior")
    ]


def _cell(metrics: Mapping[str, float], name: str) -> str:
    """A number and, in brackets, that of the prior's samples."""
    if name not in metrics:
        return ""
    of_prior = metrics.get(f"{name}_of_prior")
    return f"{metrics[name]:#.4g}" + ("" if of_prior is None else f" ({of_prior:.3g})")


def _result(folder: RunFolder) -> dict[str, Any]:
    """Epochs and metrics of result.json; none for a run that has none yet."""
    if not folder.has_result:
        return {"epochs": None, "metrics": {}}
    file = folder.path / "result.json"
    content = folder.read_json(file.name)
    try:
        return {"epochs": float(content["epochs"]), "metrics": dict(content["metrics"])}
    except NONSENSE as error:
        raise unusable(file, error) from None
