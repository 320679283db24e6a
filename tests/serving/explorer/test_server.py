"""The explorer's server: it answers as the networks do, and refuses in words what it can't use."""

import base64
import http.client
import json
import re
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
import tiny
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest

from aae_tf.errors import SettingsError
from aae_tf.methods.build import method_class
from aae_tf.serving import explorer, held_out
from aae_tf.serving.explorer.server import parse_codes
from aae_tf.serving.export import export_saved_model

NAMES = ("top", "middle", "bottom")
JSON = {"Content-Type": "application/json"}
HEAD = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"


def _export(method, folder, categories=()):
    split = tiny.split(20)
    codes = method.encode(split.intensities()).numpy()
    described = held_out.describe(
        "bars", codes, split.labels, NAMES, categories, images=split.images
    )
    return export_saved_model(method, folder, described)


class Client:
    """Asks a server that runs in this process."""

    def __init__(self, server):
        self.address = server.server_address[:2]

    def ask(self, method, path, body=None, headers=()):
        """Status, headers and content, parsed if it is JSON."""
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, answer.headers, json.loads(content) if is_json else content

    def decode(self, **asked):
        return self.ask("POST", "/decode", json.dumps(asked), JSON)

    def encode(self, content, kind="image/png", query=""):
        return self.ask("POST", "/encode" + query, content, {"Content-Type": kind})


