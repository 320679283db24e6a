"""The explorer's server: it answers as the networks do, and refuses in words what it can't use."""

import base64
import http.client
import json
import socket
import threading

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import serving
from aae_tf.errors import DataError, SettingsError
from aae_tf.serving import explorer, held_out
from aae_tf.serving.explorer import server

NAMES = ("top", "middle", "bottom")
JSON = {"Content-Type": "application/json"}


def _export(method, folder, categories=()):
    split = tiny.split(20)
    codes = method.encode(split.intensities()).numpy()
    described = held_out.describe("bars", codes, split.labels, NAMES, categories)
    return serving.export(method, folder, described)


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
    server = _running(explorer.load(folder))
    yield method, folder, Client(server)
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
        servers.append(_running(explorer.load(_export(method, folder / name, NAMES))))
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
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


def test_model_tells_its_shapes_held_out_codes_and_the_priors_extent(plain):
    method, _, client = plain
    told = client.ask("GET", "/model.json")[2]
    assert (told["name"], told["version"]) == ("gaussian", "1")
    assert told["image_shape"] == [8, 8, 1] and told["latent_dim"] == 2
    assert told["categories"] == [] and told["encodes"]
    expected = method.encode(tiny.split(20).intensities())
    np.testing.assert_allclose(told["held_out"]["codes"], expected, atol=1e-4)
    assert told["held_out"]["labels"] == [n % 3 for n in range(20)]
    assert told["held_out"]["class_names"] == list(NAMES)
    assert np.shape(told["prior"]) == (1000, 2)
    # Half a percent of a standard normal's mass lies beyond 2.58 on either side.
    np.testing.assert_allclose(told["extent"], [[-2.58, 2.58]] * 2, atol=0.4)
    for (low, high), (first, last) in zip(told["ranges"], told["extent"], strict=True):
        assert low < first and last < high


def test_decode_gives_the_networks_images(plain):
    method, _, client = plain
    codes = [[0.5, -1], [2, 0.25], [0, 0]]
    status, _, found = client.decode(codes=codes)
    assert status == 200
    images = np.stack([_pixels(url) for url in found["images"]])
    expected = _bytes(method.decode(tf.constant(codes, tf.float32)))
    assert np.abs(images.astype(int) - expected).max() <= 1 and images.std() > 1


def test_encode_gives_code_and_reconstruction_of_the_very_pixels(plain):
    method, _, client = plain
    image = tiny.images(1, seed=9)
    status, _, found = client.encode(_png(image[0]))
    assert status == 200
    scaled = image.astype(np.float32) / 255
    np.testing.assert_array_equal(_pixels(found["image"]), image[0])
    np.testing.assert_allclose(found["code"], method.encode(scaled)[0], atol=1e-5)
    difference = _pixels(found["reconstruction"]).astype(int) - _bytes(method.reconstruct(scaled))
    assert np.abs(difference).max() <= 1
    inverted = client.encode(_png(255 - image[0]), query="?invert=1")[2]
    assert inverted["code"] == found["code"]


@pytest.mark.parametrize("name", ["style", "dim_reduction"])
def test_category_is_decoded_and_named(classes, name):
    method, client = classes[name]
    assert client.ask("GET", "/model.json")[2]["categories"] == list(NAMES)
    for category in range(3):
        found = client.decode(codes=[[0.1, 0.2, -0.3]], category=category)[2]["images"][0]
        one_hot = tf.one_hot([category], 3)
        expected = _bytes(method.decode(tf.constant([[0.1, 0.2, -0.3]]), one_hot))[0]
        assert np.abs(_pixels(found).astype(int) - expected).max() <= 1
    status, _, told = client.decode(codes=[[0, 0, 0]], category=3)
    assert status == 400 and told["error"] == "'category': expected a whole number from 0 to 2"


