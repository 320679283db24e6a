"""Peak memory of runs on data that are large."""

import os

import numpy as np
import program
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_ten_thousand_large_held_out_images_take_less_than_three_gigabytes(tmp_path):
    held_out = np.zeros((10_000, 256, 256, 3), np.uint8)
    held_out[:, ::2] = np.arange(10_000)[:, None, None, None] % 256
    np.savez(tmp_path / "large.npz", x_train=held_out[:300], x_test=held_out)
    del held_out
    small = ("--encoder_units=4", "--decoder_units=4", "--discriminator_units=4")
    flags = ("--experiment=gaussian", "--dataset=large.npz", "--epochs=1", "--batch_size=50")
    process = program.start(tmp_path, *flags, *small, "--noxla", "--run_dir=run")
    _, status, used = os.wait4(process.pid, 0)
    (tmp_path / "large.npz").unlink()
    assert status == 0, process.stderr.read()[-3000:]
    assert used.ru_maxrss < 3e6  # kilobytes
