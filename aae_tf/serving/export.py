"""SavedModels that load with tensorflow alone, under a version number that counts up."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from aae_tf.methods import Method
from aae_tf.serving import held_out, model_config, warmup
from aae_tf.serving.signatures import ServingModule, servable_signatures
from aae_tf.serving.versions import is_version

Card = Callable[[Mapping[str, Any]], Mapping[str, bytes]]


def export(
    method: Method,
    folder: pathlib.Path,
    codes: dict[str, Any] | None = None,
    card: Card | None = None,
) -> pathlib.Path:
    """Writes a SavedModel as the next version, complete or not at all.

    Args:
      method: made outside any strategy's scope.
      folder: of the model; versions 1, 2, ... lie in it, as TF Serving expects.
      codes: of held-out images, to lie beside it (see `held_out.describe`).
      card: from the signatures' description to the files of a model card, by name.

    Returns:
      The version's folder.
    """
    module = ServingModule(method)
    signatures = {name: module.signature(name) for name in servable_signatures(method)}
    signatures["serving_default"] = signatures[method.default_signature]
    module.keep_weights_of(signatures.values())
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".unfinished-*"):
        if not _is_running(int(left_over.name.partition("-")[2])):
            shutil.rmtree(left_over, ignore_errors=True)
    # TF Serving looks only at numbers, so it never sees the unfinished one.
    aside = folder / f".unfinished-{os.getpid()}"
    try:
        tf.saved_model.save(module, str(aside), signatures=signatures)
        extra = aside / "assets.extra"
        extra.mkdir()
        warmup.write(extra, folder.name, signatures)
        if codes is not None:
            held_out.write(aside, codes)
        if card is not None:
            for name, content in card(described(signatures)).items():
                (extra / name).write_bytes(content)
        while True:
            version = folder / str(_next_version(folder))
            try:
                os.rename(aside, version)
                break
            except OSError:
                if not version.exists():
                    raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    model_config.keep_current(folder.parent)
    return version


def described(signatures: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs and outputs of concrete functions: dtype and shape by name, None for any size."""

    def told(name, spec):
        return name, {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}

    return {
        name: {
            "inputs": dict(told(s.name, s) for s in function.structured_input_signature[0]),
            "outputs": dict(told(*item) for item in sorted(function.structured_outputs.items())),
        }
        for name, function in signatures.items()
    }


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, but is another user's
        pass
    return True


def _next_version(folder: pathlib.Path) -> int:
    versions = [int(entry.name) for entry in folder.iterdir() if is_version(entry)]
    return max(versions, default=0) + 1