def _running(model):
    server = explorer.make_server(model, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A method with its model's folder and a client of its explorer."""
    method = tiny.method()
    folder = _export(method, tmp_path_factory.mktemp("plain") / "gaussian")
    model = explorer.Model(folder)
    server = _running(model)
    client = Client(server)
    client.model = model
    yield method, folder, client
    server.shutdown()
    server.server_close()


@pytest.fixture
def features(tmp_path):
    """Gives a method of features of a shape and a client of its explorer."""
    servers = []

    def running(shape):
        chosen = tiny.settings(output_activation="linear")
        method = method_class(chosen)(chosen, shape, 0)
        servers.append(_running(explorer.Model(export_saved_model(method, tmp_path / "model"))))
        return method, Client(servers[-1])

    yield running
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """The same of methods whose decoder takes a category."""
    folder, made, servers = tmp_path_factory.mktemp("classes"), {}, []
    for name, changes in {
        "style": {"latent_dim": 3},
        "dim_reduction": {"latent_dim": 3, "num_labels": "30"},
    }.items():
        method = tiny.method(experiment=name, **changes)
        servers.append(_running(explorer.Model(_export(method, folder / name, NAMES))))
        made[name] = (method, Client(servers[-1]))
    yield made
    for running in servers:
        running.shutdown()
        running.server_close()


def _pixels(url):
    """uint8 image of a data URL."""
    head, _, content = url.partition(",")
    assert head == "data:image/png;base64"
    return tf.io.decode_png(base64.b64decode(content)).numpy()


def _png(image):
    return tf.io.encode_png(image).numpy()


def _bytes(images):
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def test_page_tells_the_browser_to_load_nothing_from_elsewhere(plain):
    status, headers, page = plain[2].ask("GET", "/")
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<canvas" in page and b"http://" not in page and b"https://" not in page
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
    # All of it is in the page, and named by its digest.
    assert page.count(b"<script>") == policy.partition("style-src")[0].count("'sha256-") > 1
    assert b"src=" not in re.sub(rb"<script>.*?</script>", b"", page, flags=re.DOTALL)
    assert b"stylesheet" not in page
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


def test_model_tells_its_shapes_held_out_codes_and_the_priors_extent(plain):
    method, _, client = plain
    answer = client.ask("GET", "/model.json")[2]
    assert (answer["name"], answer["version"]) == ("gaussian", "1")
    assert answer["image_shape"] == [8, 8, 1] and answer["latent_dim"] == 2
    assert answer["categories"] == [] and answer["encodes"]
    expected = method.encode(tiny.split(20).intensities())
    np.testing.assert_allclose(answer["held_out"]["codes"], expected, atol=1e-4)
    assert answer["held_out"]["labels"] == [n % 3 for n in range(20)]
    assert answer["held_out"]["class_names"] == list(NAMES)
    assert np.shape(answer["prior"]) == (1000, 2)
    # Half a percent of a standard normal's mass lies beyond 2.58 on either side.
    np.testing.assert_allclose(answer["extent"], [[-2.58, 2.58]] * 2, atol=0.4)
    for (low, high), (first, last) in zip(answer["ranges"], answer["extent"], strict=True):
        assert low < first and last < high


def test_sheet_of_held_out_images_is_given_as_it_lies_in_the_export(plain):
    _, folder, client = plain
    status, headers, content = client.ask("GET", "/held_out.png")
    assert status == 200 and headers["Content-Type"] == "image/png"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert content == (folder / held_out.SHEET).read_bytes()
    tile = client.ask("GET", "/model.json")[2]["held_out"]["tile"]
    sheet = tf.io.decode_png(content).numpy()
    top, left = 8 * (7 // tile["columns"]), 8 * (7 % tile["columns"])
    np.testing.assert_array_equal(sheet[top : top + 8, left : left + 8], tiny.images(20)[7])


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_sheet_is_for_the_page_alone(plain, headers):
    assert plain[2].ask("GET", "/held_out.png", headers=headers)[0] == 403


def test_sheet_that_is_not_there_is_refused_in_words(plain, monkeypatch):
    monkeypatch.setattr(plain[2].model, "sheet", None)
    status, _, answer = plain[2].ask("GET", "/held_out.png")
    assert status == 404 and answer["error"] == "this export came without held-out images"


@pytest.mark.parametrize("shape", [(5,), (2, 3, 2)])
def test_features_are_decoded_to_numbers(features, shape):
    method, client = features(shape)
    codes = [[0.5, -1], [2, 0.25]]
    status, _, actual = client.decode(codes=codes)
    assert status == 200
    expected = method.decode(tf.constant(codes, tf.float32)).numpy().reshape(2, -1)
    np.testing.assert_allclose(actual["features"], expected, rtol=1e-5)
    told = client.ask("GET", "/model.json")[2]
    assert len(told["features"]["names"]) == len(told["features"]["ranges"]) == np.prod(shape)
    assert told["features"]["names"][0] == ("0" if shape == (5,) else "0, 0, 0")
    assert not told["encodes"] and client.encode(b"", "image/png")[0] == 404
    decoded = method.decode(tf.constant(told["prior"][: told["codes_at_once"]], tf.float32))
    low = np.min(decoded, 0).reshape(-1)
    np.testing.assert_allclose(np.array(told["features"]["ranges"])[:, 0], low, atol=1e-4)


def test_no_more_features_are_decoded_at_once_than_an_answer_may_have(features, monkeypatch):
    monkeypatch.setattr(explorer.model, "MOST_NUMBERS", 14)
    client = features((5,))[1]
    assert client.decode(codes=[[0, 0]] * 2)[0] == 200
    status, _, answer = client.decode(codes=[[0, 0]] * 3)
    assert status == 400 and "1 to 2 codes of 2 finite numbers" in answer["error"]


def test_decode_gives_the_networks_images(plain):
    method, _, client = plain
    codes = [[0.5, -1], [2, 0.25], [0, 0]]
    status, _, actual = client.decode(codes=codes)
    assert status == 200
    images = np.stack([_pixels(url) for url in actual["images"]])
    expected = _bytes(method.decode(tf.constant(codes, tf.float32)))
    assert np.abs(images.astype(int) - expected).max() <= 1 and images.std() > 1


def test_encode_gives_code_and_reconstruction_of_the_very_pixels(plain):
    method, _, client = plain
    image = tiny.images(1, seed=9)
    status, _, actual = client.encode(_png(image[0]))
    assert status == 200
    scaled = image.astype(np.float32) / 255
    np.testing.assert_array_equal(_pixels(actual["image"]), image[0])
    np.testing.assert_allclose(actual["code"], method.encode(scaled)[0], atol=1e-5)
    difference = _pixels(actual["reconstruction"]).astype(int) - _bytes(method.reconstruct(scaled))
    assert np.abs(difference).max() <= 1
    inverted = client.encode(_png(255 - image[0]), query="?invert=1")[2]
    assert inverted["code"] == actual["code"]


@pytest.mark.parametrize("name", ["style", "dim_reduction"])
def test_category_is_decoded_and_named(classes, name):
    method, client = classes[name]
    assert client.ask("GET", "/model.json")[2]["categories"] == list(NAMES)
    for category in range(3):
        actual = client.decode(codes=[[0.1, 0.2, -0.3]], category=category)[2]["images"][0]
        one_hot = tf.one_hot([category], 3)
        expected = _bytes(method.decode(tf.constant([[0.1, 0.2, -0.3]]), one_hot))[0]
        assert np.abs(_pixels(actual).astype(int) - expected).max() <= 1
    status, _, answer = client.decode(codes=[[0, 0, 0]], category=3)
    assert status == 400 and answer["error"] == "'category': expected a whole number from 0 to 2"


def test_image_of_a_model_with_classes_gets_what_the_model_knows_of_it(classes):
    image = tiny.images(1, seed=9)
    scaled = image.astype(np.float32) / 255
    method, client = classes["dim_reduction"]
    actual = client.encode(_png(image[0]))[2]
    np.testing.assert_allclose(actual["probabilities"], method.classify(scaled)[0], atol=1e-5)
    plane = method.project(method.embed(scaled))
    np.testing.assert_allclose(actual["embedding"], plane[0], atol=1e-4)
    method, client = classes["style"]
    for category in (0, 2):
        actual = client.encode(_png(image[0]), query=f"?category={category}")[2]
        expected = _bytes(method.reconstruct(scaled, tf.constant([category])))[0]
        assert np.abs(_pixels(actual["reconstruction"]).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "body, words",
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "expected a JSON object"),
        ('{"codes": [[1, NaN]]}', "1 to 400 codes of 2 finite numbers each"),
        ('{"codes": [[0, 0]], "category": 1}', "'category': expected a whole number from 0 to 0"),
    ],
)
def test_wrong_codes_are_refused_in_words(plain, body, words):
    status, headers, answer = plain[2].ask("POST", "/decode", body, JSON)
    assert status == 400 and words in answer["error"]
    assert headers["Content-Type"] == "application/json"
    assert plain[2].decode(codes=[[0, 0]])[0] == 200