def test_image_of_a_model_with_classes_gets_what_the_model_knows_of_it(classes):
    image = tiny.images(1, seed=9)
    scaled = image.astype(np.float32) / 255
    method, client = classes["dim_reduction"]
    found = client.encode(_png(image[0]))[2]
    np.testing.assert_allclose(found["probabilities"], method.classify(scaled)[0], atol=1e-5)
    plane = method.project(method.embed(scaled))
    np.testing.assert_allclose(found["embedding"], plane[0], atol=1e-4)
    method, client = classes["style"]
    for category in (0, 2):
        found = client.encode(_png(image[0]), query=f"?category={category}")[2]
        expected = _bytes(method.reconstruct(scaled, tf.constant([category])))[0]
        assert np.abs(_pixels(found["reconstruction"]).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "body, words",
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "expected a JSON object"),
        ("{}", "1 to 400 codes of 2 finite numbers each"),
        ('{"codes": []}', "1 to 400 codes"),
        ('{"codes": [[1]]}', "1 to 400 codes"),
        ('{"codes": [[1, 2, 3]]}', "1 to 400 codes"),
        ('{"codes": [[1, "2"]]}', "1 to 400 codes"),
        ('{"codes": [[1, true]]}', "1 to 400 codes"),
        ('{"codes": [[1, NaN]]}', "finite numbers"),
        ('{"codes": [[1, 1e39]]}', "finite numbers"),
        ('{"codes": [[1, 1' + "0" * 400 + "]]}", "finite numbers"),
        (json.dumps({"codes": [[0, 0]] * 401}), "1 to 400 codes"),
        ('{"codes": [[0, 0]], "category": 1}', "'category': expected a whole number from 0 to 0"),
        ('{"codes": [[0, 0]], "category": true}', "'category'"),
    ],
)
def test_wrong_codes_are_refused_in_words(plain, body, words):
    status, headers, told = plain[2].ask("POST", "/decode", body, JSON)
    assert status == 400 and words in told["error"]
    assert headers["Content-Type"] == "application/json"
    assert plain[2].decode(codes=[[0, 0]])[0] == 200


def test_infinite_answers_become_null_in_json():
    asked = {"code": [1.0, float("nan"), float("inf")]}
    assert json.loads(explorer.requests.to_json(asked)) == {"code": [1.0, None, None]}


WIDE = _png(np.zeros((1, 4097, 1), np.uint8))


@pytest.mark.parametrize(
    "content, kind, status, words",
    [
        (b"", "image/png", 400, "expected a PNG or JPEG"),
        (b"GIF89a" + bytes(50), "image/png", 400, "expected a PNG or JPEG"),
        (server.PNG, "image/png", 400, "damaged"),
        (_png(tiny.images(1)[0])[:-40], "image/png", 400, "damaged"),
        (server.JPEG + bytes(50), "image/jpeg", 400, "damaged"),
        (WIDE, "image/png", 400, "4097 x 1 pixels; expected at most 4096 x 4096"),
        (_png(tiny.images(1)[0]), "text/plain", 415, "Content-Type image/png or image/jpeg"),
        (bytes(10 * 2**20 + 1), "image/png", 413, "expected at most 10485760"),
    ],
)
def test_wrong_pictures_are_refused_in_words(plain, content, kind, status, words):
    found, _, told = plain[2].encode(content, kind)
    assert found == status and words in told["error"]
    assert plain[2].decode(codes=[[0, 0]])[0] == 200


def test_size_of_a_picture_is_known_before_it_is_decoded(plain, monkeypatch):
    head = bytearray(_png(np.zeros((8, 8, 1), np.uint8)))
    head[16:24] = (60_000).to_bytes(4, "big") * 2
    monkeypatch.setattr(server, "_decode", lambda *given: pytest.fail("decoded it"))
    with pytest.raises(server.PictureError, match="60000 x 60000 pixels"):
        server.read_picture(bytes(head), (8, 8, 1))


def test_pictures_of_other_sizes_are_cut_to_their_middle_and_resized():
    wide = np.zeros((16, 40, 3), np.uint8)
    wide[:, 12:28] = (200, 100, 50)
    read = server.read_picture(_png(wide), (8, 8, 3))
    np.testing.assert_array_equal(read, np.full((8, 8, 3), (200, 100, 50), np.uint8))
    grey = server.read_picture(_png(wide), (8, 8, 1))
    np.testing.assert_allclose(grey, 0.299 * 200 + 0.587 * 100 + 0.114 * 50, atol=1)
    jpeg = tf.io.encode_jpeg(wide, quality=100).numpy()
    np.testing.assert_allclose(
        server.read_picture(jpeg, (4, 4, 3))[1:3, 1:3].astype(int),
        np.full((2, 2, 3), (200, 100, 50)),
        atol=4,
    )


