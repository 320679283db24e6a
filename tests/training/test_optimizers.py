"""Learning-rate schedules, measured on what the optimizer does to a weight."""

import itertools
import math

import numpy as np
import pytest
import tiny
import toy

from aae_tf.settings import PhaseSettings
from aae_tf.training import optimizers

PER_EPOCH, EPOCHS = 4, 6
STEPS = PER_EPOCH * EPOCHS


def _rates_used(steps_per_call=1, pieces=(0, STEPS), **how):
    """By how much each step moved the weight, and what `rate_at` says of those steps."""
    phase = toy.phase(steps_per_epoch=PER_EPOCH, epochs=EPOCHS, learning_rate=0.5, **how)
    trainer, note = toy.trainer(phase), tiny.Notebook()
    assert trainer.feed.steps_per_epoch == PER_EPOCH
    for first, last in itertools.pairwise(pieces):
        trainer.train(first, last, steps_per_call, [note])
    weights = np.append(note.curve("reconstruction/loss"), phase.updates[0].value.numpy())
    said = [optimizers.rate_at(phase.optimizer, step) for step in range(STEPS)]
    return -np.diff(weights), said


def _expected(schedule):
    steps = np.arange(STEPS)
    if schedule == "constant":
        return np.full(STEPS, 0.5)
    if schedule == "cosine":
        return 0.25 * (1 + np.cos(math.pi * steps / STEPS))
    epochs = steps // PER_EPOCH
    return np.select([epochs < 2, epochs < 3, epochs < 5], [0.5, 0.05, 0.005], 0.0)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "2:0.1,3:0.01,5:0"])
@pytest.mark.parametrize("steps_per_call", [1, 20])
def test_schedule_holds_at_every_step(schedule, steps_per_call):
    used, said = _rates_used(steps_per_call, schedule=schedule)
    np.testing.assert_allclose(used, _expected(schedule), atol=2e-6)
    np.testing.assert_allclose(said, _expected(schedule), atol=1e-7)


def test_drop_fires_on_the_first_step_of_its_epoch():
    used, _ = _rates_used(schedule="1:0.5")
    np.testing.assert_allclose(used[:PER_EPOCH], 0.5, rtol=1e-5)
    np.testing.assert_allclose(used[PER_EPOCH:], 0.25, rtol=1e-5)


def test_schedule_goes_on_where_training_was_cut():
    used, _ = _rates_used(steps_per_call=3, pieces=(0, 7, 8, STEPS), schedule="2:0.1,3:0.01,5:0")
    np.testing.assert_allclose(used, _expected("2:0.1,3:0.01,5:0"), atol=2e-6)


def test_phases_have_rates_momenta_and_schedules_of_their_own():
    rig = tiny.rig(
        recipe="paper",
        epochs=2000,
        reconstruction_schedule="50:0.1,1000:0.01",
        discriminator_schedule="cosine",
    )
    at = {
        phase.name: [optimizers.rate_at(phase.optimizer, 6 * epoch) for epoch in (0, 50, 1000)]
        for phase in rig.phases
    }
    assert at["reconstruction"] == pytest.approx([0.01, 0.001, 0.0001])
    assert at["discriminator"][1] == pytest.approx(0.05 * (1 + math.cos(math.pi / 40)))
    assert at["generator"] == pytest.approx([0.1, 0.1, 0.1])
    momenta = {phase.name: phase.optimizer.momentum for phase in rig.phases}
    assert momenta == {"reconstruction": 0.9, "discriminator": 0.1, "generator": 0.1}


@pytest.mark.parametrize("epsilon", [1e-7, 1e-8])
def test_adam_steps_as_tensorflow_1_does_with_the_epsilon_that_is_set(epsilon):
    # Gradients as small as that are where epsilon counts.
    settings = PhaseSettings(name="wasserstein", learning_rate=0.5, momentum=0.5, epsilon=epsilon)
    weight, m, v, expected = toy.Weight(), 0.0, 0.0, 0.0
    optimizer = optimizers.build(settings, weight.trainable_variables, PER_EPOCH, EPOCHS)
    for step, gradient in enumerate([3e-7, -1e-8, 2e-7], start=1):
        optimizer.apply_gradients([(np.float32(gradient), weight.value)])
        # tf.compat.v1.train.AdamOptimizer's documentation: its epsilon is not that of the paper.
        rate = 0.5 * math.sqrt(1 - 0.999**step) / (1 - 0.5**step)
        m, v = 0.5 * m + 0.5 * gradient, 0.999 * v + 0.001 * gradient**2
        expected -= rate * m / (math.sqrt(v) + epsilon)
        assert float(weight.value) == pytest.approx(expected, rel=1e-4)


def test_adam_takes_momentum_as_its_first_beta():
    rig = tiny.rig(generator_optimizer="adam", generator_momentum=0.25)
    assert rig.phase("generator").optimizer.beta_1 == 0.25
