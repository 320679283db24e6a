"""What fails says so in one line; only a server that isn't available is asked again."""

import http.server
import socket
import sys
import threading
import time
import types

import numpy as np
import pytest

from aae_tf.client import model
from aae_tf.client.grpc import GrpcModel
from aae_tf.client.model import (
    Endpoint,
    PredictionError,
    Refused,
    Unavailable,
    in_one_line,
    retried,
)
from aae_tf.client.rest import RestModel
from aae_tf.errors import SettingsError

CODES = {"codes": np.zeros((1, 2), np.float32)}


@pytest.fixture
def waits(monkeypatch):
    """The seconds that would have been waited."""
    slept = []
    monkeypatch.setattr(model, "time", types.SimpleNamespace(sleep=slept.append))
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


def test_waits_double_and_end(waits):
    attempts = []

    def attempt():
        attempts.append(1)
        raise Unavailable("nobody")

    assert _line(Unavailable, retried, attempt, 6) == "nobody"
    assert len(attempts) == 7 and waits == [0.5, 1, 2, 4, 8, 8]


def test_very_many_retries_wait_no_longer(waits):
    def attempt():
        raise Unavailable("nobody")

    assert _line(Unavailable, retried, attempt, 1100) == "nobody"
    assert len(waits) == 1100 and max(waits) == 8


@pytest.mark.parametrize("error", [Refused, PredictionError, model.Missing])
def test_other_failures_are_not_repeated(waits, error):
    attempts = []

    def attempt():
        attempts.append(1)
        raise error("no")

    _line(error, retried, attempt, 3)
    assert len(attempts) == 1 and waits == []


def test_server_that_is_away_twice_is_asked_three_times(server, connected, waits):
    model = connected()
    server.core.unavailable = 2
    assert model.predict("decode", CODES)["images"].shape == (1, 8, 8, 1)
    assert waits == [0.5, 1] and len(server.core.asked) == 1


def test_server_that_starts_while_it_is_described_is_waited_for(server, connected, waits):
    server.core.unavailable = 2
    assert "decode" in connected().signatures
    assert waits == [0.5, 1]


def test_retries_are_bounded(server, connected, waits):
    model = connected(retries=1)
    server.core.unavailable = 5
    line = _line(Unavailable, model.predict, "decode", CODES)
    assert line.startswith("--server=") and "no server answers (the server is draining)" in line
    assert server.core.unavailable == 3 and waits == [0.5]


def test_refused_request_is_sent_once(server, connected, waits):
    model = connected()
    _line(Refused, model.predict, "decode", {"codes": np.full((1, 2), np.inf, np.float32)})
    assert len(server.core.asked) == 1 and waits == []


def test_time_out_says_so_at_once_and_is_not_repeated(server, connected, waits):
    model = connected(timeout=0.3)
    server.core.delay = 3
    start = time.monotonic()
    line = _line(PredictionError, model.predict, "decode", CODES)
    assert time.monotonic() - start < 2
    assert "no answer within --timeout=0.3 seconds" in line and waits == []


def test_no_server_there(server, connected, waits):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = f"127.0.0.1:{taken.getsockname()[1]}"
    for kind, address in ((GrpcModel, free), (RestModel, f"http://{free}")):
        line = _line(Unavailable, kind, Endpoint(address, "gaussian"))
        assert line.startswith(f"--server={address}: no server answers (") and "refused" in line
    assert waits == [0.5, 1, 2] * 2


def test_host_that_nobody_knows(server):
    for kind, address in ((GrpcModel, "no.invalid:1"), (RestModel, "http://no.invalid:1")):
        line = _line(PredictionError, kind, Endpoint(address, "gaussian", retries=0))
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
        place = Endpoint(f"http://127.0.0.1:{other.server_port}", "gaussian", retries=0)
        assert words in _line(PredictionError, RestModel, place)
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
        place = Endpoint(f"http://127.0.0.1:{listening.getsockname()[1]}", "m", timeout=0.5)
        start = time.monotonic()
        assert "no answer within --timeout=0.5" in _line(PredictionError, RestModel, place)
        assert time.monotonic() - start < 3
        stop.set()


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    line = _line(PredictionError, GrpcModel, Endpoint("localhost:8500", "gaussian"))
    assert line.startswith("--server=localhost:8500: expected tensorflow-serving-api to be")
    assert "pip install -e '.[client]'" in line


