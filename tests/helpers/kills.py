"""Kills a process at a chosen moment.

A moment is a pair: a pattern and a number n, for SIGKILL at the nth event whose name the pattern
matches, or None and seconds. Events are `step`, and before and after what is done to files: `write
PATH` (all bytes are in it, under whatever name), `rename PATH`, `renamed PATH`, `export` and
`exported`.
"""

from __future__ import annotations

import os
import re
import signal
import threading


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(pattern: str | None, number: float) -> None:
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
