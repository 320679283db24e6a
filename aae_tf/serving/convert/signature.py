"""One signature of a SavedModel: what it takes, what it answers, and its graph on its own."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from aae_tf.errors import UserError
from aae_tf.serving.local import LocalModel

EXAMPLES = (1, 5)  # two batch sizes, since one alone wouldn't show whether the size is free


class ConversionError(UserError):
    """A model can't be had in another format."""


class Signature:
    """A signature with inputs and outputs by name.

    Args:
      model: that has it.
      name: of the signature.

    Attributes:
      folder: of the SavedModel.
      inputs: by name; the first dimension is the batch.
      outputs: names, in the order of the graph's outputs.
    """

    def __init__(self, model: LocalModel, name: str):
        self.folder, self.name, self._model = model.folder, name, model
        self.inputs = model.signatures[name].inputs
        self.outputs: tuple[str, ...] = tuple(model.signatures[name].outputs)

    def examples(self) -> list[dict[str, np.ndarray]]:
        """Inputs that are the same each time: images in 0..1, codes of N(0, 1), labels 0 and 1."""
        return [self._example(size) for size in EXAMPLES]

    def _example(self, size):
        random = np.random.default_rng(size)
        drawn = {}
        for name, tensor in self.inputs.items():
            shape = (size, *tensor.shape[1:])
            if "int" in tensor.dtype:
                drawn[name] = (np.arange(size) % 2).astype(tensor.dtype)
            elif name == "images":
                drawn[name] = random.random(shape, np.float32)
            else:
                drawn[name] = random.normal(size=shape).astype(np.float32)
        return drawn

    def answer(self, example: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the SavedModel answers."""
        return self._model.predict(self.name, example)

    @functools.cached_property
    def _frozen(self):
        frozen = convert_variables_to_constants_v2(self._model.function(self.name))
        graph = frozen.graph.as_graph_def()
        names, taken = {}, {node.name for node in graph.node}
        for output, tensor in zip(self.outputs, frozen.outputs, strict=True):
            names[output] = output if output not in taken else f"{output}_out"
            node = graph.node.add(name=names[output], op="Identity", input=[tensor.name])
            node.attr["T"].type = tensor.dtype.as_datatype_enum
        return _folded(_reachable(graph, names.values())), names

    @property
    def graph(self) -> tf.compat.v1.GraphDef:
        """The graph with weights as constants, without assertions.

        Its inputs and outputs are nodes of their own names; an output that is called as an input
        is, such as the images of 'reconstruct', has '_out' behind its name.
        """
        return self._frozen[0]

    @property
    def output_nodes(self) -> dict[str, str]:
        """Names of the graph's nodes by the names of outputs."""
        return self._frozen[1]

    def refuse(self, form: str, *unknown: tf.DType) -> None:
        """Raises a ConversionError if the graph computes in a type that the format lacks."""
        for node in self.graph.node:
            dtypes = {tf.as_dtype(value.type) for value in node.attr.values() if value.type}
            for dtype in dtypes.intersection(unknown):
                raise ConversionError(
                    f"--model={self.folder}: {self.name} computes in {dtype.name}, which "
                    f"--format={form} can't; expected a model of --precision=float32"
                )


def _reachable(graph, outputs):
    """What the outputs need; assertions are tied to the rest by control inputs alone."""
    nodes = {node.name: node for node in graph.node}
    needed, left = set(), list(outputs)
    while left:
        name = left.pop()
        if name in needed:
            continue
        needed.add(name)
        node = nodes[name]
        node.input[:] = [source for source in node.input if not source.startswith("^")]
        left.extend(map(_node, node.input))
        if node.op == "EnsureShape":  # as much a check as an assertion is
            node.op = "Identity"
            del node.attr["shape"]
    pruned = tf.compat.v1.GraphDef(versions=graph.versions)
    pruned.node.extend(node for node in graph.node if node.name in needed)
    return pruned


def _folded(graph):
    """With constants for what depends on constants alone, such as the scale of a normalisation.

    It also spares formats operations that they may lack, such as the SVD of the cluster heads.
    """
    nodes = {node.name: node for node in graph.node}

    @functools.cache
    def fixed(name):
        sources = [_node(source) for source in nodes[name].input]
        return nodes[name].op == "Const" or (bool(sources) and all(map(fixed, sources)))

    left = [node for node in graph.node if not fixed(node.name)]
    tensors = sorted({source for node in left for source in node.input if fixed(_node(source))})
    imported = tf.Graph()
    with imported.as_default(), tf.compat.v1.Session() as session:
        tf.graph_util.import_graph_def(graph, name="")
        values = session.run([s if ":" in s else f"{s}:0" for s in tensors])
    folded = tf.compat.v1.GraphDef(versions=graph.versions)
    renamed = {}
    for tensor, value in zip(tensors, values, strict=True):
        renamed[tensor] = f"constants/{tensor.replace(':', '_')}"
        node = folded.node.add(name=renamed[tensor], op="Const")
        node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    for node in left:
        node.input[:] = [renamed.get(source, source) for source in node.input]
    folded.node.extend(left)
    return folded


def _node(tensor):
    return tensor.partition(":")[0]
