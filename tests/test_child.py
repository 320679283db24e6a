"""Processes of their own: the parent's arguments, status and signals reach them, once each."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from aae_tf.child import Children, status_of

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
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
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


def test_a_child_stops_when_its_parent_is_gone(module, tmp_path):
    parent = textwrap.dedent(f"""
        import subprocess, sys
        from aae_tf.child import Children
        with Children() as children:
            process = children.start("{module}", ["program", "wait", "{tmp_path}/got"],
                                     stdout=subprocess.PIPE)
            print(process.stdout.readline().decode(), flush=True)
            process.wait()
    """)
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{top}"},
    )  # fmt: skip
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while not (tmp_path / "got").exists():
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.02)
    time.sleep(0.05)
    assert (tmp_path / "got").read_text() == str(int(signal.SIGTERM))
