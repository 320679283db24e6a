"""The compiled loop ends with the same bits however it is cut into calls and pieces."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tiny
import toy

from aae_tf.training.variables import digest

pytestmark = pytest.mark.slow

STEPS = 20  # of epochs of 6


@pytest.fixture(scope="module")
def rig():
    return tiny.rig(
        xla=True, encoder="gaussian", discriminator_noise=0.3, generator_schedule="cosine"
    )


def _run(rig, steps_per_call, pieces=(0, STEPS)):
    rig.reset()
    note = tiny.Notebook()
    for first, last in itertools.pairwise(pieces):
        rig.trainer.train(first, last, steps_per_call, [note])
    return digest(rig.variables), note


@pytest.fixture(scope="module")
def undivided(rig):
    return _run(rig, 7)


@pytest.mark.parametrize(
    ("steps_per_call", "pieces"),
    [
        (1, (0, STEPS)),
        (3, (0, STEPS)),
        (100, (0, STEPS)),
        (7, (0, 5, 6, STEPS)),
        (2, (0, 13, STEPS)),
    ],
)
def test_bits_hang_neither_on_steps_per_call_nor_on_pieces(rig, undivided, steps_per_call, pieces):
    state, note = _run(rig, steps_per_call, pieces)
    assert state == undivided[0]
    for key in undivided[1].reports[0].values:
        np.testing.assert_array_equal(note.curve(key), undivided[1].curve(key))


@pytest.mark.parametrize("steps_per_call", [1, 3, 100])
@pytest.mark.parametrize("pieces", [(0, 10), (0, 5, 10)])
def test_phases_are_told_the_number_of_the_step(steps_per_call, pieces):
    def number(batch, draws):
        return {"step": tf.fill([batch["images"].shape[0]], tf.cast(draws["step"], tf.float32))}

    trainer, note = toy.trainer(toy.phase(metrics=number)), tiny.Notebook()
    for first, last in itertools.pairwise(pieces):
        trainer.train(first, last, steps_per_call, [note])
    np.testing.assert_array_equal(note.curve("reconstruction/step"), np.arange(10))


@pytest.mark.parametrize("steps_per_call", [1, 3, 100])
@pytest.mark.parametrize("pieces", [(0, 16), (0, 4, 16), (0, 6, 13, 16)])
def test_terms_are_there_from_the_step_at_which_they_begin(steps_per_call, pieces):
    traced = []

    def terms(batch, draws):
        traced.append(sorted(draws))
        there = [name for name in ("always", "first", "second") if name in draws]
        assert set(draws) == {"step", *there}
        return {name: tf.ones(batch["images"].shape[0]) for name in there}

    def made(seed, batch_size):
        drawn = tf.random.stateless_uniform([batch_size], seed)
        return {"always": drawn, "first": drawn, "second": {"nested": drawn}}

    begins = {"first": 4, "second": 12}
    trainer = toy.trainer(toy.phase(metrics=terms, draws=made, begins=begins))
    note = tiny.Notebook()
    for first, last in itertools.pairwise(pieces):
        trainer.train(first, last, steps_per_call, [note])
    found = [sorted(key.partition("/")[2] for key in report.values) for report in note.reports]
    for report, terms_there in zip(note.reports, found, strict=True):
        started = ["always"] + ["first"] * (report.step > 4) + ["second"] * (report.step > 12)
        assert terms_there == sorted([*started, "loss"])
    assert len(traced) == 3  # once for each stage, whatever the pieces


def test_bits_hang_not_on_pieces_where_a_term_begins():
    begins = {"virtual_adversarial_weight": 2.0, "virtual_adversarial_start": 1}
    rig = tiny.rig(experiment="clustering", num_clusters=4, latent_dim=3, **begins)
    whole, note = _run(rig, 4, (0, 14))
    key = "generator/virtual_adversarial_loss"
    assert [key in report.values for report in note.reports] == [False, False, True, True, True]
    for pieces in ((0, 6, 14), (0, 4, 14), (0, 9, 14)):
        assert _run(rig, 3, pieces)[0] == whole, pieces


def test_state_changes_with_every_step(rig, undivided):
    states = {_run(rig, 7, (0, last))[0] for last in (1, STEPS - 1)}
    assert len(states | {undivided[0]}) == 3


def test_another_seed_gives_other_bits(undivided):
    other = tiny.rig(seed=1, encoder="gaussian", discriminator_noise=0.3)
    first = tiny.rig(seed=0, encoder="gaussian", discriminator_noise=0.3)
    assert digest(other.variables) != digest(first.variables)


def test_calls_stop_at_epochs_and_reports_tell_where_training_stands(rig):
    _, note = _run(rig, 4, (0, STEPS))
    assert [report.step for report in note.reports] == [4, 6, 10, 12, 16, 18, 20]
    assert [report.epoch_ended for report in note.reports] == [
        report.step % 6 == 0 for report in note.reports
    ]
    assert note.epochs == [6, 12, 18]
    assert {report.total_steps for report in note.reports} == {STEPS}
    assert [round(6 * report.epoch) for report in note.reports] == [4, 6, 10, 12, 16, 18, 20]
    assert all(report.seconds > 0 for report in note.reports)


def test_nothing_is_left_to_train_after_the_last_step(rig):
    rig.reset()
    before = digest(rig.variables)
    note = tiny.Notebook()
    rig.trainer.train(STEPS, STEPS, 3, [note])
    assert digest(rig.variables) == before and not note.reports
