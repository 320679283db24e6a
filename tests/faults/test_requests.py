"""1,000 malformed requests and answers: each is answered cleanly, and memory stays flat."""

import contextlib
import http.server
import json
import resource
import socket
import threading

import numpy as np
import pytest
import tiny
import urllib3

from aae_tf.client.grpc import GrpcModel
from aae_tf.client.model import Endpoint, PredictionError
from aae_tf.client.rest import RestModel
from aae_tf.serving import explorer
from aae_tf.serving.export import export_saved_model

pytestmark = pytest.mark.faults

REQUESTS, ANSWERS, TENSORS = 700, 200, 100
GROWTH_AT_MOST = 64  # MiB of the process's largest size, after the first tenth
CODES = {"codes": np.zeros((1, 2), np.float32)}
METHODS = (b"GET", b"POST", b"PUT", b"get", b"OPTIONS", b"HEAD", b"\xff", b"")
PATHS = (
    *(
        b"/",
        b"/model.json",
        b"/held_out.png",
        b"/decode",
        b"/encode",
        b"/encode?category=1&invert=1",
        b"//",
        b"*",
    ),
    *(b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/..%2fpage.html", b"/\x00", b"/%ff"),
    *(b"file:///etc/passwd", b"http://[/", b"http://evil.example/", b"/" + b"a" * 70_000, b""),
)
HOSTS = (b"localhost", b"127.0.0.1:80", b"evil.example", b"[", b"", b"\xff", b"localhost.evil")
KINDS = (b"application/json", b"image/png", b"image/jpeg", b"text/html", b"", b";;;")
BODIES = (
    *(b'{"codes": [[0, 0]]}', b'{"codes": [[0, 0]], "category": 1e9}', b'{"codes": [[1e400, 0]]}'),
    *(b"[" * 100_000, b'{"codes": ' + b"9" * 5000 + b"}", b"null", b"", b"\xff\xfe", b"{"),
    *(b"\x89PNG\r\n\x1a\n" + bytes(40), b"\xff\xd8\xff" + bytes(40), b'{"codes": "\\ud800"}'),
)


def _largest_size():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _request(random):
    """A request, and whether it names another host."""

    def one(of):
        return of[random.integers(len(of))]

    body = one(BODIES)
    length = one([len(body)] * 6 + [-1, 10**12, "x", len(body) // 2])
    lines = [
        b" ".join(
            [
                one(METHODS if random.random() < 0.2 else METHODS[:2]),
                one(PATHS),
                one([b"HTTP/1.1"] * 20 + [b"HTTP/9", b""]),
            ]
        ),
        b"Host: " + one(HOSTS if random.random() < 0.4 else HOSTS[:2]),
        b"Content-Type: " + one(KINDS),
        f"Content-Length: {length}".encode(),
    ]
    if random.random() < 0.2:
        lines.append(one([b"Origin: http://[", b"Origin: null", b"Origin: \xff", b"no colon"]))
    if random.random() < 0.1:
        lines.append(b"Transfer-Encoding: chunked")
    if random.random() < 0.05:
        lines += [b"X: " + bytes(70_000)] if random.random() < 0.5 else [b"A: b"] * 200
    content = bytearray(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    whole = random.random() >= 0.2
    if not whole:
        for index in random.integers(0, min(len(content), 300), 3):
            content[index] ^= int(random.integers(1, 256))
    foreign = lines[1].removeprefix(b"Host: ") not in HOSTS[:2]
    return bytes(content), whole and foreign


def _ask(address, content):
    """What comes back; nothing if the connection is ended without a word."""
    answer = bytearray()
    with socket.create_connection(address, timeout=20) as raw:
        with contextlib.suppress(ConnectionError):
            raw.sendall(content)
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while piece := raw.recv(2**16):
                answer += piece
    return bytes(answer)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    return export_saved_model(tiny.method(), tmp_path_factory.mktemp("requests") / "gaussian")


def test_the_explorer_answers_random_requests_and_reads_no_other_file(model_folder):
    server = explorer.make_server(explorer.Model(model_folder), "127.0.0.1", 0)
    assert server.is_local
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    random, statuses, threads = np.random.default_rng(0), {}, threading.active_count()
    for number in range(REQUESTS):
        if number == REQUESTS // 10:
            size = _largest_size()
        content, foreign = _request(random)
        answer = _ask(server.server_address[:2], content)
        assert b"root:" not in answer, content[:300]
        status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/1.") else answer[:10]
        statuses[status] = statuses.get(status, 0) + 1
        assert not status.startswith(b"500"), (content[:300], answer[-300:])
        assert not foreign or status != b"200", content[:300]
    good = b"POST /decode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent"
    answer = _ask(server.server_address[:2], good + b'-Length: 19\r\n\r\n{"codes": [[0, 0]]}')
    assert answer.startswith(b"HTTP/1.1 200")
    assert _largest_size() - size < GROWTH_AT_MOST
    assert threading.active_count() <= threads + 2
    assert {b"200", b"400", b"403", b"404"} <= set(statuses), statuses
    print(statuses)
    server.shutdown()
    server.server_close()


class _Answers(http.server.BaseHTTPRequestHandler):
    description = content = b""
    status = 200

    def _answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self._answer(200, self.description)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.status, self.content)

    def log_message(self, *_):
        pass


TENSOR = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "2"}]}}
DESCRIBED = {
    "model_spec": {"name": "m", "version": "1"},
    "metadata": {
        "signature_def": {
            "signature_def": {"decode": {"inputs": {"codes": TENSOR}, "outputs": {"y": TENSOR}}}
        }
    },
}


