"""Converts signatures of a SavedModel, and compares what comes of it before it counts."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Callable, Sequence

import numpy as np

from aae_tf.errors import SettingsError
from aae_tf.serving.convert import FORMATS, lite_format, onnx_format, web_format
from aae_tf.serving.convert.signature import ConversionError, Signature
from aae_tf.serving.local import LocalModel
from aae_tf.serving.signatures import BYTES
from aae_tf.utils import make_folder, note, write_json

LEFT_OUT = "sample"
SCORE = "score"  # whose prior's density a format may lack; converted where it is named


@dataclasses.dataclass(frozen=True)
class Format:
    """How a format is written and run.

    Args:
      ending: of the files' names; none for folders.
      bound: largest difference from the SavedModel that is allowed, as `difference` counts.
      write: of a signature to a path.
      run: a written signature on examples; also names what ran it.
      check: refuses if what it takes isn't installed.
      exact: whether integers, such as classes, have to be the same.
      keeps_names: whether outputs keep the signature's names; otherwise they have their nodes'.
    """

    ending: str
    bound: float
    write: Callable[[Signature, pathlib.Path], None]
    run: Callable[..., tuple[list[dict[str, np.ndarray]], str]]
    check: Callable[[], None] = lambda: None
    exact: bool = True
    keeps_names: bool = False


_LITE = Format(
    lite_format.ENDING, lite_format.BOUND, lite_format.write, lite_format.run, keeps_names=True
)
_ALL = {
    "onnx": Format(
        onnx_format.ENDING,
        onnx_format.BOUND,
        onnx_format.write,
        onnx_format.run,
        onnx_format.check,
    ),
    "tflite": _LITE,
    "tflite_quantized": dataclasses.replace(
        _LITE, bound=lite_format.QUANTIZED_BOUND, write=lite_format.write_quantized, exact=False
    ),
    "tfjs": Format(web_format.ENDING, web_format.BOUND, web_format.write, web_format.run),
}


def convert(
    model: pathlib.Path,
    form: str,
    output: pathlib.Path,
    signatures: Sequence[str] = (),
) -> pathlib.Path:
    """Writes each signature in another format, all of them or nothing.

    Beside them comes conversion.json, which says of each what it takes and gives and how far it is
    from the SavedModel.

    Args:
      model: folder of a SavedModel, or of its versions, of which the newest is taken.
      form: one of FORMATS.
      output: a folder that isn't there yet, or is empty.
      signatures: their names; all but 'sample' and 'score' by default.

    Returns:
      The folder.

    Raises:
      SettingsError: if the format, a signature or the folder can't be used.
      DataError: if there is no such model.
      ConversionError: if the format can't hold the model, or answers differ by more than its bound.
    """
    if form not in FORMATS:
        raise SettingsError("format", form, "one of " + ", ".join(FORMATS))
    chosen = _ALL[form]
    chosen.check()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SettingsError("output", output, "a folder that isn't there yet, or is empty")
    local = LocalModel(model)
    if local.about:
        note(f"model: {local.about}")
    names = _names(local, signatures)
    if not signatures and LEFT_OUT in local.signatures:
        note(f"{LEFT_OUT}: left out, since it draws random numbers, which --format={form} can't")
    make_folder(output.parent)
    aside = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        aside.mkdir()
        described = {}
        for name in names:
            path = aside / f"{name}{chosen.ending}"
            described[name] = entry = _one(chosen, form, Signature(local, name), path)
            print(
                f"{name}: {entry['bytes'] / 1e6:.3g} MB; differs from the SavedModel by "
                f"{entry['largest_difference']:.2g} at most, run by {entry['run_by']}"
            )
        write_json(
            aside / "conversion.json",
            {"format": form, "model": "/".join(local.folder.parts[-2:]), "signatures": described},
        )
        os.rename(aside, output)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return output


def _names(model, chosen):
    convertible = [
        name
        for name in model.signatures
        # Other formats don't decode pictures: the signatures of arrays are converted.
        if name not in (LEFT_OUT, "serving_default") and not name.endswith(BYTES)
    ]
    if not convertible:
        raise ConversionError("the model has no signature that could be converted")
    expected = f"some of {', '.join(convertible)}"
    if LEFT_OUT in chosen:
        expected += f"; {LEFT_OUT} draws random numbers, so draw codes yourself and decode them"
    if set(chosen) - set(convertible):
        raise SettingsError("signatures", ",".join(chosen), expected)
    usual = [name for name in convertible if name != SCORE] or convertible
    return tuple(dict.fromkeys(chosen)) or usual


def _one(chosen, form, signature, path):
    """Writes and compares one signature; its entry in conversion.json."""
    chosen.write(signature, path)
    examples = signature.examples()
    answers, run_by = chosen.run(path, signature, examples)
    largest = max(
        difference(signature.answer(example), answer, chosen.exact)
        for example, answer in zip(examples, answers, strict=True)
    )
    if largest > chosen.bound:
        raise ConversionError(
            f"--format={form}: {signature.name} differs from the SavedModel by {largest:.2g}, more "
            f"than {chosen.bound:g}; nothing was written"
        )
    files = [path] if path.is_file() else sorted(path.iterdir())
    return {
        "file": path.name,
        "bytes": sum(file.stat().st_size for file in files),
        "inputs": {
            name: {"dtype": tensor.dtype, "shape": [None, *tensor.shape[1:]]}
            for name, tensor in signature.inputs.items()
        },
        "outputs": [
            name if chosen.keeps_names else signature.output_nodes[name]
            for name in signature.outputs
        ],
        "largest_difference": largest,
        "bound": chosen.bound,
        "run_by": run_by,
    }


def difference(
    expected: dict[str, np.ndarray], answer: dict[str, np.ndarray], exact: bool = True
) -> float:
    """The largest difference of any output, where outputs beyond 1 count relative to the largest.

    Args:
      expected: outputs by name.
      answer: the same names; another shape or a NaN counts as an infinite difference.
      exact: whether integers count.
    """
    largest = 0.0
    for name, right in expected.items():
        array = np.asarray(answer[name])
        if array.shape != right.shape:
            return float("inf")
        if not exact and right.dtype.kind in "iu":
            continue
        apart = np.abs(array.astype(np.float64) - right).max(initial=0.0)
        if np.isnan(apart):
            return float("inf")
        scale = 1.0
        if right.dtype.kind == "f":
            scale = max(1.0, float(np.abs(right).max(initial=0.0)))
        largest = max(largest, float(apart) / scale)
    return largest
