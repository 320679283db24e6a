"""What fails says so in one line; only a server that isn't available is asked again."""

import gzip
import http.server
import re
import socket
import sys
import threading
import time
import tracemalloc
import types

import numpy as np
import pytest
import urllib3

from aae_tf.client import rest
from aae_tf.client.grpc import GrpcModel
from aae_tf.client.model import MOST_RETRIES, Endpoint, PredictionError, Refused, Unavailable
from aae_tf.client.rest import RestModel

CODES = {"codes": np.zeros((1, 2), np.float32)}


@pytest.fixture
def waits(monkeypatch):
    """The seconds that would have been waited."""
    slept = []
    monkeypatch.setattr(urllib3.util.retry, "time", types.SimpleNamespace(sleep=slept.append))
    return slept


@pytest.fixture(params=["grpc", "rest"])
def connected(request, server):
    """Makes a model, by each way."""
    kind = {"grpc": GrpcModel, "rest": RestModel}[request.param]

    def connect(name="gaussian", **changes):
        return kind(Endpoint(getattr(server, request.param), name, **changes))

    return connect


def _line(kind, call, *arguments, **named):
    with pytest.raises(kind) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_server_that_is_away_twice_is_asked_three_times(server, connected, waits):
    model = connected()
    server.core.unavailable = 2
    assert model.predict("decode", CODES)["images"].shape == (1, 8, 8, 1)
    assert waits == [1] and len(server.core.requests) == 1


def test_server_that_starts_while_it_is_described_is_waited_for(server, connected, waits):
    server.core.unavailable = 2
    assert "decode" in connected().signatures
    assert waits == [1]


def test_waits_double_and_end(server, connected, waits):
    model = connected(retries=8)
    server.core.unavailable = 9
    _line(Unavailable, model.predict, "decode", CODES)
    assert waits == [1, 2, 4, 8, 8, 8, 8]


def test_retries_are_bounded(server, connected, waits):
    model = connected(retries=1)
    server.core.unavailable = 5
    line = _line(Unavailable, model.predict, "decode", CODES)
    assert line.startswith("--server=") and "no server answers (the server is draining)" in line
    assert server.core.unavailable == 3 and waits == []


def test_refused_request_is_sent_once(server, connected, waits):
    model = connected()
    _line(Refused, model.predict, "decode", {"codes": np.full((1, 2), np.inf, np.float32)})
    assert len(server.core.requests) == 1 and waits == []


def test_time_out_says_so_at_once_and_is_not_repeated(server, connected, waits):
    model = connected(timeout=0.3)
    server.core.delay = 3
    start = time.monotonic()
    line = _line(PredictionError, model.predict, "decode", CODES)
    assert time.monotonic() - start < 2
    assert "no answer within --timeout=0.3 seconds" in line and waits == []


@pytest.fixture
def free_port():
    """A port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_no_server_there(free_port, waits):
    for kind, address in ((GrpcModel, "127.0.0.1"), (RestModel, "http://127.0.0.1")):
        address = f"{address}:{free_port}"
        line = _line(Unavailable, kind, Endpoint(address, "gaussian"))
        assert line.startswith(f"--server={address}: no server answers (") and "refused" in line
    assert waits == [1, 2] * 2


def test_most_retries_wait_no_longer(free_port, waits):
    endpoint = Endpoint(f"http://127.0.0.1:{free_port}", "gaussian", retries=MOST_RETRIES)
    _line(Unavailable, RestModel, endpoint)
    assert len(waits) == MOST_RETRIES - 1 and max(waits) == 8


def test_host_that_nobody_knows(server, waits):
    for kind, address in ((GrpcModel, "no.invalid:1"), (RestModel, "http://no.invalid:1")):
        line = _line(PredictionError, kind, Endpoint(address, "gaussian"))
        assert line.startswith(f"--server={address}: ")


@pytest.mark.parametrize(
    "choice, words",
    [
        ({"name": "gausian"}, "Servable not found for request: Latest(gausian)"),
        ({"version": 7}, "Servable not found for request: Specific(gaussian, 7)"),
        ({"label": "beta"}, "Unrecognized servable version label: beta"),
        ({"name": "a/b c"}, "Servable not found for request: Latest(a/b c)"),
    ],
)
def test_model_that_the_server_lacks(connected, waits, choice, words):
    line = _line(PredictionError, connected, **choice)
    for key, value in choice.items():
        flag = {"name": "model_name", "version": "model_version", "label": "model_label"}[key]
        assert f"--{flag}={value}" in line
    assert "expected a model that --server=" in line and line.endswith(words) and waits == []


class _Other(http.server.BaseHTTPRequestHandler):
    status, content = 200, b""

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    "status, content, words",
    [
        (200, b"<html>", "expected TF Serving's REST; its answer isn't JSON"),
        (200, b"\xff", "expected TF Serving's REST; its answer isn't JSON"),
        (200, b"[" * 100_000, "expected TF Serving's REST; its answer isn't JSON"),
        (200, b"[]", "its description of the model has another form"),
        (200, b'{"metadata": {"signature_def": {"signature_def": []}}}', "another form"),
        (403, b"go\naway", "HTTP status 403: go away"),
        (500, b'{"error": "out of memory"}', "HTTP status 500: out of memory"),
        (404, b"<html>", "expected a model that --server="),
    ],
)
def test_something_else_answers(server, status, content, words):
    handler = type("Handler", (_Other,), {"status": status, "content": content})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        endpoint = Endpoint(f"http://127.0.0.1:{other.server_port}", "gaussian", retries=0)
        assert words in _line(PredictionError, RestModel, endpoint)
        other.shutdown()


def _dribble(listening, stop):
    connection, _ = listening.accept()
    with connection:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not stop.wait(0.1):
            try:
                connection.sendall(b" ")
            except OSError:
                return


def test_answer_that_comes_byte_by_byte_runs_out_of_time(server):
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_dribble, args=(listening, stop), daemon=True).start()
        endpoint = Endpoint(f"http://127.0.0.1:{listening.getsockname()[1]}", "m", timeout=0.5)
        start = time.monotonic()
        assert "no answer within --timeout=0.5" in _line(PredictionError, RestModel, endpoint)
        assert time.monotonic() - start < 3
        stop.set()


HEAD = b"HTTP/1.1 200 OK\r\n"


def _sends(listening, first, again, stop):
    """Answers one client, then sends more for as long as it takes."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(10_000)
        connection.sendall(first)
        while not stop.is_set():
            try:
                connection.sendall(again)
                if len(again) < 100:
                    time.sleep(0.05)
            except OSError:
                return


