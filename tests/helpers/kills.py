"""Starts the program often and kills it at chosen moments; a process of its own, which forks.

TensorFlow is imported once, and every start is a fork from there. Requests come as lines of JSON on
standard input, {"folder", "flags", "at", "said"}, and exit statuses go back, one a line. `at` is a
pair: a pattern and a number n, for SIGKILL at the nth event whose name the pattern matches, or None
and seconds. Events are `step`, and before and after what is done to files: `write PATH` (all bytes
are in it, under whatever name), `rename PATH`, `renamed PATH`, `export` and `exported`.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

PROGRAM = pathlib.Path(__file__).parents[2] / "run_experiment.py"


class Server:
    """Starts the program in a folder again and again; a context."""

    def __enter__(self) -> Server:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
        environment |= {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(PROGRAM.parent)}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *error) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def start(self, folder: pathlib.Path, flags, at=None) -> tuple[int, str]:
        """Runs the program to its end, or to where it is killed.

        Returns:
          Its exit status, or less the signal's number, and what it said.
        """
        said = folder / "said"
        request = {"folder": str(folder), "flags": list(flags), "at": at, "said": str(said)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline()), said.read_text(errors="replace")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_at(pattern: str | None, number: float) -> None:
    """Has this process die at its nth event of a name, or after seconds."""
    if pattern is None:
        threading.Timer(number, _die).start()
        return
    left = [number]

    def event(name: str, path="") -> None:
        if re.search(pattern, f"{name} {path}".strip()):
            left[0] -= 1
            if not left[0]:
                _die()

    def around(owner, function, before, after=None, path=lambda *args: ""):
        usual = getattr(owner, function)

        def called(*args, **kwargs):
            where = path(*args)
            if before:
                event(before, where)
            answer = usual(*args, **kwargs)
            if after:
                event(after, where)
            return answer

        setattr(owner, function, called)

    import tensorflow as tf

    from aae_tf.training import Trainer

    around(os, "fsync", "write", path=lambda number: os.readlink(f"/proc/self/fd/{number}"))
    for function in ("replace", "rename"):
        around(os, function, "rename", "renamed", path=lambda source, target: target)
    around(Trainer, "run_steps", "step")
    around(tf.saved_model, "save", "export", "exported")


def _serve() -> None:
    from aae_tf.cli.main import main
    from aae_tf.runs import import_tensorflow_quietly

    import_tensorflow_quietly()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child:
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        os.chdir(request["folder"])
        with open(request["said"], "w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.argv = [str(PROGRAM), *request["flags"]]
        if request["at"] is not None:
            _kill_at(*request["at"])
        status = 99
        try:
            status = main()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


if __name__ == "__main__":
    _serve()
