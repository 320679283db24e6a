"""A run of 200,000 steps ends with the memory and the open files that it had early on.

FAULT_STEPS in the environment is another number of steps.
"""

import csv
import os
import pathlib
import time

import events
import numpy as np
import program
import pytest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

STEPS, EPOCHS = int(os.environ.get("FAULT_STEPS", "200000")), 20
SETTLED = 5  # epochs, after which everything has been drawn, saved and looked at


def _rows(folder):
    try:
        with open(folder / "metrics.csv", newline="") as lines:
            return list(csv.DictReader(lines))
    except FileNotFoundError:
        return []


def _used(process):
    """Mebibytes in memory, and how many files are open."""
    place = pathlib.Path("/proc") / str(process.pid)
    pages = int((place / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(list((place / "fd").iterdir()))


def test_memory_and_open_files_do_not_grow_with_the_steps(tmp_path):
    batch = 10
    random = np.random.default_rng(0)
    held_out = random.integers(0, 256, (500, 2, 2), np.uint8)
    trained = random.integers(0, 256, (STEPS // EPOCHS * batch * 6 // 5, 2, 2), np.uint8)
    np.savez(tmp_path / "noise.npz", x_train=trained, x_test=held_out)
    flags = ("--experiment=gaussian", "--dataset=noise.npz", "--encoder_units=4")
    flags += ("--decoder_units=4", "--discriminator_units=4", f"--batch_size={batch}")
    flags += ("--steps_per_call=1000", f"--epochs={EPOCHS}", "--checkpoint_minutes=0.1")
    process = program.start(tmp_path, *flags, "--run_dir=run", "--export_dir=")
    seen = {}
    try:
        while process.poll() is None:
            seen[len(_rows(tmp_path / "run"))] = _used(process)
            time.sleep(0.3)
    finally:
        process.kill()
    assert process.wait() == 0, process.stderr.read()[-3000:]
    memory, files = zip(*(seen[epoch] for epoch in range(SETTLED, EPOCHS)), strict=True)
    assert max(memory) <= 1.02 * memory[0]
    assert min(files[-5:]) == min(files[:5])  # beside what is being written at the moment
    rows = _rows(tmp_path / "run")
    assert len(rows) == EPOCHS and int(rows[-1]["step"]) >= STEPS
    curve = events.curve(events.read(tmp_path / "run" / "train"), "loss/reconstruction")
    assert len(curve) > EPOCHS
