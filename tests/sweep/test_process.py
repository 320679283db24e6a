"""Processes of their own: the parent's arguments, status and signals reach them, once each."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from aae_tf.sweep.process import Children, status_of

pytestmark = pytest.mark.system

CHILD = """
    import signal, sys, time

    def main():
        what = sys.argv[1]
        if what == "tell":
            print(sys.argv, sys.path[0])
            return 7
        if what == "die":
            signal.raise_signal(signal.SIGKILL)
        got = []
        signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
        signal.signal(signal.SIGINT, lambda number, frame: got.append(number))
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
    """Name of a module that children find: its main() does what its first argument says."""
    (tmp_path / "of_the_child.py").write_text(textwrap.dedent(CHILD))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "of_the_child"


def test_a_child_has_its_arguments_and_gives_its_status(module):
    with Children() as children:
        process = children.start(module, ["program", "tell", "x"], stdout=subprocess.PIPE)
        said = process.stdout.read().decode()
        assert status_of(process) == 7
    assert said.startswith("['program', 'tell', 'x'] ")
    top = str(pathlib.Path(__file__).parents[2])
    assert said.split()[-1] == top
    assert children.received == 0


def test_a_child_that_was_killed_has_a_shells_status(module):
    with Children() as children:
        assert status_of(children.start(module, ["program", "die"])) == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    "sent, got",
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGHUP, signal.SIGTERM),
    ],
)
def test_signals_are_handed_on_once(module, tmp_path, sent, got):
    before = signal.getsignal(sent)
    with Children() as children:
        arguments = ["program", "wait", str(tmp_path / "got")]
        process = children.start(module, arguments, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        threading.Timer(0.1, os.kill, (os.getpid(), sent)).start()
        assert status_of(process) == 3
        assert children.received == sent
    assert (tmp_path / "got").read_text() == str(int(got))
    assert signal.getsignal(sent) == before


PARENT = """
    import subprocess, sys
    from aae_tf.sweep.process import Children
    with Children() as children:
        process = children.start("of_the_child", ["program", "wait", sys.argv[1]],
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
def test_a_child_is_told_once_when_its_parent_is_gone_or_interrupted(module, tmp_path, send, got):
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
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.02)
    assert (tmp_path / "got").read_text() == str(int(got))
