"""gRPC, REST and the SavedModel itself describe themselves alike and give equal answers."""

import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.client.grpc import GrpcModel
from aae_tf.client.model import Endpoint, PredictionError, Refused, check
from aae_tf.client.rest import RestModel
from aae_tf.serving.export import export_saved_model
from aae_tf.serving.signatures import BYTES

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "serving.md"
NAMES = ("gaussian", "style", "semi_supervised")


def _connected(server, name, way, **changes):
    changes = {"retries": 0, **changes}
    if way == "grpc":
        return GrpcModel(Endpoint(server.grpc, name, **changes))
    return RestModel(Endpoint(server.rest, name, **changes))


def _inputs(signature, size=3):
    random = np.random.default_rng(size)
    pictures = [tf.io.encode_png(image).numpy() for image in tiny.images(size)]
    drawn = {
        "images": random.random((size, 8, 8, 1), np.float32),
        "image_bytes": np.array(pictures, object),
        "labels": np.arange(size) % 3,
        "seed": np.array([7, 0], np.int32),
        "count": np.array(size, np.int32),
    }
    for name, tensor in signature.inputs.items():
        if name in ("codes", "styles"):
            drawn[name] = random.normal(size=(size, tensor.shape[1])).astype(np.float32)
    return {name: drawn[name] for name in signature.inputs}


@pytest.mark.parametrize("way", ["grpc", "rest"])
@pytest.mark.parametrize("name", NAMES)
def test_servers_describe_models_as_they_are(server, local, name, way):
    model = _connected(server, name, way)
    assert model.signatures == local[name].signatures
    assert len(model.signatures) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("way", ["grpc", "rest"])
@pytest.mark.parametrize("name", NAMES)
def test_every_signature_gives_the_same_bits_however_it_is_asked(server, local, name, way):
    model = _connected(server, name, way)
    for key, signature in local[name].signatures.items():
        inputs = _inputs(signature)
        expected, actual = local[name].predict(key, inputs), model.predict(key, inputs)
        check(key, signature, actual, None)
        assert set(actual) == set(expected)
        for output, value in expected.items():
            assert actual[output].dtype == value.dtype
            np.testing.assert_array_equal(actual[output], value, err_msg=f"{key} {output}")
            assert len(value) == 3


@pytest.mark.parametrize("way", ["grpc", "rest", "local"])
def test_refusals_are_the_models_own_words(server, local, way):
    model = local["style"] if way == "local" else _connected(server, "style", way)
    inputs = _inputs(model.signatures["generate"])
    with pytest.raises(Refused, match=r"^labels: expected labels from 0 to 2$"):
        model.predict("generate", {**inputs, "labels": np.array([0, 3, 1])})
    with pytest.raises(Refused, match=r"^images: expected PNG, JPEG, BMP or GIF pictures$"):
        model.predict("encode_bytes", {"image_bytes": np.array([b"RIFF"], object)})
    with pytest.raises(Refused, match=r"^styles: expected finite values$"):
        model.predict("generate", {**inputs, "styles": np.full((3, 4), np.nan, np.float32)})


@pytest.mark.parametrize("way", ["grpc", "rest"])
def test_version_and_label_choose(server, local, way):
    inputs = _inputs(local["gaussian"].signatures["decode"])
    choices = [{"version": 1}, {"label": "stable"}, {"version": 2}, {"label": "canary"}, {}]
    actual = []
    for choice in choices:
        model = _connected(server, "gaussian", way, **choice)
        actual.append(model.predict("decode", inputs)["images"])
    for number, answer in zip("11222", actual, strict=True):
        expected = local[f"gaussian/{number}"].predict("decode", inputs)["images"]
        np.testing.assert_array_equal(answer, expected)
    assert not np.array_equal(actual[0], actual[2])
    assert [version for _, version, _, _ in server.core.requests] == [1, 1, 2, 2, 2]


@pytest.mark.parametrize("way", ["grpc", "rest"])
def test_all_requests_go_to_the_version_that_was_there_at_first(server, models, way, tmp_path):
    model = _connected(server, "gaussian", way)
    inputs = _inputs(model.signatures["decode"])
    shutil.copytree(models / "gaussian" / "1", tmp_path / "3")
    server.core.add("gaussian", tmp_path / "3")
    try:
        model.predict("decode", inputs)
        _connected(server, "gaussian", way).predict("decode", inputs)
        assert [version for _, version, _, _ in server.core.requests] == [2, 3]
        server.core.forget("gaussian", 2)
        with pytest.raises(PredictionError, match=r"no longer serves version 2 of --model_name="):
            model.predict("decode", inputs)
    finally:
        server.core.add("gaussian", models / "gaussian" / "2")
        server.core.forget("gaussian", 3)


def test_answers_beyond_four_megabytes_come_through_grpc(server):
    model = _connected(server, "gaussian", "grpc", timeout=60)
    count = 20_000
    answer = model.predict("reconstruct", {"images": np.zeros((count, 8, 8, 1), np.float32)})
    assert answer["images"].nbytes == count * 256 > 5e6


@pytest.fixture(scope="module")
def nan_server(tmp_path_factory):
    import prediction_server

    method = tiny.method()
    bias = method.networks["decoder"].variables[-1]
    bias.assign(np.where(np.arange(64) % 3, np.nan, -0.1))
    folder = tmp_path_factory.mktemp("models") / "broken"
    export_saved_model(method, folder)
    with prediction_server.running({"broken": folder}) as running:
        yield running


@pytest.mark.parametrize("way", ["grpc", "rest"])
def test_nan_comes_through(server, nan_server, way):
    model = _connected(nan_server, "broken", way)
    actual = model.predict("decode", {"codes": np.zeros((2, 2), np.float32)})["images"]
    assert np.isnan(actual).sum() == 2 * 42


def test_twins_end_as_exports_have_them():
    from aae_tf.client import predict

    assert predict.TWIN == BYTES


def test_the_documents_grpc_example_takes_answers_of_any_size(server):
    """20,000 images have more bytes than gRPC lets through of itself."""
    examples = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    first, sample = (text for text in examples if "predict_pb2.PredictRequest()" in text)
    code = first.replace("localhost:8500", server.grpc).replace("[[0.5, -1.0]]", "codes")
    names = {"codes": [[0.5, -1.0]] * 20_000}
    exec(code, names)
    assert names["images"].shape == (20_000, 8, 8, 1)
    exec(sample, names)
    assert names["images"].shape == (16, 8, 8, 1)