@pytest.mark.parametrize(
    "first, again, expected",
    [
        (HEAD + b"X: ", b"a", "no answer within --timeout=0.5"),
        (HEAD, b"A: b\r\n", "no answer within --timeout=0.5|headers|HTTP as expected"),
        (b"HTTP", b"/", "no answer within --timeout=0.5"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", "no answer within --timeout=0.5"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", "no answer within"),
        (HEAD + b"\r\n", b" " * 2**20, "its answer has more than 16777216 bytes"),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            b"100000\r\n" + b" " * 2**20 + b"\r\n",
            "more",
        ),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(bytes(2**27)), "isn't JSON|more"),
    ],
)
def test_an_answer_without_end_is_bounded_in_time_and_bytes(first, again, expected):
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=_sends, args=(listening, first, again, stop), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        timeout = 0.5 if len(again) < 100 else 5
        start = time.monotonic()
        tracemalloc.start()
        line = _line(PredictionError, RestModel, Endpoint(url, "m", timeout=timeout, retries=0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        stop.set()
        assert re.search(expected, line), line
        assert time.monotonic() - start < 6 and peak < 100e6


def test_an_answer_larger_than_its_shape_allows_is_not_read_to_its_end(server, monkeypatch):
    model = RestModel(Endpoint(server.rest, "gaussian", retries=0))
    monkeypatch.setattr(rest, "NUMBER_BYTES", 1)
    monkeypatch.setattr(rest, "CHUNK", 100)
    line = _line(PredictionError, model.predict, "decode", CODES)
    assert "its answer has more than 164 bytes" in line  # of 8 x 8 pixels


@pytest.mark.parametrize("shape", [[2**40], [2**31, 2**31], [-1], [-1, -(2**40)]])
def test_a_tensor_that_declares_what_it_does_not_hold_is_refused(server, monkeypatch, shape):
    from tensorflow.core.framework import tensor_pb2
    from tensorflow_serving.apis import predict_pb2

    model = GrpcModel(Endpoint(server.grpc, "gaussian"))
    tensor = tensor_pb2.TensorProto(dtype=1, float_val=[1.0, 2.0])
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    answer = predict_pb2.PredictResponse(outputs={"images": tensor})
    monkeypatch.setattr(model, "_call", lambda *_: answer)
    _line(PredictionError, model.predict, "decode", CODES)
    model.close()


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    line = _line(PredictionError, GrpcModel, Endpoint("localhost:8500", "gaussian"))
    assert line.startswith("--server=localhost:8500: expected tensorflow-serving-api to be")
    assert "pip install -e '.[client]'" in line


@pytest.mark.parametrize(
    "outputs", [[["0.5"]], [[None]], [[True]], [[0.5], [1, 2]], {"a": 1}, [[1e400, {}]]]
)
def test_json_that_is_no_array_of_numbers(server, monkeypatch, outputs):
    model = RestModel(Endpoint(server.rest, "gaussian"))
    monkeypatch.setattr(model, "_get", lambda *_: {"outputs": outputs})
    line = _line(PredictionError, model.predict, "decode", CODES)
    assert line.startswith("--signature=decode: the answer isn't what")
