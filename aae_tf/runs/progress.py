"""A bar that shows the phases' losses, steps per second and time left."""

from __future__ import annotations

import sys

from aae_tf.training import Observer, Report
from aae_tf.utils import progress_bar


class ProgressBar(Observer):
    """Draws on standard error; one line a minute where that isn't a terminal.

    Args:
      first_step: steps done before.
      total_steps: of the whole run.
    """

    def __init__(self, first_step: int, total_steps: int):
        self._bar = progress_bar(total_steps, "step", first_step)

    def after_call(self, report: Report) -> None:
        losses = {
            key.removesuffix("/loss"): f"{series.mean():.3f}"
            for key, series in report.values.items()
            if key.endswith("/loss")
        }
        self._bar.set_description_str(f"epoch {report.epoch:.1f} ", refresh=False)
        self._bar.set_postfix(losses, refresh=False)
        self._bar.update(report.step - self._bar.n)

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self._bar.write(line, file=sys.stderr)

    def close(self) -> None:
        self._bar.refresh()
        self._bar.close()