def _changed(random, text):
    """A text of JSON with something in it replaced by something else."""
    parts = ("0", "-1", "1e400", "null", "[]", "{}", '"x"', "NaN", '"\x1b"', "[" * 5000, "9" * 400)
    content = text
    for _ in range(random.integers(1, 4)):
        at = int(random.integers(len(content)))
        part = parts[random.integers(len(parts))]
        content = content[:at] + part + content[at + int(random.integers(0, 12)) :]
    return content.encode()


def test_random_answers_over_rest_are_read_or_refused_in_a_line(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(urllib3.Retry, "sleep", lambda *_: None)
    random, counted = np.random.default_rng(1), {"read": 0, "refused": 0}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}", "m", timeout=5, retries=0)
        good, answer = json.dumps(DESCRIBED), json.dumps({"outputs": [[0.5, 1.5]]})
        for number in range(ANSWERS):
            if number == ANSWERS // 10:
                size = _largest_size()
            is_description = number % 2
            _Answers.description = _changed(random, good) if is_description else good.encode()
            _Answers.content = answer.encode() if is_description else _changed(random, answer)
            _Answers.status = int(random.choice([200, 200, 200, 400, 404, 500, 503]))
            try:
                model = RestModel(endpoint)
                model.predict(next(iter(model.signatures), "decode"), CODES)
                counted["read"] += 1
            except (PredictionError, KeyError) as error:
                assert not isinstance(error, KeyError) or is_description
                assert "\n" not in str(error)
                counted["refused"] += 1
        server.shutdown()
    assert _largest_size() - size < GROWTH_AT_MOST
    assert counted["refused"] > ANSWERS / 3, counted
    print(counted)


def test_random_tensors_over_grpc_are_read_or_refused_in_a_line(monkeypatch):
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    from tensorflow.core.framework import tensor_pb2

    random, model = np.random.default_rng(2), GrpcModel.__new__(GrpcModel)
    model._endpoint, model._version = Endpoint("127.0.0.1:9", "m"), 1
    from aae_tf.client.model import Signature
    from aae_tf.client.rest import _tensors

    model.signatures = {"decode": Signature(_tensors({"codes": TENSOR}), _tensors({"y": TENSOR}))}
    size = None
    for number in range(TENSORS):
        if number == TENSORS // 10:
            size = _largest_size()
        tensor = tensor_pb2.TensorProto(
            dtype=int(random.choice([0, 1, 2, 3, 7, 9, 20, 21, 99, 101]))
        )
        for _ in range(random.integers(0, 4)):
            tensor.tensor_shape.dim.add(size=int(random.choice([-1, 0, 1, 2, 2**31, 2**62])))
        tensor.float_val.extend(random.normal(size=random.integers(0, 4)))
        tensor.tensor_content = random.bytes(int(random.choice([0, 0, 3, 8])))
        answer = predict_pb2.PredictResponse(outputs={"y": tensor})
        monkeypatch.setattr(model, "_call", lambda *_, answer=answer: answer)
        monkeypatch.setattr(model, "_stub", type("Stub", (), {"Predict": None}), raising=False)
        try:
            model.predict("decode", CODES)
        except PredictionError as error:
            assert "\n" not in str(error)
    assert _largest_size() - size < GROWTH_AT_MOST
