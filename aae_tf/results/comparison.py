"""The numbers of runs side by side, as a table to read and as JSON."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aae_tf.errors import RunFolderError
from aae_tf.results.groups import measures_of
from aae_tf.results.run_folder import RunFolder
from aae_tf.results.tables import markdown
from aae_tf.utils import write_aside, write_json

# Shown where any run has them; the others where all runs do.
FIRST = (
    "reconstruction_error",
    "sliced_wasserstein",
    "mmd",
    "coverage",
    "empty_region",
    "mode_excess",
    "mean_error",
    "covariance_error",
)
CAPTION = (
    "On each run's test images; in brackets what samples of its prior give. "
    "What the numbers are, docs/metrics.md tells."
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
    results = [_result(folder) for folder in runs.values()]
    everything = dict.fromkeys(key for flat in flats for key in flat)
    differing = [key for key in everything if len({str(f.get(key)) for f in flats}) > 1]
    content = [
        {
            "run": title,
            "folder": str(folder.path),
            "experiment": flat["experiment"],
            "recipe": flat["recipe"],
            "seed": flat["seed"],
            "epochs": result.get("epochs"),
            "settings": {key: flat[key] for key in differing if key in flat},
            "metrics": {
                name: result["metrics"][f"test/{name}"]
                for name in (measures_of([result]) if result else ())
            },
        }
        for (title, folder), flat, result in zip(runs.items(), flats, results, strict=True)
    ]
    paths = [target / "comparison.md", target / "comparison.json"]
    write_aside(paths[0], _page(content, figures))
    write_json(paths[1], content)
    return paths


def _page(rows: Sequence[Mapping[str, Any]], figures: Iterable[str]) -> str:
    names = shown_measures([row["metrics"] for row in rows])
    head = ["run", "experiment", "recipe", "seed", "epochs", *names]
    cells = [
        [
            row["run"],
            row["experiment"],
            row["recipe"],
            str(row["seed"]),
            "" if row["epochs"] is None else f"{row['epochs']:g}",
            *(cell(row["metrics"], name) for name in names),
        ]
        for row in rows
    ]
    pictures = "\n".join(f"![{name}]({name}.png)" for name in figures)
    return f"# Runs side by side\n\n{CAPTION}\n\n{markdown(head, cells)}\n\n{pictures}\n"


def shown_measures(metrics: Sequence[Mapping[str, float]]) -> list[str]:
    """The columns: reconstruction and match with the prior, then what all runs have."""
    first = [name for name in FIRST if any(name in own for own in metrics)]
    common = [name for name in metrics[0] if all(name in own for own in metrics)]
    return first + [name for name in common if name not in FIRST and not name.endswith("_of_prior")]


def cell(metrics: Mapping[str, float], name: str) -> str:
    """A number and, in brackets, that of the prior's own samples."""
    if name not in metrics:
        return ""
    own = metrics.get(f"{name}_of_prior")
    return f"{metrics[name]:#.4g}" + (f" ({own:.3g})" if own is not None else "")


def _result(folder: RunFolder) -> dict[str, Any]:
    """What result.json holds; nothing for a run that has none yet."""
    if not folder.has_result:
        return {}
    file = folder.path / "result.json"
    try:
        found = json.loads(file.read_text())
        return {"epochs": float(found["epochs"]), "metrics": dict(found["metrics"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"{file} can't be used ({error!r})") from None
