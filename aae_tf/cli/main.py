"""The command line: parses flags and runs the mode that they name.

TensorFlow is imported once the flags are known to be right, so that `--help`, `--mode=list` and
mistakes answer at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator

from aae_tf.cli import flags
from aae_tf.cli.modes import MODES
from aae_tf.errors import in_one_line
from aae_tf.runs import library_levels_restored
from aae_tf.utils import STOP_SIGNALS, handling, logging_to_stderr

logger = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line. Results go to standard output, all else to standard error.

    Args:
      argv: program name and flags; by default the process's.

    Returns:
      Exit status: 0; 1 if something given can't be used or training diverged; 2 for a wrong flag;
      75 if --max_minutes stopped the run; 128 and the signal's number if a signal did.
    """
    argv = sys.argv if argv is None else argv
    values = flags.define({name: mode.description for name, mode in MODES.items()})
    # As far as it can be known before the flags are.
    with logging_to_stderr("json" if "--log_format=json" in argv else "text") as handler:
        try:
            if len(argv) < 2:
                print(flags.short_usage(), end="", file=sys.stderr)
                return flags.UsageError.exit_status
            flags.parse(values, argv)
            handler.form = values.log_format
            if values.help:
                print(flags.help_page(values))
                return 0
            with _signals_interrupt(), library_levels_restored(), _any_name_printed():
                return MODES[values.mode].run(values)
        except KeyboardInterrupt as interruption:
            logger.error("interrupted")
            return 128 + (interruption.args[0] if interruption.args else signal.SIGINT)
        except BrokenPipeError:  # nobody reads on, as with `--help | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            line = in_one_line(error)
            if line is None:
                raise
            logger.error(line, extra={"step": error.step} if hasattr(error, "step") else {})
            return getattr(error, "exit_status", 1)


@contextlib.contextmanager
def _any_name_printed() -> Iterator[None]:
    """Within it what standard output can't encode is written as Python's escapes."""
    if not hasattr(sys.stdout, "reconfigure"):  # a notebook's
        yield
        return
    before = sys.stdout.errors
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        sys.stdout.reconfigure(errors=before)


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Lets the other signals end what runs as Ctrl-C does: what writes then, writes then too.

    Training, of which each makes a last checkpoint, has handlers of its own, and so may a program
    around this one.
    """

    def interrupt(number, frame):
        del frame
        raise KeyboardInterrupt(number)

    with handling(
        [number for number in STOP_SIGNALS if signal.getsignal(number) == signal.SIG_DFL], interrupt
    ):
        yield
