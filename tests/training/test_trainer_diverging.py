"""A loss that isn't finite stops the run, in words that say where."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import toy

from aae_tf.errors import DivergedError, UserError
from aae_tf.training.checkpoints import Checkpoints, CheckpointWriter
from aae_tf.training.variables import network_variables


def test_diverging_names_metric_phase_and_step():
    def metrics(batch, drawn):
        weight = phase.updates[0].value  # -5 at the sixth step
        return {"root": tf.sqrt(4.5 + weight * tf.ones(tf.shape(batch["images"])[0]))}

    phase = toy.phase("discriminator", learning_rate=1.0, metrics=metrics)
    note = tiny.Notebook()
    with pytest.raises(DivergedError) as caught:
        toy.trainer(phase).train(0, 12, 3, [note])
    assert isinstance(caught.value, UserError)
    assert str(caught.value) == "the root of phase 'discriminator' became nan at step 6"
    assert note.diverged == [(6, "discriminator/root")]
    assert [report.step for report in note.reports] == [3, 4]


@pytest.mark.slow
def test_huge_learning_rate_diverges_in_a_named_phase():
    """Were it so huge that codes overflow too, the processor would decide which phase is first."""
    rig = tiny.rig(
        reconstruction_optimizer="sgd",
        reconstruction_learning_rate=1e8,
        output_activation="linear",
    )
    note = tiny.Notebook()
    with pytest.raises(DivergedError, match=r"phase 'reconstruction' became inf at step 2$"):
        rig.trainer.train(0, 18, 1, [note])
    assert len(note.reports) == 1 and len(note.diverged) == 1
    for report in note.reports:
        assert all(np.isfinite(series).all() for series in report.values.values())


def test_an_update_that_overflows_is_noticed_though_its_loss_was_finite(tmp_path):
    """It would be the run's last, or be in the last good checkpoint."""
    phase = toy.phase()
    phase.optimizer.learning_rate.assign(3e38)  # 0, then -3e38, then minus infinity
    checkpoints = Checkpoints(tmp_path, network_variables({"weight": phase.updates[0]}), {})
    writer = CheckpointWriter(checkpoints, 1e-9)
    with pytest.raises(DivergedError, match=r"phase 'reconstruction'.* step 2"):
        toy.trainer(phase, batch_size=1).train(0, 2, 2, [writer])
    assert phase.updates[0].value.numpy() == -np.inf
    assert checkpoints.latest is None


@pytest.mark.slow
@pytest.mark.parametrize("xla", [True, False])
def test_codes_that_are_not_finite_are_noticed_behind_a_rectifier(xla):
    """On a CPU a matrix product fused with bias and rectifier turns NaN into 0."""
    rig = tiny.rig(xla=xla)
    rig.method.encoder.code.bias.assign([np.inf, np.nan])
    with pytest.raises(DivergedError):
        rig.trainer.train(0, 6, 3)
