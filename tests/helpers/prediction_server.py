"""TF Serving's PredictionService and REST API as its sources have them, around real SavedModels.

The messages and the service are tensorflow-serving-api's. What is answered and refused, and in
which words, follows server_core.cc, predict_util.cc, get_model_metadata_impl.cc,
http_rest_api_handler.cc and json_tensor.cc of tensorflow/serving.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import http.server
import json
import pathlib
import re
import threading
import time
import urllib.parse

import grpc
import numpy as np
import rest_json
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
CHOICE = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"


class Core:
    """The models, and what they answer.

    Args:
      folders: of models, by name; all versions are served.
      labels: of each model, versions by label.

    Attributes:
      unavailable: how many of the next requests find no model available.
      delay: seconds that each answer takes.
      requests: each prediction's model, version, signature and number of rows.
    """

    def __init__(self, folders, labels):
        self.unavailable, self.delay, self.requests = 0, 0.0, []
        self._labels = labels
        self._models = {
            name: {int(version.name): _Version(version) for version in folder.glob("[0-9]*")}
            for name, folder in folders.items()
        }

    def forget(self, name, version):
        """Unloads a version."""
        del self._models[name][version]

    def add(self, name, folder):
        """Loads a version."""
        self._models[name][int(folder.name)] = _Version(folder)

    def find(self, spec: ModelSpec):
        """The version that a request goes to, and its number."""
        if spec.WhichOneof("version_choice") == "version_label":
            number = self._labels.get(spec.name, {}).get(spec.version_label)
            if number is None:
                words = f"Unrecognized servable version label: {spec.version_label}"
                raise rest_json.Failure("INVALID_ARGUMENT", words)
        elif spec.HasField("version"):
            number = spec.version.value
        else:
            number = max(self._models.get(spec.name, {0: None}))
        exact = spec.WhichOneof("version_choice")
        choice = f"Specific({spec.name}, {number})" if exact else f"Latest({spec.name})"
        actual = self._models.get(spec.name, {}).get(number)
        if actual is None:
            raise rest_json.Failure("NOT_FOUND", f"Servable not found for request: {choice}")
        return actual, number

    def _begin(self):
        if self.unavailable:
            self.unavailable -= 1
            raise rest_json.Failure("UNAVAILABLE", "the server is draining")
        time.sleep(self.delay)

    def describe(self, request):
        """GetModelMetadata."""
        self._begin()
        if list(request.metadata_field) != ["signature_def"]:
            words = "GetModelMetadataRequest must specify at least one metadata_field"
            raise rest_json.Failure("INVALID_ARGUMENT", words)
        version, number = self.find(request.model_spec)
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = request.model_spec.name
        answer.model_spec.version.value = number
        definitions = get_model_metadata_pb2.SignatureDefMap(signature_def=version.signatures)
        answer.metadata["signature_def"].Pack(definitions)
        return answer

    def predict(self, request):
        """Predict."""
        requests = self.requests  # an answer that nobody waits for doesn't count in a later test
        self._begin()
        version, number = self.find(request.model_spec)
        name = request.model_spec.signature_name or "serving_default"
        definition = version.definition(name)
        sent, required = set(request.inputs), set(definition.inputs)
        if len(sent) != len(required):
            raise rest_json.Failure(
                "INVALID_ARGUMENT",
                f"input size does not match signature: {len(sent)}!={len(required)} "
                f"len({{{','.join(sorted(sent))}}}) != len({{{','.join(sorted(required))}}}). Sent "
                f"extra: {{{','.join(sorted(sent - required))}}}. Missing but required: "
                f"{{{','.join(sorted(required - sent))}}}.",
            )
        for alias in sorted(sent - required):
            raise rest_json.Failure(
                "INVALID_ARGUMENT",
                f"input tensor alias not found in signature: {alias}. Inputs expected to be in the "
                f"set {{{','.join(sorted(required))}}}.",
            )
        chosen = list(request.output_filter) or sorted(definition.outputs)
        for alias in chosen:
            if alias not in definition.outputs:
                raise rest_json.Failure(
                    "INVALID_ARGUMENT",
                    f"output tensor alias not found in signature: {alias} Outputs expected to be "
                    f"in the set {{{','.join(sorted(definition.outputs))}}}.",
                )
        inputs = {key: tf.make_ndarray(proto) for key, proto in request.inputs.items()}
        for key, proto in request.inputs.items():
            given, expected = (tf.as_dtype(p.dtype).name for p in (proto, definition.inputs[key]))
            if given != expected:
                words = f"Expects arg[0] to be {expected} but {given} is provided"
                raise rest_json.Failure("INVALID_ARGUMENT", words)
        rows = max([len(value) for value in inputs.values() if value.ndim], default=0)
        requests.append((request.model_spec.name, number, name, rows))
        outputs = version.run(name, inputs)
        answer = predict_pb2.PredictResponse()
        answer.model_spec.name, answer.model_spec.version.value = request.model_spec.name, number
        answer.model_spec.signature_name = name
        for alias in chosen:
            answer.outputs[alias].CopyFrom(_in_fields(outputs[alias]))
        return answer


class _Version:
    def __init__(self, folder):
        self._loaded = tf.saved_model.load(str(folder))
        content = (folder / "saved_model.pb").read_bytes()
        actual = saved_model_pb2.SavedModel.FromString(content)
        self.signatures = dict(actual.meta_graphs[0].signature_def)

    def definition(self, name):
        if name not in self.signatures:
            words = f'Serving signature key "{name}" not found.'
            raise rest_json.Failure("FAILED_PRECONDITION", words)
        return self.signatures[name]

    def run(self, name, inputs):
        try:
            given = {key: tf.constant(value) for key, value in inputs.items()}
            actual = self._loaded.signatures[name](**given)
        except (tf.errors.InvalidArgumentError, TypeError, ValueError) as error:
            raise rest_json.Failure("INVALID_ARGUMENT", str(error)) from None
        return {key: value.numpy() for key, value in actual.items()}


def _in_fields(value: np.ndarray):
    """A tensor as the server sends it, which by default isn't packed as bytes."""
    proto = tf.make_tensor_proto(np.zeros(0, value.dtype))
    proto.ClearField("tensor_content")
    proto.tensor_shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
    fields = {"float32": proto.float_val, "int64": proto.int64_val, "int32": proto.int_val}
    fields[value.dtype.name].extend(value.ravel().tolist())
    return proto


