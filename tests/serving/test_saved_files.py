"""What lies in an export: the weights that inference reads, and nothing of training."""

import re

import numpy as np
import pytest
import tensorflow as tf
import tiny
from tensorflow.core.protobuf import saved_model_pb2

from aae_tf.serving.export import export_saved_model

LABELS = {"semi_supervised": {"num_labels": "30"}}
GRAPH_BYTES = 500_000  # at most, for the graph and what lies beside it, whatever the weights' size


def _graph(version):
    read = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    return read.meta_graphs[0]


def _functions(meta_graph):
    return {function.signature.name: function for function in meta_graph.graph_def.library.function}


def _operations(meta_graph, signature):
    """Names of the operations of a signature's graph, those of functions that it calls included."""
    functions, nodes = _functions(meta_graph), {n.name: n for n in meta_graph.graph_def.node}
    output = next(iter(meta_graph.signature_def[signature].outputs.values())).name.partition(":")[0]
    actual, due = set(), [nodes[output].attr["f"].func.name]
    while due:
        for node in functions[due.pop()].node_def:
            actual.add(node.op)
            called = [value.func.name for value in node.attr.values() if value.func.name]
            due += [name for name in called if name in functions]
    return actual


@pytest.mark.slow
def test_size_is_close_to_that_of_the_weights(tmp_path):
    method = tiny.method(encoder_units="600,600", decoder_units="600,600")
    version = export_saved_model(method, tmp_path)
    networks = method.networks.values()  # the discriminator too, which gives scores
    weights = 4 * sum(int(np.prod(v.shape)) for network in networks for v in network.variables)
    size = sum(file.stat().st_size for file in version.rglob("*") if file.is_file())
    assert weights > 3_000_000
    assert weights < size < weights + GRAPH_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("name", ["semi_supervised", "wae_gan"])
def test_nothing_of_training_is_in_it(tmp_path, name):
    method = tiny.method(
        experiment=name,
        input_noise=0.3,
        input_dropout=0.2,
        encoder_batch_norm=True,
        **LABELS.get(name, {}),
    )
    version = export_saved_model(method, tmp_path)
    saved = dict(tf.train.list_variables(str(version / "variables" / "variables")))
    saved.pop("_CHECKPOINTABLE_OBJECT_GRAPH")
    # The discriminator of codes gives scores.
    read = [
        list(variable.shape)
        for network, model in method.networks.items()
        if network != "label_discriminator"
        for variable in model.variables
    ]
    assert sorted(saved.values()) == sorted(read)
    meta_graph = _graph(version)
    for signature in meta_graph.signature_def:
        if signature.startswith("__"):  # how SavedModel calls its own initialisation
            continue
        operations = _operations(meta_graph, signature)
        assert "MatMul" in operations
        unwanted = {o for o in operations if re.search("Random|Dropout|Assign|Gradient", o)}
        if signature == "sample":
            assert unwanted and all(o.startswith("StatelessRandom") for o in unwanted)
        else:
            assert not unwanted, signature
