"""Parts of the program in processes of their own.

A process of its own gives back all its memory, and starts as a single run does, so that it makes
the same numbers. It gets the signals that its parent gets, once each, and stops, with a checkpoint
written, when its parent is gone.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from aae_tf.utils import STOP_SIGNALS, handling

# The process has the parent's modules, and what is in the working directory hides none of them.
_START = (
    "import sys; top, module, pipe, *sys.argv = sys.argv[1:]; "
    "sys.path[:] = [top, *filter(None, sys.path)]; "
    "from aae_tf.sweep import process; process.run(module, int(pipe))"
)
POLL_SECONDS = 0.05
_is_part = False  # of a program that started this process


def run(module: str, pipe: int) -> None:
    """What a started process does: calls `main()` of a module, exits with the status it returns.

    Args:
      module: its full name.
      pipe: file descriptor at whose end the parent is gone.
    """

    global _is_part
    _is_part = True

    def watch():
        os.read(pipe, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    sys.exit(importlib.import_module(module).main())


def is_part() -> bool:
    """Whether this process is one that another of the program started."""
    return _is_part


class Processes:
    """Starts processes and hands signals on to those that run; a context.

    Args:
      minutes: from now on, before which all are asked to stop; 0 for no limit. They are given a
        tenth of them, or a minute, for it.

    Attributes:
      received: number of the first signal that asked to stop, or 0.
      running: the processes that `wait` has not yet returned.
    """

    def __init__(self, minutes: float = 0.0):
        self.received = 0
        self.running: list[subprocess.Popen] = []
        seconds = max(54 * minutes, 60 * minutes - 60) if minutes else math.inf
        self._deadline, self._expired = time.monotonic() + seconds, False

    @property
    def status(self) -> int:
        """Exit status of a stop: 128 and the first signal's number, 75 for the time, or 0."""
        if self.received:
            return 128 + self.received
        return os.EX_TEMPFAIL if self._expired else 0

    def __enter__(self) -> Processes:
        self._handling = handling(STOP_SIGNALS, self._hand_on)
        self._handling.__enter__()
        self._pipe, self._held = os.pipe()
        return self

    def __exit__(self, *error) -> None:
        self._handling.__exit__(*error)
        # A process that still runs, because of an error here, stops now.
        os.close(self._held)
        os.close(self._pipe)

    def start(
        self, module: str, arguments: Sequence[str], data: bytes = b"", **pipes
    ) -> subprocess.Popen:
        """Starts `main()` of a module in a new process.

        Args:
          module: its full name.
          arguments: the process's sys.argv.
          data: what it can read from its standard input.
          **pipes: for subprocess.Popen: stdout.
        """
        top = str(pathlib.Path(__file__).parents[2])
        process = subprocess.Popen(
            [sys.executable, "-c", _START, top, module, str(self._pipe), *arguments],
            pass_fds=[self._pipe],
            # Else Ctrl-C would reach it twice, and the second time means 'at once'.
            start_new_session=True,
            stdin=subprocess.PIPE,
            **pipes,
        )
        self.running.append(process)
        if self.received:  # between the last look at it and the start
            process.send_signal(self.received)
        with contextlib.suppress(BrokenPipeError), process.stdin:  # its exit status says why
            process.stdin.write(data)
        return process

    def wait(self, seconds: float) -> list[tuple[subprocess.Popen, int]]:
        """Waits until one of the processes ends, so long at most.

        Returns:
          Those that ended, each with its exit status, or 128 and the signal that ended it.
        """
        deadline = time.monotonic() + seconds
        while True:
            self._look_at_time()
            ended = [process for process in self.running if process.poll() is not None]
            if ended or time.monotonic() >= deadline:
                break
            time.sleep(POLL_SECONDS)
        self.running = [process for process in self.running if process not in ended]
        statuses = [process.returncode for process in ended]
        return [(p, 128 - n if n < 0 else n) for p, n in zip(ended, statuses, strict=True)]

    def stop(self) -> None:
        """Asks all to stop, if neither a signal nor the time has, and waits for them."""
        for process in self.running:
            if not self.status:
                process.send_signal(signal.SIGTERM)
            process.wait()
        self.running = []

    def _hand_on(self, number, frame):
        del frame
        self.received = self.received or number
        for process in tuple(self.running):
            process.send_signal(number)

    def _look_at_time(self) -> None:
        if time.monotonic() >= self._deadline and not self.status:
            self._expired = True
            for process in self.running:
                process.send_signal(signal.SIGTERM)
