"""TensorFlow.js graph models: `model.json` and shards of weights, for `tf.loadGraphModel`.

The package tensorflowjs needs an older TensorFlow than this one, so the format is written here: it
is the graph in protobuf's JSON, its constants moved to a list of raw arrays.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import types_pb2

from aae_tf.serving.convert.signature import ConversionError, Signature

ENDING = ""
BOUND = 1e-4
SHARD = 2**22  # bytes, as in the official converter: what browsers keep in their caches
# TensorFlow.js has no 64-bit types and takes int64 in a graph for int32.
DTYPES = {tf.float32: np.float32, tf.int32: np.int32, tf.int64: np.int32, tf.bool: np.bool_}
SCRIPT = pathlib.Path(__file__).with_name("run_in_node.js")


def write(signature: Signature, path: pathlib.Path) -> None:
    """Writes a folder with model.json and group1-shard*.bin."""
    signature.refuse("tfjs", tf.float64, tf.bfloat16, tf.float16)
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    specs, arrays = [], []
    for node in graph.node:
        if node.op == "Const":
            array = tf.make_ndarray(node.attr["value"].tensor)
            array = array.astype(DTYPES[tf.as_dtype(node.attr["dtype"].type)])
            del node.attr["value"]
            specs.append({"name": node.name, "shape": array.shape, "dtype": array.dtype.name})
            arrays.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
    data = b"".join(arrays)
    shards = [data[start : start + SHARD] for start in range(0, len(data), SHARD)]
    files = [f"group1-shard{i}of{len(shards)}.bin" for i in range(1, len(shards) + 1)]
    nodes = {node.name: node for node in graph.node}
    described = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": "aae_tf",
        "signature": {
            "inputs": {name: _info(nodes[name], "dtype") for name in signature.inputs},
            "outputs": {name: _info(nodes[name], "T") for name in signature.output_nodes.values()},
        },
        "modelTopology": json_format.MessageToDict(graph),
        "weightsManifest": [{"paths": files, "weights": specs}],
    }
    path.mkdir()
    (path / "model.json").write_text(json.dumps(described))
    for file, shard in zip(files, shards, strict=True):
        (path / file).write_bytes(shard)


def _info(node, attribute):
    """A TensorInfo of the node's output."""
    kind = types_pb2.DataType.Name(node.attr[attribute].type)
    info = {"name": f"{node.name}:0", "dtype": kind}
    if "shape" in node.attr:
        info["tensorShape"] = json_format.MessageToDict(node.attr["shape"].shape)
    return info


def run(
    path: pathlib.Path, signature: Signature, examples: list[dict[str, np.ndarray]]
) -> tuple[list[dict[str, np.ndarray]], str]:
    """What TensorFlow.js answers, or, where it isn't installed, TensorFlow with the files' content.

    TensorFlow.js is looked for as Node.js does: in the working directory's node_modules and those
    above, and in NODE_PATH.
    """
    if has_tensorflowjs():
        return _in_node(path, signature, examples), "TensorFlow.js in Node.js"
    by = "TensorFlow from the files, for want of Node.js with @tensorflow/tfjs"
    return _read_back(path, signature, examples), by


def has_tensorflowjs() -> bool:
    """Whether there is a Node.js that finds @tensorflow/tfjs."""
    node = shutil.which("node")
    done = node and subprocess.run([node, SCRIPT, "find"], capture_output=True, check=False)
    return bool(done) and done.returncode == 0


def _in_node(path, signature, examples):
    names = signature.output_nodes
    batches = [
        {
            name: {
                "values": value.ravel().tolist(),
                "shape": value.shape,
                "dtype": "int32" if value.dtype == np.int64 else value.dtype.name,
            }
            for name, value in example.items()
        }
        for example in examples
    ]
    request = {"folder": str(path.resolve()), "outputs": list(names.values()), "batches": batches}
    done = subprocess.run(
        ["node", SCRIPT], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
        raise ConversionError(f"{signature.name}: TensorFlow.js can't run it: {reason}")
    return [
        {
            name: np.array(output["values"]).reshape(output["shape"])
            for name, output in zip(names, answer, strict=True)
        }
        for answer in json.loads(done.stdout.splitlines()[-1])
    ]


def _read_back(path, signature, examples):
    described = json.loads((path / "model.json").read_text())
    graph = json_format.ParseDict(described["modelTopology"], tf.compat.v1.GraphDef())
    (group,) = described["weightsManifest"]
    data = b"".join((path / file).read_bytes() for file in group["paths"])
    nodes, start = {node.name: node for node in graph.node}, 0
    for spec in group["weights"]:
        dtype = np.dtype(spec["dtype"]).newbyteorder("<")
        array = np.frombuffer(data, dtype, int(np.prod(spec["shape"])), start)
        start += array.nbytes
        attributes = nodes[spec["name"]].attr
        wide = array.reshape(spec["shape"]).astype(tf.as_dtype(attributes["dtype"].type).name)
        attributes["value"].tensor.CopyFrom(tf.make_tensor_proto(wide))
    imported = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(graph, name=""), []
    )
    names = signature.output_nodes
    function = imported.prune(
        [f"{name}:0" for name in signature.inputs], [f"{name}:0" for name in names.values()]
    )
    answers = []
    for example in examples:
        values = function(*(tf.constant(example[name]) for name in signature.inputs))
        answers.append({n: v.numpy() for n, v in zip(names, values, strict=True)})
    return answers
