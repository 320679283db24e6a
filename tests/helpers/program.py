"""Runs the program as a user does, in a process of its own."""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time

from fork_server import PROGRAM, ForkServer

SMALL = (
    "--encoder_units=16",
    "--decoder_units=16",
    "--discriminator_units=16",
    "--batch_size=10",
    "--dataset=bars.npz",
)
# Of a search, in the fixture `room`.
SPACE = "reconstruction_learning_rate = log(1e-4, 1e-1)\nlatent_dim = int(2, 4)\n"
SEARCH = (
    *SMALL,
    "--mode=search",
    "--experiment=gaussian",
    "--noxla",
    "--space=my.space",
    "--score=reconstruction_error",
)


def start(folder, *flags, **more) -> subprocess.Popen:
    """Starts the program in a folder, with the flags of a user and none of the tests' settings.

    Args:
      folder: to work in.
      *flags: of the command line.
      **more: variables of its environment.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *flags],
        cwd=folder,
        env={**environment, "CUDA_VISIBLE_DEVICES": "", **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,
    )


def _heed_interrupts():
    """A shell in whose background tests run, or nohup, has what they start ignore these."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def ended(process) -> subprocess.CompletedProcess:
    """What a started process has said at its end."""
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def call(folder, *flags, **more) -> subprocess.CompletedProcess:
    """Runs the program to its end, in a process that has TensorFlow already; see `start`."""
    return _server().call(folder, flags, **more)


@functools.cache
def _server():
    server = ForkServer().__enter__()
    atexit.register(server.__exit__)
    return server


def interrupt(folder, number, sign, seconds, *flags) -> subprocess.CompletedProcess:
    """Starts the program and sends it a signal so many seconds after `sign(its messages)` holds."""
    process, out, err = start(folder, *flags), [], []
    readers = [
        threading.Thread(target=lambda to=to, pipe=pipe: to.extend(iter(pipe.readline, "")))
        for to, pipe in ((out, process.stdout), (err, process.stderr))
    ]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + 180
    try:
        while process.poll() is None and not sign("".join(err + out)):
            assert time.monotonic() < deadline, "the awaited sign never came"
            time.sleep(0.01)
        time.sleep(seconds)
        process.send_signal(number)
        status = process.wait(timeout=180)
        for reader in readers:
            reader.join()
        return subprocess.CompletedProcess(process.args, status, "".join(out), "".join(err))
    finally:
        process.kill()


def trained_beyond(run, step=0):
    """The sign that a run has a checkpoint of a later step than this."""

    def sign(said):
        paths = run.glob("checkpoints/ckpt-*.index")
        return any(int(path.stem.removeprefix("ckpt-")) > step for path in paths)

    return sign


def read_json(folder, name):
    return json.loads((folder / name).read_text())


def state(folder) -> str:
    """SHA-256 of all weights and optimizers at the end of a run."""
    return read_json(folder, "provenance.json")["state_sha256"]


def error_lines(done) -> list[str]:
    """What a failed process wrote on stderr, without the progress bar and the log."""
    lines = done.stderr.replace("\r", "\n").splitlines()
    log = ("run folder: ", "note: ", "epoch ", "evaluating, ", "stopping after ", "seed ")
    beside = ("step/s", "s/step", "figure/s", "s/figure", "steps an epoch")
    return [
        line
        for line in lines
        if line.strip() and not line.startswith(log) and not any(part in line for part in beside)
    ]


KILLED = -signal.SIGKILL
