"""Parts of the program in processes of their own, one after another.

A process of its own gives back all its memory, and starts as a single run does, so that it makes
the same numbers. It gets the signals that its parent gets, once each, and stops, with a checkpoint
written, when its parent is gone.
"""

from __future__ import annotations

import importlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

# The child has the parent's modules, and what is in the working directory hides none of them.
_START = (
    "import sys; top, module, lifeline, *sys.argv = sys.argv[1:]; "
    "sys.path[:] = [top, *filter(None, sys.path)]; "
    "from aae_tf.sweep import process; process.run(module, int(lifeline))"
)


def run(module: str, lifeline: int) -> None:
    """What the child does: calls `main()` of a module and exits with the status it returns.

    Args:
      module: its full name.
      lifeline: file descriptor at whose end the parent is gone.
    """

    def watch():
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    sys.exit(importlib.import_module(module).main())


class Children:
    """Starts processes and hands signals on to the one that runs; a context.

    Attributes:
      received: number of the first signal that asked to stop, or 0.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.received = 0
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> Children:
        self._before = [signal.signal(number, self._hand_on) for number in self._SIGNALS]
        self._lifeline, self._held = os.pipe()
        return self

    def __exit__(self, *error) -> None:
        for number, handler in zip(self._SIGNALS, self._before, strict=True):
            signal.signal(number, handler)
        # A child that still runs, because of an error here, stops now.
        os.close(self._held)
        os.close(self._lifeline)

    def start(self, module: str, arguments: Sequence[str], **pipes) -> subprocess.Popen:
        """Starts `main()` of a module in a new process.

        Args:
          module: its full name.
          arguments: the process's sys.argv.
          **pipes: for subprocess.Popen: stdin, stdout, text.
        """
        top = str(pathlib.Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, top, module, str(self._lifeline), *arguments],
            pass_fds=[self._lifeline],
            # Else Ctrl-C would reach it twice, and the second time means 'at once'.
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **pipes},
        )
        if self.received:  # between the last look at it and the start
            self._process.send_signal(self._handed_on(self.received))
        return self._process

    def _hand_on(self, number, frame):
        del frame
        self.received = self.received or number
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(self._handed_on(number))

    @staticmethod
    def _handed_on(number: int) -> int:
        # A run stops cleanly on the others alone.
        return signal.SIGTERM if number == signal.SIGHUP else number


def status_of(process: subprocess.Popen) -> int:
    """Waits for a process to end; its exit status, or 128 and the signal that ended it."""
    status = process.wait()
    return 128 - status if status < 0 else status
