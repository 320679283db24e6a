"""Result folders as finished runs leave them."""

from __future__ import annotations

import json

from aae_tf.experiments import find, settings_of
from aae_tf.settings import flatten, override


def write(
    folder,
    experiment="gaussian",
    recipe="practical",
    epochs=3.0,
    seed=0,
    metrics=None,
    wall_seconds=90.0,
    **changes,
):
    """A folder with settings.json, result.json and provenance.json; returns it."""
    settings = override(settings_of(experiment, recipe), {"seed": seed, **changes})
    result = {
        "experiment": experiment,
        "recipe": recipe,
        "seed": seed,
        "epochs": epochs,
        "metrics": {f"test/{name}": value for name, value in (metrics or {}).items()},
        "paper": find(experiment).paper_figures(settings),
        "wall_seconds": wall_seconds,
    }
    provenance = {
        "commit": "0123456789abcdef",
        "date": "2026-11-23T10:00:00",
        "machine": {"processor": "a processor", "cores": 2},
        "python": "3.11",
        "packages": {},
        "state_sha256": "00",
    }
    folder.mkdir(parents=True)
    for name, content in (
        ("settings", flatten(settings)),
        ("result", result),
        ("provenance", provenance),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder
