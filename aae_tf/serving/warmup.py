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
DEFINITION = """
name: "aae_tf/prediction_log.proto" package: "aae_tf.serving" syntax: "proto3"
dependency: "tensorflow/core/framework/tensor.proto"
message_type {
  name: "ModelSpec"
  field { name: "name" number: 1 type: TYPE_STRING }
  field { name: "signature_name" number: 3 type: TYPE_STRING }
}
message_type {
  name: "PredictRequest"
  field { name: "model_spec" number: 1 type_name: ".aae_tf.serving.ModelSpec" }
  field {
    name: "inputs" number: 2 label: LABEL_REPEATED
    type_name: ".aae_tf.serving.PredictRequest.InputsEntry"
  }
  nested_type {
    name: "InputsEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING }
    field { name: "value" number: 2 type_name: ".tensorflow.TensorProto" }
  }
}
message_type {
  name: "PredictLog"
  field { name: "request" number: 1 type_name: ".aae_tf.serving.PredictRequest" }
}
message_type {
  name: "PredictionLog"
  field { name: "predict_log" number: 6 type_name: ".aae_tf.serving.PredictLog" }
}
"""


def write(
    folder: pathlib.Path, model: str, signatures: Mapping[str, object], smallest: int = 0
) -> None:
    """Writes one request for each signature.

    Args:
      folder: the version's assets.extra.
      model: its name.
      signatures: concrete functions by name.
      smallest: side in pixels that a picture may have.
    """
    with tf.io.TFRecordWriter(str(folder / NAME)) as writer:
        for name, function in signatures.items():
            specs = function.structured_input_signature[0]
            inputs = {spec.name: example(spec, smallest) for spec in specs}
            writer.write(_log(model, name, inputs))


def example(spec: tf.TensorSpec, smallest: int = 0) -> np.ndarray:
    """A valid input of that specification, for one example; pictures of that side or 8 pixels."""
    shape = [ROWS if size is None else size for size in spec.shape]
    if spec.dtype == tf.string:
        return np.array([_picture(max(smallest, 8))] * ROWS, object)
    if spec.name == "count":
        return np.array(ROWS, np.int32)
    return np.zeros(shape, spec.dtype.as_numpy_dtype)


@functools.cache
def _picture(side: int) -> bytes:
    return tf.io.encode_png(tf.zeros((side, side, 1), tf.uint8)).numpy()


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
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

    pool = descriptor_pool.Default()
    pool.Add(text_format.Parse(DEFINITION, descriptor_pb2.FileDescriptorProto()))
    descriptor = pool.FindMessageTypeByName("aae_tf.serving.PredictionLog")
    return message_factory.GetMessageClass(descriptor)
