"""Exports with each kind of signature answer without this package, to the bit."""

import os
import pathlib
import re
import subprocess
import sys
import venv

import c_api
import exports
import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    exports.make(folder)
    return folder


def _run(command, folder, timeout):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        timeout=timeout,
    )


def _check_answers(root, python, script, most_ulp=0):
    """Has another process answer, and compares up to some units in the last place."""
    done = _run([python, script, root], root, 300)
    assert done.returncode == 0, done.stderr[-2000:]
    folders = sorted(path.parent for path in root.glob("*/expected.npz"))
    assert len(done.stdout.splitlines()) == len(folders) == len(exports.CASES)
    for folder in folders:
        expected, actual = np.load(folder / "expected.npz"), np.load(folder / "outputs.npz")
        assert sorted(actual.files) == sorted(expected.files)
        for key in expected.files:
            case = f"{folder.name} {key}"
            assert actual[key].dtype == expected[key].dtype, case
            if most_ulp and actual[key].dtype.kind == "f":
                np.testing.assert_array_max_ulp(actual[key], expected[key], most_ulp)
            else:
                np.testing.assert_array_equal(actual[key], expected[key], err_msg=case)
        (folder / "outputs.npz").unlink()


@pytest.mark.skipif(not c_api.LIBRARY.exists(), reason="the wheel has no C library")
def test_c_api_answers_to_rounding(root):
    """Its session fuses operations otherwise than a function of Python's."""
    _check_answers(root, sys.executable, c_api.__file__, most_ulp=4)


def test_environment_of_tensorflow_alone_answers_to_the_bit(root, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", f"tensorflow=={tf.__version__}"]
    done = _run(install, tmp_path, 900)
    if done.returncode:
        pytest.skip(f"tensorflow can't be installed here: {done.stderr.strip()[-200:]}")
    listed = _run([python, "-m", "pip", "list", "--format=freeze"], tmp_path, 60).stdout.lower()
    assert "tensorflow==" in listed and not re.search("aae|probability|tf.keras", listed)
    _check_answers(root, python, str(pathlib.Path(exports.__file__)))
