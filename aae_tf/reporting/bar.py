"""A bar on standard error that shows how far something is."""

from __future__ import annotations

import sys

import tqdm

FORMAT = (
    "{desc}{percentage:3.0f}%|{bar:12}| {n_fmt}/{total_fmt} [{remaining} left, {rate_fmt}]{postfix}"
)


def bar(
    total: int, unit: str, initial: int = 0, shown: bool = True, late: bool = False
) -> tqdm.tqdm:
    """A bar that is drawn often on a terminal, and a line a minute elsewhere.

    Args:
      total: of all there is to do.
      unit: what is counted.
      initial: done before.
      shown: whether there is a bar at all.
      late: whether it waits as long before it is drawn first as between drawings.
    """
    interval = 0.2 if sys.stderr.isatty() else 60
    return tqdm.tqdm(
        total=total,
        initial=initial,
        unit=unit,
        mininterval=interval,
        maxinterval=interval,
        dynamic_ncols=sys.stderr.isatty(),
        smoothing=0.1,
        bar_format=FORMAT,
        delay=interval if late else 0,
        disable=not shown,
    )
