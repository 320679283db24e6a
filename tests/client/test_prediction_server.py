"""The test server's own rules, so that the client isn't tested against something more lenient."""

import json
import urllib.error
import urllib.request

import numpy as np
import pytest

pytest.importorskip("tensorflow_serving", reason="tensorflow-serving-api isn't installed")

import grpc
import rest_json
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def _post(server, path, body):
    request = urllib.request.Request(f"{server.rest}/v1/models/{path}", json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_columns_and_rows(server):
    codes = [[0.5, -1.0], [0.0, 2.0]]
    ask = {"signature_name": "decode", "inputs": {"codes": codes}}
    _, columns = _post(server, "gaussian:predict", ask)
    assert np.shape(columns["outputs"]) == (2, 8, 8, 1)
    _, plain = _post(server, "gaussian:predict", {**ask, "inputs": codes})
    rows = {"signature_name": "decode", "instances": [{"codes": code} for code in codes]}
    _, by_rows = _post(server, "gaussian:predict", rows)
    assert plain == columns and by_rows == {"predictions": columns["outputs"]}
    draw = {"signature_name": "sample", "inputs": {"seed": [1, 2], "count": 3}}
    _, several = _post(server, "gaussian/labels/stable:predict", draw)
    assert set(several["outputs"]) == {"codes", "images"}


@pytest.mark.parametrize(
    "path, body, status, words",
    [
        ("none:predict", {"inputs": []}, 404, "Servable not found for request: Latest(none)"),
        ("gaussian/versions/9:predict", {"inputs": []}, 404, "Specific(gaussian, 9)"),
        ("gaussian/labels/new:predict", {"inputs": []}, 400, "Unrecognized servable version label"),
        (
            "gaussian:predict",
            {"signature_name": "no", "inputs": []},
            400,
            'Serving signature name: "no" not found in signature def',
        ),
        (
            "gaussian:predict",
            {"signature_name": "sample", "inputs": {"seed": [1, 2]}},
            400,
            "Missing named input: count",
        ),
        (
            "gaussian:predict",
            {"signature_name": "sample", "inputs": {"seed": [1, 2.0], "count": 1}},
            400,
            "not of expected type: int32",
        ),
        (
            "gaussian:predict",
            {"signature_name": "decode", "inputs": [[1, 2], [3]]},
            400,
            "unexpected size",
        ),
        (
            "gaussian:predict",
            {"signature_name": "decode", "inputs": [["1", "2"]]},
            400,
            "not of expected type: float32",
        ),
        ("gaussian:classify", {}, 400, "Malformed request: POST"),
        ("gaussian:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
    ],
)
def test_rest_refuses(server, path, body, status, words):
    actual, answer = _post(server, path, body)
    assert actual == status and words in answer["error"]


@pytest.mark.parametrize(
    "signature, inputs, outputs, code, words",
    [
        ("no", {}, [], "FAILED_PRECONDITION", 'Serving signature key "no" not found.'),
        ("decode", {}, [], "INVALID_ARGUMENT", "Missing but required: {codes}"),
        (
            "decode",
            {"codes": [[0.0, 1.0]], "more": [1.0]},
            [],
            "INVALID_ARGUMENT",
            "Sent extra: {more}",
        ),
        ("decode", {"code": [[0.0, 1.0]]}, [], "INVALID_ARGUMENT", "alias not found"),
        ("decode", {"codes": [[0, 1]]}, [], "INVALID_ARGUMENT", "float32 but int32 is provided"),
        ("decode", {"codes": [[0.0, 1.0, 2.0]]}, [], "INVALID_ARGUMENT", ""),
        ("decode", {"codes": [[0.0, 1.0]]}, ["codes"], "INVALID_ARGUMENT", "output tensor alias"),
    ],
)
def test_grpc_refuses(server, signature, inputs, outputs, code, words):
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name, request.model_spec.signature_name = "gaussian", signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError, match=r".") as caught:
            stub.Predict(request, timeout=10)
    assert caught.value.code().name == code and words in caught.value.details()


def test_output_filter_leaves_the_others_out(server):
    request = predict_pb2.PredictRequest(output_filter=["codes"])
    request.model_spec.name, request.model_spec.signature_name = "gaussian", "sample"
    request.inputs["seed"].CopyFrom(tf.make_tensor_proto([1, 2]))
    request.inputs["count"].CopyFrom(tf.make_tensor_proto(3))
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        assert set(stub.Predict(request, timeout=10).outputs) == {"codes"}


def test_decimals_are_short_and_exact():
    assert [rest_json.decimal(np.float32(x)) for x in (0.2, 1, 1e9, 3e-5, np.nan, -np.inf)] == [
        "0.2",
        "1.0",
        "1e+09",
        "3e-05",
        "NaN",
        "-Infinity",
    ]
    for value in np.random.default_rng(0).normal(size=500).astype(np.float32):
        assert np.float32(rest_json.decimal(value)) == value