NUMBERS = st.floats() | st.integers() | st.just(10**400) | st.booleans()
CODES = st.lists(st.lists(NUMBERS, max_size=3), max_size=3)


@given(CODES | st.none() | st.text() | st.lists(st.text()))
@example([[0, 0]] * 401)
@example([[0, 1e39]])
def test_codes_are_finite_numbers_or_refused(codes):
    try:
        parsed = parse_codes(codes, 2)
    except BadRequest as error:
        assert "'codes': expected a list of 1 to 400 codes" in error.description
    else:
        assert parsed.shape == (len(codes), 2) and parsed.dtype == np.float32
        assert np.isfinite(parsed).all() and not any(type(n) is bool for c in codes for n in c)


WIDE = _png(np.zeros((1, 4097, 1), np.uint8))
LARGE = _png(np.zeros((1, 1, 1), np.uint8)).replace(bytes([0, 0, 0, 1]) * 2, b"\0\0\x20\0" * 2)


@pytest.mark.parametrize(
    "content, kind, status, words",
    [
        (b"", "image/png", 400, "expected PNG, JPEG, BMP or GIF"),
        (b"GIF89a" + bytes(50), "image/gif", 400, "expected 1 to 33554432 pixels"),
        (b"\x89PNG\r\n\x1a\n", "image/png", 400, "images: a PNG is cut short"),
        (_png(tiny.images(1)[0])[:-40], "image/png", 400, "Invalid PNG data"),
        (b"\xff\xd8\xff" + bytes(50), "image/jpeg", 400, "Invalid JPEG data"),
        (LARGE, "image/png", 400, "expected 1 to 33554432 pixels in a picture"),
        (_png(tiny.images(1)[0]), "text/plain", 415, "Content-Type image/png or image/jpeg"),
        (bytes(10 * 2**20 + 1), "image/png", 413, "expected at most 10485760"),
    ],
)
def test_wrong_pictures_are_refused_in_words(plain, content, kind, status, words):
    actual, _, answer = plain[2].encode(content, kind)
    assert actual == status and words in answer["error"]
    assert "stack" not in answer["error"]
    assert plain[2].decode(codes=[[0, 0]])[0] == 200


