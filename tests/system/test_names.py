"""Folders and files may have any name that the system allows."""

import os
import re
import subprocess

import numpy as np
import program
import pytest
import tiny

pytestmark = pytest.mark.system

RUN = ("--experiment=gaussian", "--recipe=paper", "--noxla", "--epochs=1")


def test_a_run_of_any_name_is_trained_resumed_exported_and_asked(tmp_path):
    name = "lr[0.1] * ? two\nlines \\ 'ü'"
    np.savez(tmp_path / "bars.npz", images=tiny.images(105), labels=np.arange(105) % 3)
    os.rename(tmp_path / "bars.npz", tmp_path / f"{name}.npz")
    flags = (*program.SMALL, *RUN, f"--dataset={name}.npz", f"--run_dir={name}/")
    first = program.call(tmp_path, *flags, f"--export_dir=e {name}")
    assert first.returncode == 0, first.stderr
    # The printed command, as bash reads it, finds the run; then it continues to one epoch more.
    (again,) = re.findall(r"^  evaluate +(.*?)(?=\n  \w)", first.stdout, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        ["bash", "-c", again], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "reconstruction_error" in done.stdout, done.stderr
    done = program.call(tmp_path, *flags, f"--export_dir=e {name}", "--epochs=2")
    assert done.returncode == 0 and "resumed at step" in done.stderr, done.stderr
    run = tmp_path / name
    assert len(list((run / "checkpoints").glob("ckpt-*.index"))) <= 3
    assert program.read_json(run, "result.json")["epochs"] == 2
    (model,) = (path for path in (tmp_path / f"e {name}").iterdir() if path.is_dir())
    assert re.fullmatch(r"gaussian_[\w.-]+", model.name)  # a name that TF Serving takes
    assert sorted(path.name for path in model.iterdir()) == ["1", "2"]
    asked = program.call(
        tmp_path,
        *("--mode=predict", f"--model=e {name}/{model.name}", "--signature=sample", "--count=3"),
        f"--output=o {name}.npz",
    )
    assert asked.returncode == 0, asked.stderr
    with np.load(tmp_path / f"o {name}.npz") as arrays:
        assert len(arrays["images"]) == 3


def test_links_that_lead_to_nothing_are_followed(tmp_path):
    np.savez(tmp_path / "bars.npz", images=tiny.images(105), labels=np.arange(105) % 3)
    for name in ("run", "models"):
        (tmp_path / name).symlink_to(tmp_path / "disk" / name)
    done = program.call(tmp_path, *program.SMALL, *RUN, "--run_dir=run", "--export_dir=models")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "disk" / "run" / "result.json").is_file()
    assert (tmp_path / "disk" / "models" / "gaussian_bars" / "1" / "saved_model.pb").is_file()
