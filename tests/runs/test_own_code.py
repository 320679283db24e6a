"""What code of the user's own raises within a step is said in a line, with its traceback kept."""

import numpy as np
import pytest
import tiny

from aae_tf.cli.main import main

MODULE = """
import numpy as np


class FailsInTraining:
    def __init__(self, latent_dim):
        self.latent_dim = latent_dim

    def sample(self, shape, seed):
        if tuple(shape) == (10,):
            raise RuntimeError("my mistake")
        return np.random.default_rng(seed).normal(size=[*shape, self.latent_dim])
"""
FLAGS = (
    *("--experiment=gaussian", "--dataset=bars.npz", "--batch_size=10", "--epochs=1", "--noxla"),
    *("--encoder_units=4", "--decoder_units=4", "--discriminator_units=4", "--export_dir="),
)


@pytest.mark.slow
def test_a_prior_that_raises_within_a_step_ends_the_run_in_one_line(
    empty_folder, capsys, monkeypatch
):
    monkeypatch.syspath_prepend(empty_folder)
    (empty_folder / "failing_prior.py").write_text(MODULE)
    np.savez("bars.npz", images=tiny.images(105), labels=np.arange(105) % 3)
    own = "--prior=failing_prior:FailsInTraining"
    assert main(["x", *FLAGS, own, "--run_dir=run"]) == 1
    (line,) = (n for n in capsys.readouterr().err.splitlines() if n.startswith("error: "))
    assert line == (
        f"error: {own}: raised RuntimeError: my mistake in training; its traceback is in "
        "run/traceback.txt"
    )
    kept = (empty_folder / "run" / "traceback.txt").read_text()
    assert "failing_prior.py" in kept and kept.endswith("RuntimeError: my mistake\n")
