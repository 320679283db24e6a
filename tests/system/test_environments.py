"""What surrounds the program changes no bit of a run, and gives no traceback."""

import json
import os
import subprocess
import sys

import numpy as np
import program
import pytest
import tiny

pytestmark = pytest.mark.system

RUN = (
    *program.SMALL,
    *("--experiment=gaussian", "--recipe=practical", "--epochs=1", "--run_dir=run"),
    *("--network=conv", "--encoder_filters=4,6", "--decoder_filters=6,4", "--noxla"),
)
USUAL = {
    name: None for name in ("KERAS_BACKEND", "KERAS_HOME", "MPLBACKEND", "LC_ALL", "PYTHONHASHSEED")
}


def _run(folder, **environment):
    np.savez(folder / "bars.npz", images=tiny.images(105), labels=np.arange(105) % 3)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    given = {**kept, "CUDA_VISIBLE_DEVICES": "", **USUAL, **environment}
    done = subprocess.run(
        [sys.executable, str(program.PROGRAM), *RUN],
        cwd=folder,
        env={key: value for key, value in given.items() if value is not None},
        capture_output=True,
        timeout=300,
    )
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0 and "Traceback" not in said, said[-3000:]
    result = program.read_json(folder / "run", "result.json")
    del result["wall_seconds"]
    figures = {file.name: file.read_bytes() for file in (folder / "run" / "figures").iterdir()}
    metrics = (folder / "run" / "metrics.csv").read_bytes()
    return program.state(folder / "run"), metrics, result, figures


def _notebook(folder):
    """A notebook's backends, a locale that isn't installed, and settings that want LaTeX."""
    chosen = {"floatx": "float64", "image_data_format": "channels_first", "epsilon": 0.1}
    (folder / "keras.json").write_text(json.dumps({**chosen, "backend": "jax"}))
    lines = ("text.usetex: True", "font.size: 30", "savefig.dpi: 20", "image.cmap: gray")
    (folder / "matplotlibrc").write_text("\n".join(lines))
    return {
        **{"KERAS_BACKEND": "torch", "KERAS_HOME": str(folder)},
        **{"MPLBACKEND": "module://no_such_module.inline", "MATPLOTLIBRC": str(folder)},
        **{"LC_ALL": "tr_TR.ISO-8859-9", "LANG": "tr_TR", "LANGUAGE": "tr"},
    }


def _cluster(folder):
    """A queue's node: no home, no temporary folder, ASCII alone, a cluster that is none.

    NumPy's print options are set by a module that Python imports at its start.
    """
    (folder / "sitecustomize.py").write_text(
        "import numpy\nnumpy.set_printoptions(precision=1, threshold=2, legacy='1.13')\n"
    )
    return {
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        **{"HOME": None, "TMPDIR": "/no/such/folder", "TF_CONFIG": "{", "PYTHONHASHSEED": "7"},
        **{"MPLBACKEND": "no_such_backend", "MPLCONFIGDIR": str(folder / "new")},
        "PYTHONPATH": str(folder),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return _run(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("surroundings", [_notebook, _cluster])
def test_no_bit_of_a_run_hangs_on_its_surroundings(surroundings, undisturbed, tmp_path):
    environment = surroundings(tmp_path)
    came = _run(tmp_path, **environment)
    for before, after in zip(undisturbed, came, strict=True):
        assert after == before


def test_a_configuration_that_keras_refuses_is_an_error_of_one_line(tmp_path):
    (tmp_path / "keras.json").write_text('{"floatx": "float7"}')
    done = subprocess.run(
        [sys.executable, str(program.PROGRAM), "--experiment=gaussian", "--run_dir=run"],
        cwd=tmp_path,
        env={**os.environ, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ") and "Invalid `floatx`" in done.stderr
    assert not (tmp_path / "run").exists()