@pytest.mark.parametrize(
    "changes",
    [
        {"server": "localhost"},
        {"server": "ftp://localhost:1"},
        {"server": "http://u:p@host:1"},
        {"server": "http://host:1/?q"},
        {"server": "a b:1"},
        {"model": ""},
        {"version": -1},
        {"version": 1, "label": "canary"},
        {"label": ""},
        {"timeout": 0.0},
        {"timeout": float("nan")},
        {"retries": -1},
    ],
)
def test_wrong_place_names_its_flag(changes):
    names = {"model": "model_name", "version": "model_version", "label": "model_label"}
    last = list(changes)[-1]
    line = _line(SettingsError, Endpoint, **{"server": "h:1", "model": "m", **changes})
    assert line.startswith(f"--{names.get(last, last)}=")


@pytest.mark.parametrize("server", ["h:1", "[::1]:8500", "http://h:1", "https://h/tf/serving"])
def test_places(server):
    assert Endpoint(server, "m").is_rest == server.startswith("http")


SIGNATURE = model.Signature(
    {"images": model.Tensor("float32", (None, 8, 8, 1))},
    {"codes": model.Tensor("float32", (None, 2)), "classes": model.Tensor("int64", (None,))},
)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"classes": None}, "it holds codes, not classes, codes"),
        ({"more": np.zeros(3)}, "it holds classes, codes, more, not classes, codes"),
        ({"codes": np.zeros((3, 3), np.float32)}, "codes is float32 [3, 3], not float32 [n, 2]"),
        ({"codes": np.zeros((3, 2))}, "codes is float64 [3, 2], not float32 [n, 2]"),
        ({"classes": np.zeros(3)}, "classes is float64 [3], not int64 [n]"),
        ({"classes": np.zeros(2, np.int64)}, "[2, 3] rows for 3 inputs"),
    ],
)
def test_answer_that_is_not_what_was_promised(changes, words):
    answer = {"codes": np.zeros((3, 2), np.float32), "classes": np.zeros(3, np.int64)}
    model.check("classify", SIGNATURE, answer, 3)
    model.check("classify", SIGNATURE, answer, None)
    changed = {k: v for k, v in {**answer, **changes}.items() if v is not None}
    line = _line(PredictionError, model.check, "classify", SIGNATURE, changed, 3)
    assert line.startswith("--signature=classify: the answer isn't what") and line.endswith(words)
    assert "4 inputs" in _line(PredictionError, model.check, "c", SIGNATURE, answer, 4)


@pytest.mark.parametrize(
    "told", [[["0.5"]], [[None]], [[True]], [[0.5], [1, 2]], {"a": 1}, [[1e400, {}]]]
)
def test_json_that_is_no_array_of_numbers(server, monkeypatch, told):
    model = RestModel(Endpoint(server.rest, "gaussian"))
    monkeypatch.setattr(model, "_get", lambda *_: {"outputs": told})
    line = _line(PredictionError, model.predict, "decode", CODES)
    assert line.startswith("--signature=decode: the answer isn't what")


def test_words_lose_where_it_happened():
    asked = (
        "Graph execution error:\n\nDetected at node Assert defined at (most recent call last):\n"
        "<stack traces unable to be found>\nassertion failed: [labels: expected labels from 0 to 2]"
        "\n\t [[{{node Assert}}]] [Op:__inference_signature_wrapper_123]"
    )
    assert in_one_line(asked) == "labels: expected labels from 0 to 2"
    assert in_one_line("Invalid PNG.\n\t [[{{node DecodePng}}]]") == "Invalid PNG."
    assert len(in_one_line("word " * 1000)) < 400
