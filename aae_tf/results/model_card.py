"""The model card that travels with an export: what the model is, how good, and its limits."""

from __future__ import annotations

import contextlib
import json
import logging
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from aae_tf import experiments
from aae_tf.arrays import is_picture
from aae_tf.errors import NONSENSE, SettingsError
from aae_tf.results.metrics import has_meaning
from aae_tf.results.run_folder import RunFolder
from aae_tf.results.tables import Table
from aae_tf.settings import EvaluationSettings, Settings, flatten, without_places
from aae_tf.settings.own import readable_name
from aae_tf.utils import printable, read_json

logger = logging.getLogger(__name__)
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
    name = pathlib.PurePath(data["name"]).name
    flat = {**without_places(flatten(settings)), "dataset": name}
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


def name_for(settings: Settings) -> str:
    """The name of a run's model: the experiment's, and the data's where they aren't its own."""
    name, dataset = settings.experiment, settings.data.dataset
    if dataset == experiments.settings_of(name).data.dataset:
        return name
    return re.sub(r"[^\w.-]+", "_", f"{name}_{pathlib.PurePath(dataset).stem}")


def check_same_data(model: pathlib.Path, data: Mapping[str, Any]) -> None:
    """Checks that a model's newest version was trained on data of that name, shape and classes.

    Else what asks the model would get answers about other data with the next version. Where only
    the examples differ, as when some were added, that is noted.

    Args:
      model: the folder in which versions lie.
      data: described as in data.json.

    Raises:
      SettingsError: if it was not.
    """
    cards = list(model.glob("[0-9]*/assets.extra/model_card.json"))
    newest = max(cards, key=lambda card: _version(card), default=None)
    card = None if newest is None else read_card(newest.parents[1])
    if card is None:
        return
    version = newest.parents[1].name
    before, now = (_named(described) for described in (card["data"], data))
    if before != now:
        expected = f"another name, as version {version} was trained on {about_data(card)}"
        raise SettingsError("model_name", model.name, f"{expected}, not on {readable_name(now[0])}")
    before, now = (_classes(described) for described in (card["data"], data))
    if before and now and before != now:
        expected = f"another name, as version {version} was trained on the classes {before}"
        raise SettingsError("model_name", model.name, f"{expected}, not {now}")
    key = "sha256_of_train"
    if card["data"].get(key, data.get(key)) != data.get(key):
        logger.info("note: version %s of %s was trained on other examples", version, model.name)


def _version(card: pathlib.Path) -> int:
    name = card.parents[1].name
    return int(name) if name.isascii() and name.isdigit() else 0


def _named(data: Mapping[str, Any]) -> tuple[str, list[int]]:
    return pathlib.PurePath(data["name"]).name, list(data["image_shape"])


def _classes(data: Mapping[str, Any]) -> str:
    names = list(map(str, data.get("class_names", ())))
    return ", ".join(names[:5] + ["..."] * (len(names) > 5))


def read_card(version: pathlib.Path) -> dict[str, Any] | None:
    """The card of a version that says what it was trained on; None if there is none."""
    with contextlib.suppress(*NONSENSE):
        card = read_json(version / "assets.extra" / "model_card.json")
        _named(card["data"]), _classes(card["data"])
        if isinstance(card.setdefault("settings", {}), dict):
            return card
    return None


def about_data(card: Mapping[str, Any]) -> str:
    """What a model was trained on: 'bars.npz, 8x8x1'."""
    name, shape = _named(card["data"])
    return f"{printable(readable_name(name))}, {'x'.join(map(str, shape))}"


def class_names(card: Mapping[str, Any]) -> list[str]:
    """What the classes are called that a model learned from labels; nothing if that isn't known."""
    learned = str(card.get("settings", {}).get("num_labels", 0)) != "0"
    names = card["data"].get("class_names") or []
    return [str(name) for name in names] if learned and isinstance(names, list) else []


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
    data_section = (
        f"## Data\n\n`{readable_name(data['name'])}`: {kind} {' x '.join(map(str, shape))}"
        f"{', ' + sizes if sizes else ''}. Licence: {data['licence']}.\n"
    )
    if names := data.get("class_names"):
        listed = ", ".join(f"{number} `{printable(name)}`" for number, name in enumerate(names))
        data_section += f"\nClasses: {listed}.\n"
    if columns := data.get("feature_names"):
        listed = ", ".join(f"`{printable(column)}`" for column in columns)
        data_section += f"\nThe columns, in their order: {listed}.\n"
    parts = [head, data_section, _numbers(card), _signatures(card["signatures"])]
    parts.append("## Limits\n\n" + "\n".join(f"- {limit}" for limit in card["limits"]) + "\n")
    lines = "\n".join(f"- {key}: `{_shown(value)}`" for key, value in provenance.items())
    parts.append(f"## Provenance\n\n{lines or 'Not known.'}\n")
    flags = "\n".join(f"--{flag}={readable_name(value)}" for flag, value in settings.items())
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
        if not has_meaning(name.removeprefix(f"{split}/"), card["settings"]["latent_dim"]):
            continue
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
