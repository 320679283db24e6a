"""ONNX, by tf2onnx; run by onnxruntime. Both are of the extra 'onnx'."""

from __future__ import annotations

import importlib.util
import logging
import pathlib

import numpy as np
import tensorflow as tf

from aae_tf.errors import SettingsError
from aae_tf.serving.convert.signature import ConversionError, Signature

ENDING = ".onnx"
BOUND = 1e-4
OPSET = 17


def check() -> None:
    """Refuses if the extra isn't installed."""
    if missing := [n for n in ("tf2onnx", "onnxruntime") if importlib.util.find_spec(n) is None]:
        expected = f"{' and '.join(missing)} to be installed: pip install -e '.[onnx]'"
        raise SettingsError("format", "onnx", expected)


def write(signature: Signature, path: pathlib.Path) -> None:
    """Writes the signature's graph, inputs and outputs named as in `Signature.graph`."""
    signature.refuse("onnx", tf.bfloat16, tf.float16)
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    inputs, outputs = list(signature.inputs), list(signature.output_nodes.values())
    try:
        model, _ = tf2onnx.convert.from_graph_def(
            signature.graph,
            name=signature.name,
            input_names=[f"{name}:0" for name in inputs],
            output_names=[f"{name}:0" for name in outputs],
            tensors_to_rename={f"{name}:0": name for name in (*inputs, *outputs)},
            opset=OPSET,
        )
    except Exception as error:  # tf2onnx has no error class of its own
        reason = " ".join(str(error).split())[:200]
        raise ConversionError(f"{signature.name} can't be had as ONNX: {reason}") from error
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    path.write_bytes(model.SerializeToString())


def run(
    path: pathlib.Path, signature: Signature, examples: list[dict[str, np.ndarray]]
) -> tuple[list[dict[str, np.ndarray]], str]:
    """What onnxruntime answers, by the names of the signature's outputs."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its classes are private and many
        reason = " ".join(str(error).split())[:200]
        raise ConversionError(f"{signature.name}: onnxruntime can't load it: {reason}") from error
    nodes = signature.output_nodes
    answers = [session.run(list(nodes.values()), example) for example in examples]
    return [dict(zip(nodes, values, strict=True)) for values in answers], "onnxruntime"
