"""Starts the program again and again, each time in a fork of a process that has TensorFlow already.

Importing it takes longer than a short run. Requests come as lines of JSON on standard input,
{"folder", "flags", "environment", "out", "err", "at"}, and exit statuses go back, one a line. `at`
is when it is killed, see kills.py, or None.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import traceback

PROGRAM = pathlib.Path(__file__).parents[2] / "run_experiment.py"


class ForkServer:
    """Runs the program in a folder with flags; a context."""

    def __enter__(self) -> ForkServer:
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

    def call(self, folder: pathlib.Path, flags, at=None, **more) -> subprocess.CompletedProcess:
        """Runs the program to its end, or to where it is killed.

        Its status is negative where a signal ended it. `more` are variables of its environment.
        """
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
        request = {"folder": str(folder), "flags": list(flags), "at": at}
        request["environment"] = {**environment, "CUDA_VISIBLE_DEVICES": "", **more}
        with tempfile.TemporaryDirectory() as place:
            said = {name: pathlib.Path(place) / name for name in ("out", "err")}
            request |= {name: str(path) for name, path in said.items()}
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            status = int(self._process.stdout.readline())
            out, err = (path.read_text(errors="replace") for path in said.values())
        return subprocess.CompletedProcess(request["flags"], status, out, err)


def _serve() -> None:
    import kills

    from aae_tf.cli.main import main
    from aae_tf.runs import import_tensorflow_quietly

    import_tensorflow_quietly()
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))  # of which a user has nothing
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child:
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        os.chdir(request["folder"])
        for number, name in ((1, "out"), (2, "err")):
            with open(request[name], "w") as file:
                os.dup2(file.fileno(), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = [str(PROGRAM), *request["flags"]]
        if request["at"] is not None:
            kills.kill_at(*request["at"])
        status = 1
        try:
            status = main()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


if __name__ == "__main__":
    _serve()
