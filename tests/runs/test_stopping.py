"""A run that is asked to stop, at whatever moment, loses no step and says that it was stopped."""

import os
import signal
import threading
import time
import types

import numpy as np
import pytest
import tiny

from aae_tf.runs import train as runs
from aae_tf.runs.recorder import Recorder
from aae_tf.runs.stopping import Stop
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.utils import STOP_SIGNALS, handling

pytestmark = pytest.mark.usefixtures("hang_ups")


def _watching(minutes=0.0):
    stop = Stop(minutes)
    trainer = types.SimpleNamespace(stop_requested=False)
    stop.watch(trainer)
    return stop, trainer


def _report(step=20, total_steps=100):
    return types.SimpleNamespace(step=step, total_steps=total_steps)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_every_signal_of_a_scheduler_asks_to_stop_and_leaves_no_handler(number, capfd):
    stop, trainer = _watching()
    before = signal.getsignal(number)
    with stop:
        assert signal.getsignal(number) != before
        assert not trainer.stop_requested and stop.status == 0
        signal.raise_signal(number)
        assert trainer.stop_requested
    assert stop.status == 128 + number
    assert signal.getsignal(number) == before
    assert "stopping after this call, with a checkpoint" in capfd.readouterr().err


def test_later_signals_change_nothing():
    stop, _ = _watching()
    with stop:
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
            signal.raise_signal(number)
    assert stop.status == 128 + signal.SIGUSR1


def test_a_signal_before_there_is_a_trainer_counts():
    stop, trainer = Stop(), types.SimpleNamespace(stop_requested=False)
    with stop:
        signal.raise_signal(signal.SIGTERM)
        stop.watch(trainer)
    assert trainer.stop_requested


def test_what_comes_after_training_ends_at_once():
    stop, _ = _watching()
    with stop:
        with pytest.raises(KeyboardInterrupt), stop.at_once():
            signal.raise_signal(signal.SIGHUP)
            pytest.fail("went on")
        signal.raise_signal(signal.SIGTERM)  # nothing is broken off any more
    assert stop.status == 128 + signal.SIGHUP


def test_a_signal_from_before_ends_what_comes_after_training_before_it_begins():
    stop, _ = _watching()
    with stop:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt), stop.at_once():
            pytest.fail("began")


def test_ignored_hang_ups_stay_ignored_as_nohup_wants_it():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            signal.raise_signal(signal.SIGHUP)
        assert stop.status == 0 and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_off_the_main_thread_no_handler_is_put_on():
    seen, before = [], [signal.getsignal(number) for number in STOP_SIGNALS]

    def visit():
        with handling(STOP_SIGNALS, print), Stop(minutes=1) as stop, stop.at_once():
            seen.extend(signal.getsignal(number) for number in STOP_SIGNALS)

    thread = threading.Thread(target=visit)
    thread.start()
    thread.join()
    assert seen == before


def test_time_is_kept_for_another_call_and_its_save():
    stop, trainer = _watching(minutes=1)
    stop.after_call(_report())
    assert stop.status == 0 and not trainer.stop_requested
    stop._longest = 31.0
    stop.after_call(_report(step=100))  # the last one: nothing is left to stop
    assert stop.status == 0 and not trainer.stop_requested
    stop.after_call(_report())
    assert stop.status == os.EX_TEMPFAIL and trainer.stop_requested


def test_without_a_limit_no_call_is_too_long():
    stop, trainer = _watching()
    stop._longest = 1e9
    stop.after_call(_report())
    assert stop.status == 0 and not trainer.stop_requested


def test_the_time_ends_what_comes_after_training_at_once():
    stop, _ = _watching(minutes=0.005)
    with stop, pytest.raises(KeyboardInterrupt), stop.at_once():
        time.sleep(30)
    assert stop.status == os.EX_TEMPFAIL
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "bars.npz"
    np.savez(file, images=tiny.images(160), labels=np.arange(160) % 3)
    return tiny.settings(dataset=str(file), epochs=2, steps_per_call=5, xla=False)


def _before(monkeypatch, owner, name, act):
    """Has something done before each call of a method."""
    usual = getattr(owner, name)

    def called(self, *args, **kwargs):
        act(self, *args)
        return usual(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, called)


def _at_the_end(recorder, report):
    if report.step == report.total_steps:
        signal.raise_signal(signal.SIGTERM)


def _amid_the_last_save(checkpoints):
    if checkpoints.progress.step == 22:  # the first save is before training
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)


def _after_training(recorder, step):
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize(
    "owner, name, act",
    [
        (Recorder, "after_call", _at_the_end),
        (Recorder, "after_epoch", _at_the_end),
        (Checkpoints, "save", _amid_the_last_save),
        (Recorder, "finish", _after_training),
    ],
)
def test_signals_at_the_end_of_training_lose_no_step(
    settings, tmp_path, monkeypatch, owner, name, act
):
    with monkeypatch.context() as patch:
        _before(patch, owner, name, act)
        stopped = runs.train(settings, tmp_path / "run", None)
    assert stopped.status == 128 + signal.SIGTERM
    assert not stopped.folder.has_result
    assert stopped.folder.read_json("provenance.json")["step"] == 22
    assert (stopped.folder.checkpoints / "ckpt-22.index").exists()
    whole = runs.train(settings, tmp_path / "run", None)
    assert whole.status == 0 and whole.digest == stopped.digest
    assert len(whole.metrics) > 2 and whole.folder.has_result


@pytest.mark.slow
def test_a_run_in_a_thread_trains_and_one_of_short_time_stops_early(settings, tmp_path):
    outcomes = []

    def train():
        outcomes.append(runs.train(settings, tmp_path / "thread", None))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert outcomes[0].folder.has_result
    short = tiny.override(settings, {"max_minutes": 0.01})
    stopped = runs.train(short, tmp_path / "short", None)
    assert stopped.status == os.EX_TEMPFAIL
    assert stopped.folder.read_json("provenance.json")["step"] == 1
    resumed = runs.train(settings, tmp_path / "short", None)
    assert resumed.status == 0 and resumed.digest == outcomes[0].digest
