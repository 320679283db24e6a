"""An exported model answers in a process that knows only TensorFlow, to the bit."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.serving.export import export_saved_model
from aae_tf.serving.signatures import ServingModule

pytestmark = pytest.mark.system
BATCHES = (0, 1, 7)


@pytest.fixture(scope="module")
def rig():
    made = tiny.rig(encoder="gaussian", prior="mixture")
    made.trainer.train(0, 6, 6)
    return made


@pytest.fixture(scope="module")
def exported(rig, tmp_path_factory):
    return export_saved_model(rig.method, tmp_path_factory.mktemp("models") / "mixture")


@pytest.fixture(scope="module")
def given():
    generator = np.random.default_rng(0)
    cases = {}
    for size in BATCHES:
        images = generator.random((size, 8, 8, 1), np.float32)
        for name in ("encode", "reconstruct", "serving_default"):
            cases[f"{name}/images/{size}"] = images
        cases[f"decode/codes/{size}"] = generator.normal(size=(size, 2)).astype(np.float32)
        cases[f"sample/seed/{size}"] = np.array([3, 4, size], np.int32)
    return cases


@pytest.fixture(scope="module")
def answered(exported, given, tmp_path_factory):
    """Outputs of the fresh process, and what it printed."""
    folder = tmp_path_factory.mktemp("answers")
    np.savez(folder / "inputs.npz", **given)
    script = pathlib.Path(__file__).parents[1] / "helpers" / "load_and_call.py"
    command = [sys.executable, script, exported, folder / "inputs.npz", folder / "outputs.npz"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(np.load(folder / "outputs.npz")), done.stdout


def test_it_loads_where_nothing_but_tensorflow_can_be_imported(answered):
    assert answered[1].splitlines()[-1] == "imported: []"


def test_answers_are_those_of_this_process_to_the_bit(rig, given, answered):
    module = ServingModule(rig.method)
    functions = {
        name: module.signature(name) for name in ("encode", "decode", "reconstruct", "sample")
    }
    functions["serving_default"] = functions["reconstruct"]
    checked = 0
    for key, value in given.items():
        name, _, case = key.split("/")
        if name == "sample":
            answer = functions[name](tf.constant(value[:2]), tf.constant(value[2]))
        else:
            answer = functions[name](tf.constant(value))
        for output, tensor in answer.items():
            actual = answered[0][f"{name}/{output}/{case}"]
            np.testing.assert_array_equal(actual, tensor.numpy())
            assert actual.dtype == np.float32 and len(actual) == int(case)
            checked += 1
    assert checked == len(answered[0]) == 18


def test_answers_are_those_of_the_networks(rig, given, answered):
    for size in BATCHES:
        images = given[f"encode/images/{size}"]
        codes = rig.method.encode(images)
        rebuilt = rig.method.decode(codes)
        np.testing.assert_allclose(answered[0][f"encode/codes/{size}"], codes, atol=1e-6)
        for name in ("reconstruct", "serving_default"):
            np.testing.assert_allclose(answered[0][f"{name}/images/{size}"], rebuilt, atol=1e-6)
        drawn = answered[0][f"sample/codes/{size}"]
        expected = rig.method.prior.sample(size, seed=np.int32([3, 4]))
        np.testing.assert_allclose(drawn, expected, atol=1e-6)
        np.testing.assert_allclose(
            answered[0][f"sample/images/{size}"], rig.method.decode(drawn), atol=1e-6
        )


def test_saved_model_cli_shows_the_signatures(exported):
    command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "show"]
    done = subprocess.run(
        [*command, "--dir", str(exported), "--all"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for name in ("encode", "decode", "reconstruct", "sample", "serving_default"):
        assert f"signature_def['{name}']" in done.stdout
    assert "shape: (-1, 8, 8, 1)" in done.stdout and "shape: (-1, 2)" in done.stdout


def test_saved_model_cli_runs_a_signature(rig, exported, tmp_path):
    codes = np.random.default_rng(1).normal(size=(3, 2)).astype(np.float32)
    np.save(tmp_path / "codes.npy", codes)
    command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "run"]
    command += ["--dir", str(exported), "--tag_set", "serve", "--signature_def", "decode"]
    command += ["--inputs", f"codes={tmp_path / 'codes.npy'}", "--outdir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    images = np.load(tmp_path / "images.npy")
    np.testing.assert_allclose(images, rig.method.decode(codes), atol=1e-6)
