"""Processes: arguments, text, status and signals of the parent reach them, once each."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from aae_tf.sweep.process import Processes

pytestmark = pytest.mark.system

PROCESS = """
    import signal, sys, time

    def main():
        what = sys.argv[1]
        if what == "tell":
            print(sys.stdin.read(), sys.argv, sys.path[0])
            return 7
        if what == "die":
            signal.raise_signal(signal.SIGKILL)
        got = []
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, lambda number, frame: got.append(number))
        print("ready", flush=True)
        while not got:
            time.sleep(0.01)
        time.sleep(0.2)  # long enough for a second one
        with open(sys.argv[2], "w") as file:
            file.write(",".join(map(str, got)))
        return 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Name of a module that processes find: its main() does what its first argument says."""
    (tmp_path / "obedient.py").write_text(textwrap.dedent(PROCESS))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "obedient"


def _only_status(processes):
    """Waits for the only process; its status."""
    ((_, status),) = processes.wait(60)
    assert processes.running == []
    return status


def test_a_process_has_its_arguments_and_text_and_gives_its_status(module):
    text = "long " * 100_000
    with Processes() as processes:
        arguments = ["program", "tell", "x"]
        process = processes.start(module, arguments, text.encode(), stdout=subprocess.PIPE)
        printed = process.stdout.read().decode()
        assert _only_status(processes) == 7
    assert printed.startswith(f"{text} ['program', 'tell', 'x'] ")
    assert printed.split()[-1] == str(pathlib.Path(__file__).parents[2])
    assert processes.received == 0


def test_a_process_that_was_killed_has_a_shells_status(module):
    with Processes() as processes:
        processes.start(module, ["program", "die"], b"never read" * 100_000)
        assert _only_status(processes) == 128 + signal.SIGKILL


def test_waiting_ends_with_the_first_that_ends_or_after_so_long(module, tmp_path):
    with Processes() as processes:
        arguments = ["program", "wait", str(tmp_path / "got")]
        long = processes.start(module, arguments, stdout=subprocess.PIPE)
        assert long.stdout.readline() == b"ready\n"
        assert processes.wait(0.1) == []
        short = processes.start(module, ["program", "tell"], stdout=subprocess.DEVNULL)
        assert processes.wait(60) == [(short, 7)]
        assert processes.running == [long]
        processes.stop()
    assert (tmp_path / "got").read_text() == str(int(signal.SIGTERM))


@pytest.mark.parametrize(
    "sent, got",
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGHUP, signal.SIGHUP),
        (signal.SIGUSR1, signal.SIGUSR1),
    ],
)
def test_signals_are_handed_on_once_to_each(module, tmp_path, sent, got, hang_ups):
    before = signal.getsignal(sent)
    files = [tmp_path / "first", tmp_path / "second"]
    with Processes() as processes:
        for file in files:
            process = processes.start(
                module, ["program", "wait", str(file)], stdout=subprocess.PIPE
            )
            assert process.stdout.readline() == b"ready\n"
        threading.Timer(0.1, os.kill, (os.getpid(), sent)).start()
        ended = []
        while processes.running:
            ended += [status for _, status in processes.wait(60)]
        processes.stop()
        assert set(ended) == {3} and processes.received == sent
    assert [file.read_text() for file in files] == [str(int(got))] * 2
    assert signal.getsignal(sent) == before


def test_all_are_asked_to_stop_before_the_time_is_over(module, tmp_path):
    with Processes(minutes=1 / 60) as processes:
        arguments = ["program", "wait", str(tmp_path / "got")]
        process = processes.start(module, arguments, stdout=subprocess.PIPE)
        assert processes.status == 0
        assert process.stdout.readline() == b"ready\n"
        assert processes.wait(60) == [(process, 3)]
        assert processes.status == os.EX_TEMPFAIL
    assert (tmp_path / "got").read_text() == str(int(signal.SIGTERM))


PARENT = """
    import subprocess, sys
    from aae_tf.sweep.process import Processes
    with Processes() as processes:
        process = processes.start("obedient", ["program", "wait", sys.argv[1]],
                                  stdout=subprocess.PIPE)
        print(process.stdout.readline().decode(), flush=True)
        process.wait()
"""


@pytest.mark.parametrize(
    "send, got",
    [
        (lambda parent: os.kill(parent, signal.SIGKILL), signal.SIGTERM),
        (lambda parent: os.killpg(parent, signal.SIGINT), signal.SIGINT),  # Ctrl-C at a terminal
    ],
    ids=["parent killed", "signal to the parent's group"],
)
def test_a_process_stops_once_when_its_parent_is_gone_or_interrupted(module, tmp_path, send, got):
    top = str(pathlib.Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path / "got")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{top}"},
        start_new_session=True,
    )
    assert process.stdout.readline() == b"ready\n"
    send(process.pid)
    process.wait()
    deadline = time.monotonic() + 20
    while not (tmp_path / "got").exists() or not (tmp_path / "got").read_text():
        assert time.monotonic() < deadline, "the process lives on"
        time.sleep(0.02)
    assert (tmp_path / "got").read_text() == str(int(got))
