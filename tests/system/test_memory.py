"""Peak memory of runs on data that are large."""

import pathlib
import re
import time

import numpy as np
import program
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def _peak(process):
    """Its largest size so far in GB; what it was before it became another program isn't in it."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1e6 if found else 0.0  # it has ended, and isn't waited for


def test_ten_thousand_large_held_out_images_take_less_than_three_gigabytes(tmp_path):
    held_out = np.zeros((10_000, 256, 256, 3), np.uint8)
    held_out[:, ::2] = np.arange(10_000)[:, None, None, None] % 256
    np.savez(tmp_path / "large.npz", x_train=held_out[:300], x_test=held_out)
    del held_out
    small = ("--encoder_units=4", "--decoder_units=4", "--discriminator_units=4")
    flags = ("--experiment=gaussian", "--dataset=large.npz", "--epochs=1", "--batch_size=50")
    process, peak = program.start(tmp_path, *flags, *small, "--noxla", "--run_dir=run"), 0.0
    while process.poll() is None:
        peak = max(peak, _peak(process))
        time.sleep(0.2)
    (tmp_path / "large.npz").unlink()
    assert process.returncode == 0, process.stderr.read()[-3000:]
    assert 0.5 < peak < 3, peak
