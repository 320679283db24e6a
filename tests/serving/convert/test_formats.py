"""Each format answers as the SavedModel does, in the format's own runtime and any batch size."""

import json

import converted
import numpy as np
import pytest
import tensorflow as tf

from aae_tf.serving.convert import web_format
from aae_tf.serving.convert.convert import convert
from aae_tf.serving.convert.signature import Signature
from aae_tf.serving.local import LocalModel

TOLERANCE = 1e-5
QUANTIZED_TOLERANCE = 0.05


FIRST, *OTHERS = converted.CASES


@pytest.fixture(
    scope="module",
    params=[FIRST, *(pytest.param(case, marks=pytest.mark.slow) for case in OTHERS)],
)
def model(request, tmp_path_factory):
    """A case's export."""
    return LocalModel(converted.export(request.param, tmp_path_factory.mktemp("models")))


def _onnx(path, name, entry, inputs):
    session = pytest.importorskip("onnxruntime").InferenceSession(str(path / entry["file"]))
    assert [value.name for value in session.get_inputs()] == list(entry["inputs"])
    assert all(value.shape[0] == "batch" for value in session.get_outputs())
    return session.run(entry["outputs"], inputs)


def _is_converted(name):
    return name not in ("sample", "score", "serving_default") and not name.endswith("_bytes")


def _tflite(path, name, entry, inputs):
    interpreter = tf.lite.Interpreter(model_path=str(path / entry["file"]))
    actual = interpreter.get_signature_runner(name)(**inputs)
    return [actual[output] for output in entry["outputs"]]


def _check(model, path, run, tolerance):
    """Compares every signature; its largest difference."""
    largest = 0.0
    described = json.loads((path / "conversion.json").read_text())["signatures"]
    assert set(described) == set(filter(_is_converted, model.signatures))
    for name, entry in described.items():
        for size in converted.BATCHES:
            inputs = converted.given(model.function(name), size)
            expected = converted.answers(model.function(name), inputs)
            actual = run(path, name, entry, inputs)
            for output, got in zip(sorted(expected), actual, strict=True):
                right = expected[output]
                assert got.shape == right.shape and got.dtype == right.dtype
                if right.dtype == np.int64 and tolerance > TOLERANCE:
                    continue
                np.testing.assert_allclose(got, right, rtol=tolerance, atol=tolerance)
                largest = max(largest, np.abs(got - right).max())
    return largest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_tflite_answers_as_the_saved_model(model, tmp_path):
    _check(model, convert(model.folder, "tflite", tmp_path / "new"), _tflite, TOLERANCE)


@pytest.mark.slow
def test_onnx_answers_as_the_saved_model(model, tmp_path):
    pytest.importorskip("tf2onnx", reason="the extra 'onnx' isn't installed")
    _check(model, convert(model.folder, "onnx", tmp_path / "new"), _onnx, TOLERANCE)


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_quantized_tflite_is_near_the_saved_model_and_small(tmp_path):
    sizes = {"encoder_units": "64,64", "decoder_units": "64,64"}
    folder = converted.export("normalized", tmp_path, **sizes)
    plain = convert(folder, "tflite", tmp_path / "plain")
    small = convert(folder, "tflite_quantized", tmp_path / "small")
    largest = _check(LocalModel(folder), small, _tflite, QUANTIZED_TOLERANCE)
    assert largest > 1e-4  # it was quantised indeed
    for name in ("encode", "decode", "reconstruct"):
        sizes = [(made / f"{name}.tflite").stat().st_size for made in (plain, small)]
        assert sizes[1] < 0.5 * sizes[0]
    entries = json.loads((small / "conversion.json").read_text())["signatures"]
    assert all(1e-5 < entry["largest_difference"] < 0.05 for entry in entries.values())


def _web(model, path, run):
    for name in filter(_is_converted, model.signatures):
        signature, function = Signature(model, name), model.function(name)
        examples = [converted.given(function, size) for size in converted.BATCHES]
        for inputs, actual in zip(examples, run(path / name, signature, examples), strict=True):
            expected = converted.answers(function, inputs)
            assert sorted(actual) == sorted(expected)
            for output, right in expected.items():
                assert actual[output].shape == right.shape
                np.testing.assert_allclose(actual[output], right, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.slow
def test_tensorflowjs_answers_as_the_saved_model(model, tmp_path):
    if not web_format.has_tensorflowjs():
        pytest.skip("needs Node.js that finds @tensorflow/tfjs, as by NODE_PATH")
    _web(model, convert(model.folder, "tfjs", tmp_path / "new"), web_format._in_node)


@pytest.mark.slow
def test_tensorflowjs_files_hold_the_graph_and_its_weights(model, tmp_path, monkeypatch):
    monkeypatch.setattr(web_format, "SHARD", 1000)  # so that weights cross the borders of files
    monkeypatch.setenv("PATH", "")
    path = convert(model.folder, "tfjs", tmp_path / "new")
    assert len(list(path.glob("*/group1-shard*.bin"))) > len(list(path.iterdir()))
    _web(model, path, web_format._read_back)
    for name, entry in json.loads((path / "conversion.json").read_text())["signatures"].items():
        assert "want of Node.js" in entry["run_by"]
        described = json.loads((path / name / "model.json").read_text())["signature"]
        assert list(described["outputs"]) == entry["outputs"]
        assert list(described["inputs"]) == list(entry["inputs"])


def test_many_answers_come_through_from_node(tmp_path):
    if not web_format.has_tensorflowjs():
        pytest.skip("needs Node.js that finds @tensorflow/tfjs, as by NODE_PATH")
    model = LocalModel(converted.export("normalized", tmp_path))
    function, signature = model.function("decode"), Signature(model, "decode")
    web_format.write(signature, tmp_path / "decode")
    inputs = converted.given(function, 500)  # more than a pipe takes at once
    (actual,), _ = web_format.run(tmp_path / "decode", signature, [inputs])
    expected = converted.answers(function, inputs)["images"]
    np.testing.assert_allclose(actual["images"], expected, atol=TOLERANCE)
