"""Mixed precisions learn what float32 does, float16 by losses that are scaled."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tiny
import toy

from aae_tf.errors import DivergedError
from aae_tf.runs.train import train
from aae_tf.training import optimizers
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import digest

FIRST_SCALE = 2.0**15
# Experiments whose phases are all that there are, and terms with gradients of gradients.
METHODS = {
    "aae": {"critic_penalty": "r1", "discriminator_noise": 0.3},
    "conv": {"network": "conv", "encoder": "gaussian"},
    "semi_supervised": {
        "experiment": "semi_supervised",
        "num_labels": "30",
        "labelled_batch_size": 6,
        "latent_dim": 3,
    },
    "vae": {"experiment": "vae_gaussian"},
    "wae_mmd": {"experiment": "wae_mmd", "latent_dim": 3},
    "wae_gan": {"experiment": "wae_gan", "critic_penalty": "spectral", "latent_dim": 3},
}
STEPS = 100


def _losses(method, precision):
    """The mean of each phase's loss over the last third of some steps."""
    rig = tiny.rig(precision=precision, **METHODS[method])
    for phase in rig.phases:
        if (
            precision == "mixed_float16"
        ):  # so low that no step is skipped, which would be another way
            phase.optimizer.dynamic_scale.assign(2.0**10)
    note = tiny.Notebook()
    rig.trainer.train(0, STEPS, 20, [note])
    keys = [key for key in note.reports[-1].values if key.endswith("/loss")]
    first = {key: note.curve(key)[:3].mean() for key in keys}
    return rig, first, {key: note.curve(key)[-STEPS // 3 :].mean() for key in keys}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_each_precision_comes_within_2_percent_of_the_loss_of_float32(method):
    """All but float64, whose first weights and draws are other ones."""
    _, started, expected = _losses(method, "float32")
    assert max(abs(expected[key] / started[key] - 1) for key in expected) > 0.1
    for precision in ("mixed_bfloat16", "mixed_float16"):
        rig, _, found = _losses(method, precision)
        assert found == pytest.approx(expected, rel=0.02), precision
        scaled = [isinstance(phase.optimizer, optimizers.LossScale) for phase in rig.phases]
        assert set(scaled) == {precision == "mixed_float16"}


@pytest.mark.parametrize("experiment", ["gaussian", "semi_supervised", "wae_mmd", "dim_reduction"])
@tiny.eagerly()
def test_codes_logits_and_pixels_of_mixed_float16_are_float32(experiment):
    method = tiny.method(experiment=experiment, precision="mixed_float16")
    outputs = {"code", "logit", "pixels", "category", "cluster_heads"}
    for network in method.networks.values():
        for layer in network._flatten_layers():
            if layer.weights and not list(layer._flatten_layers(include_self=False)):
                wide = outputs.intersection(layer.weights[0].path.split("/"))
                assert layer.compute_dtype == ("float32" if wide else "float16"), layer.path
    for network in method.networks.values():
        assert {variable.dtype for variable in network.variables} == {"float32"}


@pytest.mark.parametrize("xla", [False, True])
def test_a_step_whose_gradient_overflows_is_skipped_and_the_scale_halved(xla):
    phase = toy.phase(slopes=toy.overflowing([1, 4]), scaled=True, learning_rate=0.5)
    note = tiny.Notebook()
    toy.trainer(phase, xla=xla).train(0, 8, 3, [note])
    taken = np.cumsum([0, 1, 0, 1, 1, 0, 1, 1])  # before each step
    slopes = np.where(np.isin(np.arange(8), [1, 4]), 0.9 + 1e37, 1)
    np.testing.assert_allclose(note.curve("reconstruction/loss"), -0.5 * taken * slopes, rtol=1e-6)
    assert phase.optimizer.dynamic_scale == FIRST_SCALE / 4
    assert phase.optimizer.iterations == 6


def test_momenta_and_moments_are_those_of_the_steps_taken():
    """Adam, which would have the moments of an infinite gradient."""
    skips, plain = (
        toy.phase(optimizer="adam", momentum=0.9, learning_rate=0.1, **how)
        for how in ({"slopes": toy.overflowing([0, 1, 5]), "scaled": True}, {})
    )
    toy.trainer(skips).train(0, 8, 2)
    toy.trainer(plain).train(0, 5, 5)
    assert skips.updates[0].value.numpy() == plain.updates[0].value.numpy() != 0
    inner = skips.optimizer.inner_optimizer.variables
    for ours, expected in zip(inner, plain.optimizer.variables, strict=True):
        assert ours.numpy() == expected.numpy()


def test_the_scale_doubles_after_steps_without_overflow():
    phase = toy.phase(slopes=toy.overflowing([3]), scaled=True)
    phase.optimizer.dynamic_growth_steps = 4
    toy.trainer(phase).train(0, 12, 5)
    assert phase.optimizer.dynamic_scale == FIRST_SCALE / 2 * 4  # after steps 8 and 12
    assert phase.optimizer.step_counter == 0


def test_overflow_that_no_scale_cures_is_divergence():
    @tf.custom_gradient
    def steep(weight):
        return tf.zeros_like(weight), lambda upstream: upstream * math.inf

    phase = toy.phase(slopes=lambda *_: [1 + steep(phase.updates[0].value + 1)] * 10, scaled=True)
    phase.updates[0].value.assign(1.0)
    note = tiny.Notebook()
    # Fifteen halvings from 2**15, and the step that is taken.
    with pytest.raises(DivergedError, match=r"weights of phase 'reconstruction' .* by step 16$"):
        toy.trainer(phase).train(0, 40, 1, [note])
    assert note.diverged == [(16, "reconstruction/weights")]


@pytest.mark.parametrize("schedule", ["constant", "1:0.5"])
def test_a_scaled_phase_has_the_rates_of_its_schedule(schedule):
    plain, scaled = (
        toy.phase(schedule=schedule, learning_rate=0.5, scaled=scaled).optimizer
        for scaled in (False, True)
    )
    assert optimizers.rate_at(scaled, 0) == optimizers.rate_at(plain, 0) == 0.5
    assert optimizers.rate_at(scaled, 9) == optimizers.rate_at(plain, 9)
    optimizers.scale_rate(scaled, optimizers.rate_of(scaled), 0.25)
    assert optimizers.rate_at(scaled, 0) == 0.125


@pytest.mark.slow
def test_a_run_that_was_cut_has_its_scale_again_to_the_bit(tmp_path):
    """Its first steps overflow, so that scales and counts aren't those of a new run."""
    rig = tiny.rig(precision="mixed_float16")

    def begin():
        rig.reset()
        for phase in rig.phases:
            phase.optimizer.dynamic_growth_steps = 5
            phase.optimizer.dynamic_scale.assign(2.0**28)

    begin()
    rig.trainer.train(0, 14, 3)
    whole = digest(rig.variables)
    assert rig.phases[0].optimizer.dynamic_scale < 2.0**28
    for cut in (1, 4, 11):
        begin()
        rig.trainer.train(0, cut, 3)
        checkpoints = Checkpoints(tmp_path / str(cut), rig.variables, {})
        checkpoints.save()
        begin()
        assert checkpoints.restore()
        rig.trainer.train(cut, 14, 3)
        assert digest(rig.variables) == whole, cut


@pytest.mark.slow
@pytest.mark.parametrize("precision, slower", [("mixed_float16", True), ("float32", False)])
def test_a_note_before_training_says_that_a_mixed_precision_is_slower(
    precision, slower, tmp_path, caplog
):
    caplog.set_level("INFO", "aae_tf")
    np.savez(tmp_path / "bars.npz", images=tiny.images(40))
    file, run = str(tmp_path / "bars.npz"), tmp_path / "run"
    settings = tiny.settings(dataset=file, precision=precision, epochs=1, xla=False)
    train(settings, run, None, temporary=True)
    notes = [n for n, line in enumerate(caplog.messages) if "is slower than float32" in line]
    assert len(notes) == slower
    for number in notes:
        assert (
            caplog.messages[number]
            == f"note: --precision={precision} is slower than float32 on a CPU"
        )
        assert any(line.startswith("epoch 1:") for line in caplog.messages[number:])
