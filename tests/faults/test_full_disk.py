"""A run on a disk that is full says so in one line, and resumes once there is room."""

import contextlib
import csv
import json
import os
import resource
import subprocess

import numpy as np
import pytest
import tiny

from aae_tf.command_line import main

pytestmark = pytest.mark.faults

SMALL = ("--encoder_units=32,32", "--decoder_units=32,32", "--discriminator_units=32,32")
FLAGS = ("--experiment=gaussian", "--epochs=2", "--batch_size=20", "--checkpoint_minutes=1e-9")
# In KiB: full in the first checkpoint, in training, amid figures, in the projector's files, in the
# SavedModel. The whole run takes some 1,700.
SIZES = (60, 150, 270, 900)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("full")
    np.savez(place / "bars.npz", images=tiny.images(210), labels=np.arange(210) % 3)
    return place


def _run(place, run_dir):
    command = ("program", *FLAGS, *SMALL, f"--dataset={place / 'bars.npz'}")
    return main([*command, f"--run_dir={run_dir}", f"--export_dir={run_dir.parent / 'models'}"])


def _outcome(run_dir):
    with open(run_dir / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    provenance = json.loads((run_dir / "provenance.json").read_text())
    result = json.loads((run_dir / "result.json").read_text())
    return rows, provenance["state_sha256"], result["metrics"]


@pytest.fixture(scope="module")
def undisturbed(place):
    assert _run(place, place / "undisturbed" / "run") == 0
    return _outcome(place / "undisturbed" / "run")


@contextlib.contextmanager
def _disk(folder, size):
    """A disk of so many KiB."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may make a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _leftovers(folder):
    patterns = (".*.tmp", ".unfinished-*", "*_temp*")
    return [path for pattern in patterns for path in folder.rglob(pattern)]


@pytest.mark.parametrize("size", SIZES)
def test_a_full_disk_is_one_line_and_the_same_command_resumes(place, undisturbed, capsys, size):
    with _disk(place / f"disk_{size}", size):
        run_dir = place / f"disk_{size}" / "run"
        capsys.readouterr()
        assert _run(place, run_dir) == 1
        said = capsys.readouterr().err
        assert "Traceback" not in said
        [line] = [line for line in said.splitlines() if "error: " in line]
        assert str(run_dir.parent) in line and "No space left on device; free some" in line
        enlarge = ["mount", "-o", "remount,size=20m", str(run_dir.parent)]
        subprocess.run(enlarge, check=True)
        assert _run(place, run_dir) == 0
        assert _outcome(run_dir) == undisturbed
        assert _leftovers(run_dir.parent) == []


def test_a_limit_on_the_size_of_files_is_one_line(place, undisturbed, capsys):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        assert _run(place, place / "limited" / "run") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err
    assert "Traceback" not in said and "File too large" in said
    assert _run(place, place / "limited" / "run") == 0
    assert _outcome(place / "limited" / "run") == undisturbed
    assert _leftovers(place / "limited") == []
