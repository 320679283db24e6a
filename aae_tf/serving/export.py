"""SavedModels under a number that counts up, and the configuration of a server of all of them."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from aae_tf.data.images import Framing
from aae_tf.files.locks import in_use, locked, remove_leftovers
from aae_tf.methods import Method
from aae_tf.serving import held_out, warmup
from aae_tf.serving.local import is_version, versions_of
from aae_tf.serving.signatures import ServingModule, servable_signatures
from aae_tf.training import initial_weights
from aae_tf.utils import make_folder, plain_path, sync_folder, sync_tree, write_aside

CONFIG, LOCK = "models.config", ".models.lock"
BASE_PATH = "/models"  # where docs/serving.md and docker-compose.yml put the folder in a container
LABELS = ("stable", "canary")  # of the newest version but one, and of the newest

HEAD = """\
# Written at every export; TF Serving reads it with --model_config_file. Each model serves its two
# newest versions: a request for the label 'canary' goes to the newest, one for 'stable' to the one
# before it, or to the only one. With --model_config_file_poll_wait_seconds the server reads this
# file again; --allow_version_labels_for_unavailable_models lets a label move in the same step.
"""

Card = Callable[[Mapping[str, Any]], Mapping[str, bytes]]


def export_saved_model(
    method: Method,
    folder: pathlib.Path,
    codes: dict[str, Any] | None = None,
    card: Card | None = None,
    framing: Framing | None = None,
) -> pathlib.Path:
    """Writes a SavedModel as the next version, complete or not at all.

    Args:
      method: built outside any strategy's scope.
      folder: of the model; versions 1, 2, ... lie in it, as TF Serving expects.
      codes: of held-out images, to lie beside it (see `held_out.describe`).
      card: from the signatures' description to the files of a model card, by name.
      framing: how training images were cropped and resized, which pictures then are too.

    Returns:
      The version's folder.
    """
    module = ServingModule(method, framing)
    signatures = {name: module.signature(name) for name in servable_signatures(method)}
    signatures["serving_default"] = signatures[method.default_signature]
    weights = module.keep_weights_of(signatures.values())
    make_folder(folder)
    remove_leftovers(folder, [".unfinished-*"])
    # TF Serving looks only at numbers, so it never sees the unfinished one.
    aside = folder / f".unfinished-{uuid.uuid4().hex[:12]}"
    aside.mkdir()
    try:
        with in_use(aside):
            with plain_path(aside) as plain:
                tf.saved_model.save(module, str(plain), signatures=signatures)
            extra = aside / "assets.extra"
            extra.mkdir()
            (aside / initial_weights.NAMES).write_text(json.dumps(weights))
            warmup.write(extra, folder.name, signatures, framing.crop if framing else 0)
            if codes is not None:
                held_out.write(aside, codes)
            if card is not None:
                for name, content in card(described(signatures)).items():
                    (extra / name).write_bytes(content)
            sync_tree(aside)
            while True:
                version = folder / str(_next_version(folder))
                try:
                    os.rename(aside, version)
                    break
                except OSError:
                    if not version.exists():
                        raise
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(folder)) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    sync_folder(folder)
    write_config(folder.parent)
    return version


def described(signatures: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs and outputs of concrete functions: dtype and shape by name, None for any size."""

    def entry(name, spec):
        return name, {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}

    return {
        name: {
            "inputs": dict(entry(s.name, s) for s in function.structured_input_signature[0]),
            "outputs": dict(entry(*item) for item in sorted(function.structured_outputs.items())),
        }
        for name, function in signatures.items()
    }


def _next_version(folder: pathlib.Path) -> int:
    versions = [int(entry.name) for entry in folder.iterdir() if is_version(entry)]
    return max(versions, default=0) + 1


def write_config(folder: pathlib.Path) -> None:
    """Writes the configuration of all models in a folder.

    Args:
      folder: of the models, `folder/model/version`.
    """
    # So that of two exports at a time the one that ends last names both.
    with locked(folder / LOCK):
        remove_leftovers(folder)
        write_aside(folder / CONFIG, config_text(folder).encode())


def config_text(folder: pathlib.Path) -> str:
    """The model_config_list of all models that have a version."""
    models = {
        model.name: versions_of(model)
        for model in sorted(folder.iterdir())
        if model.is_dir() and not model.name.startswith(".")
    }
    served = [_model(name, versions) for name, versions in models.items() if versions]
    return HEAD + "model_config_list {\n" + "".join(served) + "}\n"


def _model(name: str, versions: list[int]) -> str:
    newest = versions[-2:]
    labels = dict(zip(LABELS, (newest[0], newest[-1]), strict=True))
    lines = [
        "  config {",
        f'    name: "{name}"',
        f'    base_path: "{BASE_PATH}/{name}"',
        '    model_platform: "tensorflow"',
        "    model_version_policy { specific { "
        + " ".join(f"versions: {version}" for version in newest)
        + " } }",
    ]
    lines += [
        f'    version_labels {{ key: "{label}" value: {version} }}'
        for label, version in labels.items()
    ]
    return "\n".join([*lines, "  }", ""])
