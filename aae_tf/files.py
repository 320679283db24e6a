"""Files that are either the old ones or the new ones, never halves."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any


def write_aside(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file under another name in its folder, then renames it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_json(path: pathlib.Path, content: Any) -> None:
    """Writes JSON that people can read."""
    write_aside(path, json.dumps(content, indent=2) + "\n")
