"""Requests that TF Serving replays when it loads a model, so that the first client needn't wait.

`assets.extra/tf_serving_warmup_requests` is a TFRecord file of PredictionLog messages. Their
definition is TF Serving's (tensorflow_serving/apis/prediction_log.proto and those that it
imports), of which only the fields that are written are declared here: the package that has all of
them, tensorflow-serving-api, is needed by clients, not to export.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

NAME = "tf_serving_warmup_requests"
ROWS = 1


def write(folder: pathlib.Path, model: str, signatures: Mapping[str, object]) -> None:
    """Writes one request for each signature.

    Args:
      folder: the version's assets.extra.
      model: its name.
      signatures: concrete functions by name.
    """
    with tf.io.TFRecordWriter(str(folder / NAME)) as writer:
        for name, function in signatures.items():
            specs = function.structured_input_signature[0]
            inputs = {spec.name: example(spec) for spec in specs}
            writer.write(_log(model, name, inputs))


def example(spec: tf.TensorSpec) -> np.ndarray:
    """A valid input of that specification, for one example."""
    shape = [ROWS if size is None else size for size in spec.shape]
    if spec.dtype == tf.string:
        return np.array([_picture()] * ROWS, object)
    if spec.name == "count":
        return np.array(ROWS, np.int32)
    return np.zeros(shape, spec.dtype.as_numpy_dtype)


@functools.cache
def _picture() -> bytes:
    return tf.io.encode_png(tf.zeros((8, 8, 1), tf.uint8)).numpy()


def _log(model: str, signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    message = _message_class()()
    request = message.predict_log.request
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].ParseFromString(tf.make_tensor_proto(value).SerializeToString())
    return message.SerializeToString(deterministic=True)


@functools.cache
def _message_class():
    """PredictionLog with PredictLog, PredictRequest and ModelSpec, on TensorFlow's TensorProto."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from tensorflow.core.framework import tensor_pb2

    field = descriptor_pb2.FieldDescriptorProto
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(
        name="aae_tf/prediction_log.proto", package="aae_tf.serving", syntax="proto3"
    )
    _add_tensor_protos(pool, tensor_pb2.DESCRIPTOR)
    file.dependency.append(tensor_pb2.DESCRIPTOR.name)

    def message(name, *fields, into=None):
        made = (into.nested_type if into else file.message_type).add(name=name)
        for field_name, number, kind, type_name, label in fields:
            added = made.field.add(name=field_name, number=number, type=kind, label=label)
            if type_name:
                added.type_name = type_name
        return made

    one, many, string, nested = (
        field.LABEL_OPTIONAL,
        field.LABEL_REPEATED,
        field.TYPE_STRING,
        field.TYPE_MESSAGE,
    )
    message("ModelSpec", ("name", 1, string, "", one), ("signature_name", 3, string, "", one))
    request = message(
        "PredictRequest",
        ("model_spec", 1, nested, ".aae_tf.serving.ModelSpec", one),
        ("inputs", 2, nested, ".aae_tf.serving.PredictRequest.InputsEntry", many),
    )
    entry = message(
        "InputsEntry",
        ("key", 1, string, "", one),
        ("value", 2, nested, ".tensorflow.TensorProto", one),
        into=request,
    )
    entry.options.map_entry = True
    message("PredictLog", ("request", 1, nested, ".aae_tf.serving.PredictRequest", one))
    message("PredictionLog", ("predict_log", 6, nested, ".aae_tf.serving.PredictLog", one))
    pool.Add(file)
    found = pool.FindMessageTypeByName("aae_tf.serving.PredictionLog")
    return message_factory.GetMessageClass(found)


def _add_tensor_protos(pool, descriptor) -> None:
    """Adds a file of TensorFlow's definitions, and before it those that it imports."""
    from google.protobuf import descriptor_pb2

    for imported in descriptor.dependencies:
        _add_tensor_protos(pool, imported)
    file = descriptor_pb2.FileDescriptorProto()
    descriptor.CopyToProto(file)
    pool.Add(file)