def test_long_pictures_are_read(plain):
    assert plain[2].encode(WIDE, "image/png")[0] == 200


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/page.html", 404),
        ("GET", "/decode", 405),
        ("POST", "/model.json", 405),
        ("PUT", "/decode", 405),
        ("DELETE", "/", 405),
    ],
)
def test_other_addresses_and_methods_are_refused(plain, method, path, status):
    actual, headers, answer = plain[2].ask(method, path)
    assert actual == status and answer["error"]
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Host": "localhost:9000"}, 200),
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost@evil.example:80"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:9", "Origin": "http://localhost:9"}, 200),
        ({"Host": "localhost:9", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:9", "Origin": "null"}, 403),
        ({"Host": "localhost:9", "Origin": "http://["}, 400),
        ({"Host": "["}, 403),
    ],
)
def test_other_sites_and_names_are_refused_on_this_machine(plain, headers, status):
    assert plain[2].ask("GET", "/model.json", headers=headers)[0] == status


@pytest.mark.parametrize("length", ["", "-1", "x", "1" * 30])
def test_length_that_is_none_or_too_large_is_refused(plain, length):
    with socket.create_connection(plain[2].address, timeout=20) as raw:
        kind = "Content-Type: application/json"
        raw.sendall(
            f"POST /decode HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )
        assert raw.makefile("rb").readline().split()[1] in (b"400", b"411", b"413")


def test_client_that_says_nothing_keeps_no_other_waiting(plain):
    with socket.create_connection(plain[2].address, timeout=20) as silent:
        silent.sendall(b"POST /decode HTTP/1.1\r\nHost: localhost\r\n")
        assert plain[2].decode(codes=[[0, 0]])[0] == 200


@pytest.mark.parametrize("address", ["http://[/", "http://[::1/"])
def test_an_address_that_cannot_be_parsed_is_answered(plain, address):
    with socket.create_connection(plain[2].address, timeout=20) as raw:
        raw.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert raw.makefile("rb").readline().split()[1] == b"400"


@pytest.mark.parametrize("start", ["POST /dec", f"POST /decode HTTP/1.1\r\n{HEAD}\r\n{{"])
def test_client_that_drips_is_dropped_when_its_time_is_over(plain, monkeypatch, start):
    monkeypatch.setattr(explorer.server, "REQUEST_SECONDS", 0.5)
    begun = time.monotonic()
    with socket.create_connection(plain[2].address, timeout=20) as raw:
        raw.sendall(start.encode())
        raw.settimeout(0.05)
        while time.monotonic() < begun + 10:
            try:
                raw.sendall(b" ")
                if not raw.recv(1000):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    assert 0.4 < time.monotonic() - begun < 5


def test_no_more_clients_than_there_are_places_have_threads(plain, monkeypatch):
    monkeypatch.setattr(explorer.server, "MOST_CLIENTS", 3)
    server = _running(explorer.Model(plain[1]))
    threads = threading.active_count()
    address = server.server_address[:2]
    try:
        silent = [socket.create_connection(address, timeout=20) for _ in range(3)]
        refused = [Client(server).ask("GET", "/")[0] for _ in range(20)]
        assert refused == [503] * 20 and threading.active_count() <= threads + 3
        for one in silent:
            one.close()
        deadline = time.monotonic() + 10
        while Client(server).ask("GET", "/")[0] == 503:
            assert time.monotonic() < deadline
    finally:
        server.shutdown()
        server.server_close()


def test_address_that_cannot_be_had_is_refused(plain):
    model = explorer.Model(plain[1])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"--port={port}: expected a free port, or 0"):
            explorer.make_server(model, "127.0.0.1", port)
    with pytest.raises(SettingsError, match=r"--host=no\.such\.invalid: expected a name or addr"):
        explorer.make_server(model, "no.such.invalid", 0)


def test_it_warns_where_others_can_reach_it(plain, monkeypatch, capsys, caplog):
    model = explorer.Model(plain[1])
    monkeypatch.setattr(explorer.server.Server, "serve_forever", lambda server: None)
    explorer.serve(model, "127.0.0.1", 0)
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("exploring at http://127.0.0.1:") and others == ["ended"]
    explorer.serve(model, "0.0.0.0", 0)
    assert caplog.messages[0].startswith(
        "warning: --host=0.0.0.0: anyone who can reach this machine"
    )