def test_transparent_parts_of_a_picture_become_white():
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[2, 3] = (10, 10, 10, 255)
    read = server.read_picture(_png(clear), (8, 8, 1))
    assert read[2, 3, 0] == 10 and (np.delete(read.ravel(), 2 * 8 + 3) == 255).all()


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/page.html", 404),
        ("GET", "/decode", 405),
        ("POST", "/model.json", 405),
        ("PUT", "/decode", 501),
        ("OPTIONS", "/decode", 501),
    ],
)
def test_other_addresses_and_methods_are_refused(plain, method, path, status):
    found, headers, told = plain[2].ask(method, path)
    assert found == status and told["error"]
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
    ],
)
def test_other_sites_and_names_are_refused_on_this_machine(plain, headers, status):
    assert plain[2].ask("GET", "/model.json", headers=headers)[0] == status


@pytest.mark.parametrize("length", ["", "-1", "x", "1" * 30])
def test_length_that_is_none_is_refused(plain, length):
    with socket.create_connection(plain[2].address, timeout=20) as raw:
        kind = "Content-Type: application/json"
        raw.sendall(
            f"POST /decode HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )
        assert raw.makefile("rb").readline().split()[1] == b"411"


def test_client_that_says_nothing_keeps_no_other_waiting(plain):
    with socket.create_connection(plain[2].address, timeout=20) as silent:
        silent.sendall(b"POST /decode HTTP/1.1\r\nHost: localhost\r\n")
        assert plain[2].decode(codes=[[0, 0]])[0] == 200


def test_newest_version_of_a_model_is_taken(plain, tmp_path):
    _, folder, _ = plain
    for name in ("2", "10", "x"):
        (tmp_path / name).symlink_to(folder)
    (tmp_path / "11").mkdir()
    assert explorer.load(tmp_path).describe()["version"] == "10"


def test_model_without_codes_or_prior_is_explored_in_the_usual_range(tmp_path):
    method = tiny.method()
    method.signatures, method.default_signature = ("decode",), "decode"
    told = explorer.load(serving.export(method, tmp_path)).describe()
    assert told["held_out"] is None and told["prior"] is None and told["extent"] is None
    assert told["ranges"] == [(-3, 3)] * 2 and not told["encodes"]


def test_number_of_categories_is_found_where_the_export_tells_no_names(tmp_path):
    method = tiny.method(experiment="clustering", latent_dim=2, num_clusters=13)
    model = explorer.load(serving.export(method, tmp_path))
    assert model.categories == [str(number) for number in range(13)]


def test_what_is_no_model_is_refused(tmp_path):
    for folder in (tmp_path / "nothing", tmp_path):
        with pytest.raises(DataError, match=r"--model=.*: expected a folder with a SavedModel"):
            explorer.load(folder)
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(DataError, match="a whole SavedModel, but: "):
        explorer.load(tmp_path)


def test_model_of_another_kind_is_refused(tmp_path):
    module = tf.Module()
    module.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(DataError, match="has no signature 'decode' or 'generate'"):
        explorer.load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"data": "x", "codes": [[1]], "labels": null, "class_names": [], "categories": []}',
        '{"data": "x", "codes": [[1, NaN]], "labels": null, "class_names": [], "categories": []}',
        '{"data": "x", "codes": [[1, 2]], "labels": [-1], "class_names": [], "categories": []}',
    ],
)
def test_damaged_held_out_codes_are_refused(tmp_path, content):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / held_out.FILE).write_text(content)
    with pytest.raises(DataError, match=r"codes\.json can't be used .*; export the model again"):
        held_out.read(tmp_path, 2)


def test_held_out_rows_are_spread_over_all_images():
    np.testing.assert_array_equal(held_out.rows_of(7), np.arange(7))
    rows = held_out.rows_of(9999)
    assert len(rows) == 2000 and rows[0] == 0 and rows[-1] == 9998
    assert set(np.diff(rows)) <= {4, 5, 6}


def test_address_that_cannot_be_had_is_refused(plain):
    model = explorer.load(plain[1])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"--port={port}: expected a free port, or 0"):
            explorer.make_server(model, "127.0.0.1", port)
    with pytest.raises(SettingsError, match=r"--host=no\.such\.invalid: expected a name or addr"):
        explorer.make_server(model, "no.such.invalid", 0)


def test_it_warns_where_others_can_reach_it(plain, monkeypatch):
    model, said = explorer.load(plain[1]), []

    def ended_at_once(server):
        del server

    monkeypatch.setattr(explorer.server.Server, "serve_forever", ended_at_once)
    explorer.serve(model, "127.0.0.1", 0, said.append)
    assert len(said) == 2 and said[0].startswith("exploring at http://127.0.0.1:")
    explorer.serve(model, "0.0.0.0", 0, said.append)
    assert said[2].startswith("warning: --host=0.0.0.0: anyone who can reach this machine")