class _Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, core):
        self._core = core

    def Predict(self, request, context):
        return _answered(self._core.predict, request, context)

    def GetModelMetadata(self, request, context):
        return _answered(self._core.describe, request, context)


def _answered(method, request, context):
    try:
        return method(request)
    except rest_json.Failure as failure:
        context.abort(grpc.StatusCode[failure.code], failure.words)


class _Rest(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer(self._describe)

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self._predict)

    def _answer(self, method):
        try:
            status, text = 200, method()
        except rest_json.Failure as failure:
            status, text = HTTP_STATUS[failure.code], json.dumps({"error": failure.words})
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _spec(self, ending):
        actual = re.fullmatch(CHOICE + ending, self.path, re.IGNORECASE)
        if not actual:
            words = f"Malformed request: {self.command} {self.path}"
            raise rest_json.Failure("INVALID_ARGUMENT", words)
        name, version, label = actual.groups()
        spec = ModelSpec(name=urllib.parse.unquote(name))
        if version:
            spec.version.value = int(version)
        if label:
            spec.version_label = urllib.parse.unquote(label)
        return spec

    def _describe(self):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.CopyFrom(self._spec("/metadata"))
        answer = self.server.core.describe(request)
        actual = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(actual)
        spec, signatures = (
            json_format.MessageToDict(
                message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
            for message in (answer.model_spec, actual)
        )
        return json.dumps({"model_spec": spec, "metadata": {"signature_def": signatures}})

    def _predict(self):
        request = predict_pb2.PredictRequest(model_spec=self._spec(":predict"))

        def definition(name):
            version, _ = self.server.core.find(request.model_spec)
            if name not in version.signatures:
                words = f'Serving signature name: "{name}" not found in signature def'
                raise rest_json.Failure("INVALID_ARGUMENT", words)
            return version.signatures[name]

        by_rows = rest_json.fill(request, self.body, definition)
        return rest_json.written(self.server.core.predict(request).outputs, by_rows)


@dataclasses.dataclass
class Running:
    """Addresses as --server takes them."""

    core: Core
    grpc: str
    rest: str


@contextlib.contextmanager
def running(folders: dict[str, pathlib.Path], labels=None):
    """Serves models on free ports of this machine."""
    core = Core(folders, labels or {})
    pool = concurrent.futures.ThreadPoolExecutor(4)
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(pool, options=unlimited)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Service(core), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    front = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Rest)
    front.daemon_threads, front.core = True, core
    thread = threading.Thread(target=front.serve_forever, daemon=True)
    thread.start()
    try:
        yield Running(core, f"127.0.0.1:{port}", f"http://127.0.0.1:{front.server_port}")
    finally:
        server.stop(None)
        front.shutdown()
        front.server_close()
        thread.join()
