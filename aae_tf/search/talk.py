"""Has a worker train a trial, and answers it at each rung.

It imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
from collections.abc import Callable, Collection

from aae_tf.child import Children, status_of
from aae_tf.errors import UserError
from aae_tf.experiments import command
from aae_tf.settings import Settings, flatten

Say = Callable[[str], None]


def train_trial(
    children: Children,
    name: str,
    settings: Settings,
    folder: pathlib.Path,
    score: str,
    rungs: Collection[int],
    goes_on: Callable[[int, float], bool],
    say: Say,
) -> int:
    """Trains a trial from where it stands, in a process of its own, as long as it is to go on.

    Args:
      children: the process is one of them.
      name: of the trial, for what is told.
      settings: of its run.
      folder: of its run.
      score: the measure on validation images to go by.
      rungs: epochs after which to ask.
      goes_on: asked with the epochs done and the score.
      say: told what happens, line by line.

    Returns:
      0, or the exit status of a stop by a signal. A trial that diverged says so in its folder.

    Raises:
      UserError: if the trial can't be made.
    """
    job = {
        "settings": flatten(settings),
        "folder": str(folder),
        "score": score,
        "rungs": sorted(rungs),
    }
    # The worker reads no flags; they are there for provenance.json to tell.
    command = ["aae-tf", *command.flags_of(flatten(settings)), f"--run_dir={folder}"]
    process = children.start(
        "aae_tf.search.worker", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    error = ""
    with process.stdout:
        _tell(process, json.dumps(job))
        for line in process.stdout:
            message = json.loads(line)
            error = message.get("error", error)
            if "say" in message:
                say(message["say"])
            if "score" in message:
                epoch, value = message["epoch"], message["score"]
                say(f"{name}: {score} {value:.5g} after epoch {epoch}")
                _tell(process, "on" if goes_on(epoch, value) else "stop")
    status = status_of(process)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    if children.received or status >= 128:
        return status
    if error:
        problem = UserError(f"{name}: {error}")
        problem.exit_status = status
        raise problem
    if status:
        raise UserError(f"{name}: ended with status {status}, as told above")
    return 0


def _tell(process: subprocess.Popen, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # it has ended; its exit status says why
        process.stdin.write(line + "\n")
        process.stdin.flush()
