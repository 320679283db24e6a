"""Every experiment's export answers TensorFlow's C API, the loader below TF Serving, to the bit."""

import pathlib
import subprocess
import sys

import c_api
import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import experiments, serving
from aae_tf.serving.signatures import servable_signatures

INVALID_ARGUMENT = 3
CASES = {
    "label_mixture": {"prior_components": 3},
    "semi_supervised": {"num_labels": "30"},
    "dim_reduction": {"num_labels": "30"},
}
# One of each method: the others differ in settings alone.
NAMES = list({e.method: name for name, e in reversed(experiments.CATALOGUE.items())}.values())

pytestmark = pytest.mark.skipif(not c_api.LIBRARY.exists(), reason="the wheel has no C library")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def _inputs(signature, size):
    generator = np.random.default_rng(size)
    known = {
        "images": generator.random((size, 8, 8, 1), np.float32),
        "labels": np.arange(size, dtype=np.int64) % 3,
        "seed": np.array([3, 4], np.int32),
        "count": np.array(size, np.int32),
        "image_bytes": np.array([_png(image) for image in range(size)], "S"),
    }
    specs = signature.structured_input_signature[1]
    return {
        name: known.get(name, generator.normal(size=(size, *spec.shape[1:])).astype(np.float32))
        for name, spec in specs.items()
    }


def _png(number):
    # A byte string of numpy's drops zeros at its end, which no PNG has: its last is 0x82.
    return tf.io.encode_png(tf.constant(tiny.images(1, seed=number)[0])).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_python_to_the_bit(folder, name):
    method = tiny.method(experiment=name, **CASES.get(name, {}))
    version = serving.export(method, folder / name)
    loaded = tf.saved_model.load(str(version))
    assert set(servable_signatures(method)) < set(loaded.signatures)
    given, expected = {}, {}
    for signature, function in loaded.signatures.items():
        for size in (1, 4):
            inputs = _inputs(function, size)
            given |= {f"{signature}/{key}/{size}": value for key, value in inputs.items()}
            answer = function(**{key: tf.constant(value) for key, value in inputs.items()})
            expected |= {f"{signature}/{key}/{size}": v.numpy() for key, v in answer.items()}
    np.savez(folder / "inputs.npz", **given)
    script = pathlib.Path(c_api.__file__)
    command = [sys.executable, script, version, folder / "inputs.npz", folder / "outputs.npz"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(folder / "outputs.npz")
    assert sorted(found.files) == sorted(expected)
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)


def test_refusals_are_invalid_argument_with_words(folder):
    version = serving.export(tiny.method(), folder / "refusing")
    model = c_api.Model(version)
    with pytest.raises(RuntimeError) as refused:
        model("encode", images=np.full((1, 8, 8, 1), np.nan, np.float32))
    code, words = refused.value.args
    assert code == INVALID_ARGUMENT and "images: expected finite values from 0 to 1" in words
    with pytest.raises(RuntimeError) as refused:
        model("encode", images=np.zeros((1, 8, 8, 2), np.float32))
    assert refused.value.args[0] == INVALID_ARGUMENT
    assert "expected shape [?,8,8,1]" in refused.value.args[1]
    good = model("encode", images=np.zeros((2, 8, 8, 1), np.float32))
    assert good["codes"].shape == (2, 2)
