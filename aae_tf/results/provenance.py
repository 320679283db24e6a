"""Where numbers come from: versions, commit, machine, command and time."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from aae_tf.settings.fields import without_home

PACKAGES = (
    "tensorflow",
    "keras",
    "tensorflow-probability",
    "tf-keras",
    "tensorflow-datasets",
    "tensorboard",
    "absl-py",
    "numpy",
    "matplotlib",
)
COMMIT_LETTERS = 10
SESSION = ("commit", "date", "step")


def provenance(
    devices: list[str],
    wall_seconds: float,
    digest: str,
    step: int,
    earlier: Sequence[Mapping[str, Any]],
    commit: str,
) -> dict[str, Any]:
    """What provenance.json holds.

    Args:
      devices: the strategy's.
      wall_seconds: of training, over all sessions.
      digest: SHA-256 of all variables of networks and optimizers.
      step: at which it was taken.
      earlier: sessions that trained before this one, see `earlier_sessions`.
      commit: of the program when it was started, see `commit_of_checkout`.
    """
    from aae_tf import __version__

    return {
        "aae_tf": __version__,
        "commit": commit,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count(),
            "devices": devices,
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
        },
        "command": [os.path.basename(sys.argv[0]), *map(_shortened, sys.argv[1:])],
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "wall_seconds": round(wall_seconds, 1),
        "step": step,
        "state_sha256": digest,
        "earlier": list(earlier),
    }


def earlier_sessions(before: Mapping[str, Any], step: int) -> list[dict[str, Any]]:
    """The sessions that a run continues from: commit, date and the step that each one reached.

    Args:
      before: what provenance.json held; empty for a new run.
      step: at which the run was taken up; sessions beyond it left nothing that it continues from.
    """
    sessions = [*before.get("earlier", []), {key: before.get(key) for key in SESSION}]
    return [session for session in sessions if 0 < (session["step"] or 0) <= step]


def _shortened(argument: str) -> str:
    """An argument whose paths start at the working folder or at the user's home."""
    with contextlib.suppress(OSError):
        argument = argument.replace(f"{os.getcwd().rstrip('/')}/", "")
    return without_home(argument)


def short_commit(commit: str) -> str:
    """A commit by its first letters; that the program had been changed stays to be seen."""
    if len(commit) <= COMMIT_LETTERS:
        return commit
    return commit[:COMMIT_LETTERS] + ("-dirty" if commit.endswith("-dirty") else "")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def commit_of_checkout() -> str:
    """The commit of the checkout that the package lies in, '-dirty' with changes, or 'unknown'.

    To be asked for when a session starts: its checkout may move on while it trains.
    """
    top = pathlib.Path(__file__).parents[2]
    if not (top / ".git").exists():
        return "unknown"
    command = ["git", "-C", str(top), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
