"""How a run ends before its last step: by a signal, or ahead of a queue's time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from aae_tf.training import Observer, Report, Trainer
from aae_tf.utils import STOP_SIGNALS, handling


class Stop(Observer):
    """Heeds signals and the time, and asks the trainer to stop; a context.

    While a run trains, a signal only asks: the compiled call ends, the epoch's metrics and a
    checkpoint are written, and no second signal keeps them from it. What comes after training is
    done again on resuming, so it is broken off `at_once`. Off the main thread Python lets nobody
    handle signals, and only the time counts.

    Args:
      minutes: from now on, before which to stop; 0 for no limit.
    """

    def __init__(self, minutes: float = 0.0):
        self._last = time.monotonic()
        self._deadline = self._last + 60 * minutes if minutes else None
        self._longest = 0.0  # between two looks at the clock
        self._received, self._expired, self._raises = 0, False, False
        self._trainer: Trainer | None = None

    @property
    def status(self) -> int:
        """Exit status of the stop: 128 and the first signal's number, 75 for the time, or 0."""
        if self._received:
            return 128 + self._received
        return os.EX_TEMPFAIL if self._expired else 0

    def __enter__(self) -> Stop:
        numbers = [*STOP_SIGNALS, signal.SIGALRM] if self._deadline else STOP_SIGNALS
        self._handling = handling(numbers, self._heed)
        self._handling.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._handling.__exit__(*error)

    def watch(self, trainer: Trainer) -> None:
        """From now on it is this trainer that is asked to stop."""
        self._trainer = trainer
        trainer.stop_requested = bool(self.status)

    def after_call(self, report: Report) -> None:
        """Stops where the time left might not do for another call, an epoch's end and a save."""
        now = time.monotonic()
        self._longest, self._last = max(self._longest, now - self._last), now
        if self._deadline is None or report.step == report.total_steps:
            return
        if self._deadline - now < 2 * self._longest:
            self._expired = self._trainer.stop_requested = True

    def by_another(self) -> None:
        """Notes that another worker was asked to stop, and all did."""
        self._expired = self._expired or not self._received

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Within it a stop doesn't wait.

        Raises:
          KeyboardInterrupt: at a signal, maybe one from before, and when the time is over; by then
            `status` says so.
        """
        self._raises = True
        try:
            if self._received:
                raise KeyboardInterrupt(self._received)
            if self._deadline is not None:
                self._set_alarm(max(1e-3, self._deadline - time.monotonic()))
            yield
        finally:
            self._raises = False
            if self._deadline is not None:
                self._set_alarm(0)

    def _set_alarm(self, seconds: float) -> None:
        if signal.getsignal(signal.SIGALRM) == self._heed:  # on the main thread
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def _heed(self, number, frame):
        del frame
        if number == signal.SIGALRM:
            self._expired = True
        elif not self._received:
            self._received = number
            if not self._raises:
                # Not print(): the progress bar may be in the middle of writing.
                os.write(2, b"\nstopping after this call, with a checkpoint\n")
        if self._trainer is not None:
            self._trainer.stop_requested = True
        if self._raises:
            self._raises = False  # what cleans up isn't broken off in its turn
            raise KeyboardInterrupt(number)
