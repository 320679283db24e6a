"""The model card that travels with an export: what the model is, how good, and its limits."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from aae_tf import experiments
from aae_tf.arrays import is_picture
from aae_tf.results.run_folder import RunFolder
from aae_tf.results.tables import Table
from aae_tf.settings import PLACES, EvaluationSettings, Settings, flatten
from aae_tf.utils import printable, read_json

# As the pages of the data sets say; of other data the user knows.
LICENCES = {
    "mnist": "CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)",
    "fashion_mnist": "MIT (Zalando SE)",
    "celeb_a": "non-commercial research only (the Chinese University of Hong Kong)",
    "svhn_cropped": "non-commercial use only (Stanford University)",
}
UNKNOWN_LICENCE = "not known here; ask whoever made the data"
LIMITS = (
    "It knows {examples} like those that it was trained on; what others become is arbitrary.",
    "Samples can resemble training {examples}; `nearest_training_distance`, if there, says how "
    "much.",
    "Codes of held-out {examples} match the prior only as far as the numbers above say.",
    "It was made for research on generative models, and tried for nothing else.",
)


def card_of(folder: RunFolder, settings: Settings, signatures: Mapping[str, Any]) -> dict[str, Any]:
    """What model_card.json holds.

    Args:
      folder: of the run.
      settings: of the run; samples may come from another sampler.
      signatures: by name, as `serving.export` describes them.
    """
    data = folder.read_data()
    flat = {k: v for k, v in flatten(settings).items() if k not in PLACES}
    # Of the user's files and folders the name, not where they lie.
    name = pathlib.PurePath(data["name"]).name
    flat["dataset"] = name
    flat["inception_weights"] = pathlib.PurePath(flat["inception_weights"]).name
    result, origin = folder.read_json("result.json"), folder.read_json("provenance.json")
    return {
        "experiment": settings.experiment,
        "reproduces": experiments.find(settings.experiment).reproduces,
        "data": {**data, "name": name, "licence": LICENCES.get(data["name"], UNKNOWN_LICENCE)},
        "settings": flat,
        "sampler": settings.evaluation.fitted or "the prior",
        "metrics": _metrics(result, settings),
        "paper": result.get("paper", {}),
        "provenance": {
            key: origin[key]
            for key in ("aae_tf", "commit", "date", "python", "packages", "step", "state_sha256")
            if key in origin
        },
        "signatures": signatures,
        "limits": [limit.format(examples=_kind_of(data)) for limit in LIMITS],
    }


def _metrics(result: Mapping[str, Any], settings: Settings) -> dict[str, float]:
    """A result's metrics without those of samples of another sampler than the model has."""
    metrics = result.get("metrics", {})
    if settings.evaluation.draws_like(result.get("evaluation")):
        return metrics
    return {key: value for key, value in metrics.items() if not key.endswith("_of_sampler")}


def files_of(
    folder: RunFolder, settings: Settings, signatures: Mapping[str, Any]
) -> dict[str, bytes]:
    """The card for programs and the card for people, by file name."""
    card = card_of(folder, settings, signatures)
    return {
        "model_card.json": (json.dumps(card, indent=2) + "\n").encode(),
        "model_card.md": markdown(card).encode(),
    }


def _kind_of(data: Mapping[str, Any]) -> str:
    return "images" if is_picture(data["image_shape"]) else "features"


def exports_of(
    folder: RunFolder, model: pathlib.Path, evaluation: EvaluationSettings
) -> dict[pathlib.Path, dict[str, Any]]:
    """The exports of the weights that a run has now, each version's folder with its card.

    Args:
      folder: of the run.
      model: the folder in which versions lie.
      evaluation: whose sampler they are to have.
    """
    state, exports = folder.read_json("provenance.json").get("state_sha256"), {}
    # No version yet is what an export that was killed leaves behind.
    for path in sorted(model.glob("[0-9]*/assets.extra/model_card.json")):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # of another run, maybe
            card = read_json(path)
            same_sampler = evaluation.draws_like(card.get("settings"))
            if same_sampler and card.get("provenance", {}).get("state_sha256") == state:
                exports[path.parents[1]] = card
    return exports


def markdown(card: Mapping[str, Any]) -> str:
    """The card as a page."""
    data, provenance, settings = card["data"], card["provenance"], card["settings"]
    sizes = ", ".join(f"{size:,} {split}" for split, size in data.get("sizes", {}).items())
    head = (
        f"# {card['experiment']}\n\n{card['reproduces']}. Recipe `{settings['recipe']}`, seed "
        f"{settings['seed']}, {settings['epochs']} epochs. Samples are decoded draws from "
        f"{card['sampler']}.\n"
    )
    shape = data["image_shape"]
    kind = _kind_of(data)
    about_data = (
        f"## Data\n\n`{data['name']}`: {kind} {' x '.join(map(str, shape))}"
        f"{', ' + sizes if sizes else ''}. Licence: {data['licence']}.\n"
    )
    if columns := data.get("feature_names"):
        listed = ", ".join(f"`{printable(column)}`" for column in columns)
        about_data += f"\nThe columns, in their order: {listed}.\n"
    parts = [head, about_data, _numbers(card), _signatures(card["signatures"])]
    parts.append("## Limits\n\n" + "\n".join(f"- {limit}" for limit in card["limits"]) + "\n")
    lines = "\n".join(f"- {key}: `{_shown(value)}`" for key, value in provenance.items())
    parts.append(f"## Provenance\n\n{lines or 'Not known.'}\n")
    flags = "\n".join(f"--{flag}={value}" for flag, value in settings.items())
    parts.append(f"## Settings\n\n```\n{flags}\n```\n")
    return "\n".join(parts)


def _of_split(card, split):
    return {k: v for k, v in card["metrics"].items() if k.startswith(f"{split}/")}


def _numbers(card):
    # Data from Python may have no test examples.
    split = next((s for s in ("test", "validation") if _of_split(card, s)), "test")
    metrics = _of_split(card, split)
    if not metrics:
        return "## Numbers\n\nNot evaluated yet.\n"
    rows = []
    for name, value in metrics.items():
        paper = card["paper"].get(name)
        reported = f"{paper['value']:g} ({paper['source']})" if paper else ""
        rows.append([name.removeprefix(f"{split}/"), f"{value:.4g}", reported])
    table = Table(
        [f"metric on {split} {_kind_of(card['data'])}", "this model", "the paper"], rows
    ).markdown()
    real = _kind_of(card["data"])
    note = f"`_of_prior` and `_of_data` are what samples of the prior, or real {real}, get."
    return f"## Numbers\n\n{table}\n\n{note}\n"


def _signatures(signatures):
    rows = [
        [f"`{name}`", *(_tensors(signature[side]) for side in ("inputs", "outputs"))]
        for name, signature in signatures.items()
    ]
    return "## Signatures\n\n" + Table(["signature", "inputs", "outputs"], rows).markdown() + "\n"


def _tensors(described):
    shapes = {
        name: ", ".join("n" if size is None else str(size) for size in spec["shape"])
        for name, spec in described.items()
    }
    return ", ".join(f"`{k}`: {described[k]['dtype']} [{shape}]" for k, shape in shapes.items())


def _shown(value):
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return value
