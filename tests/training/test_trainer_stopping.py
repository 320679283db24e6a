"""A run that is asked to stop ends after the current call, and can continue from there."""

import pytest
import tiny

from aae_tf.training import Stopped
from aae_tf.training.variables import digest


@pytest.fixture(scope="module")
def rig():
    return tiny.rig()


@pytest.mark.slow
def test_stop_ends_after_the_current_call_and_loses_nothing(rig):
    rig.trainer.train(0, 18, 4)
    straight = digest(rig.variables)
    rig.reset()

    def ask(report):
        rig.trainer.stop_requested = report.step >= 8

    note = tiny.Notebook(ask)
    with pytest.raises(Stopped):
        rig.trainer.train(0, 18, 4, [note])
    assert [report.step for report in note.reports] == [4, 6, 10]
    rig.trainer.stop_requested = False
    rig.trainer.train(10, 18, 4)
    assert digest(rig.variables) == straight


@pytest.mark.slow
def test_every_observer_sees_the_epoch_in_which_the_stop_was_asked_for(rig):
    rig.reset()

    def ask(report):
        rig.trainer.stop_requested = True

    notes = [tiny.Notebook(ask), tiny.Notebook()]
    with pytest.raises(Stopped):
        rig.trainer.train(0, 18, 6, notes)
    assert [note.epochs for note in notes] == [[6], [6]]


def test_a_stop_asked_for_in_the_last_call_changes_nothing(rig):
    rig.reset()

    def ask(report):
        rig.trainer.stop_requested = report.step == 18

    rig.trainer.train(0, 18, 6, [tiny.Notebook(ask)])
