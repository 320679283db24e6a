"""The run folder: settings, metrics, results and where everything else of a run lies."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aae_tf import experiments
from aae_tf.errors import RunFolderError, UserError
from aae_tf.settings import (
    Settings,
    complete,
    differences,
    flatten,
    flatten_evaluation,
    override,
    parse_schedule,
    to_flagfile,
)
from aae_tf.utils import locked, write_aside, write_json

if TYPE_CHECKING:  # a report reads no image and needs no TensorFlow
    from aae_tf.data import ImageData

CATEGORIES = "categories.csv"


def check_folder(flag: str, path: pathlib.Path) -> None:
    """Checks that a folder is there or can be made, without making it.

    Raises:
      RunFolderError: if something else is in its place, or it can't be written.
    """
    try:
        above = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    except OSError as error:
        raise RunFolderError(f"--{flag}={path}: {error.strerror}; expected a folder") from None
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise RunFolderError(f"--{flag}={path}: {above} is not a folder that can be written to")


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Paths and files of one run.

    Args:
      path: of the folder.
    """

    path: pathlib.Path

    @property
    def checkpoints(self) -> pathlib.Path:
        return self.path / "checkpoints"

    @property
    def figures(self) -> pathlib.Path:
        return self.path / "figures"

    @property
    def likelihood(self) -> pathlib.Path:
        return self.path / "likelihood"

    @property
    def train_logs(self) -> pathlib.Path:
        return self.path / "train"

    @property
    def eval_logs(self) -> pathlib.Path:
        return self.path / "eval"

    @property
    def holds_run(self) -> bool:
        return (self.path / "settings.json").exists()

    @property
    def has_result(self) -> bool:
        return (self.path / "result.json").exists()

    @property
    def has_checkpoint(self) -> bool:
        return any(self.checkpoints.glob("ckpt-*.index"))

    def read_settings(self) -> Settings:
        """The settings of the run that the folder holds.

        Raises:
          RunFolderError: if it holds none, or one that can't be read.
        """
        file = self.path / "settings.json"
        try:
            flat = json.loads(file.read_text())
            settings = experiments.settings_of(flat["experiment"], flat["recipe"])
            return override(settings, complete(flat, settings))
        except FileNotFoundError:
            raise RunFolderError(
                f"--run_dir={self.path}: holds no run (no settings.json)"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, UserError) as error:
            raise RunFolderError(f"{file} can't be used ({error})") from None

    def check(self, settings: Settings) -> None:
        """Checks that a run of these settings may continue in this folder.

        More epochs than before are fine, unless a learning rate's schedule hangs on their number.

        Raises:
          RunFolderError: if the folder holds a run of other settings, or other files.
        """
        check_folder("run_dir", self.path)
        if not self.holds_run:
            if self.path.exists() and not (self.path.is_dir() and self._is_ours()):
                raise RunFolderError(
                    f"--run_dir={self.path}: not empty and holds no run; expected a new folder or "
                    "one with settings.json"
                )
            return
        old, new = (flatten(s, only_changing_run=True) for s in (self.read_settings(), settings))
        extendable = all(parse_schedule(p.schedule) != "cosine" for p in settings.phases)
        if extendable and old["epochs"] < new["epochs"]:
            old["epochs"] = new["epochs"]
        if _same_place(old["dataset"], new["dataset"]):
            old["dataset"] = new["dataset"]
        different = differences(old, new)
        if different:
            raise RunFolderError(
                f"--run_dir={self.path}: holds a run of other settings ({'; '.join(different)}); "
                "expected the same ones or another folder"
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from running in the folder; the system ends it with the process.

        Raises:
          RunFolderError: if another process runs in it.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path / ".lock", wait=False))
            except BlockingIOError:
                raise RunFolderError(
                    f"--run_dir={self.path}: another process runs in it; expected to be alone"
                ) from None
            yield

    def _is_ours(self) -> bool:
        """Whether there is nothing but what a run killed in `start` leaves."""
        ours = {".lock", "data.json", "run.flags", "checkpoints", "figures", "train", "eval"}
        return all(p.name in ours or p.name.endswith(".tmp") for p in self.path.iterdir())

    def check_data(self, data: ImageData) -> None:
        """Checks that the folder's run, if it holds one, was on the same images and labels.

        Older versions noted less of them; what they didn't note isn't compared.

        Raises:
          RunFolderError: if it was not.
        """
        if not self.holds_run:
            return
        noted, found = self.read_data(), data.describe()
        if _same_place(noted.get("name", ""), found["name"]):
            noted["name"] = found["name"]
        noted = {key: found[key] for key in found if key.startswith("sha256")} | noted
        different = [key for key in {**noted, **found} if noted.get(key) != found.get(key)]
        if different:
            raise RunFolderError(
                f"--dataset={data.name}: other images or labels than in "
                f"{self.path / 'data.json'} ({', '.join(different)}); expected the same ones or "
                "another --run_dir"
            )

    def start(self, settings: Settings, data: ImageData) -> None:
        """Makes the folder and writes data.json, run.flags and settings.json, the last one last."""
        for folder in (self.path, self.checkpoints, self.figures, self.train_logs, self.eval_logs):
            folder.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "data.json", data.describe())
        write_aside(self.path / "run.flags", to_flagfile(settings))
        write_json(self.path / "settings.json", flatten(settings))

    def read_data(self) -> dict[str, Any]:
        """What data.json holds: name, image shape, class names and sizes."""
        file = self.path / "data.json"
        try:
            described = json.loads(file.read_text())
            if len(described["image_shape"]) == 3:
                return described
            error = f"image_shape {described['image_shape']}"
        except (OSError, ValueError, KeyError, TypeError) as problem:
            error = problem
        raise RunFolderError(f"{file} can't be used ({error})")

    def read_json(self, name: str) -> dict[str, Any]:
        """What a JSON file of the run holds; nothing if it isn't there, or is no such file."""
        try:
            content = json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write_result(
        self,
        settings: Settings,
        epochs: float,
        metrics: Mapping[str, float],
        wall_seconds: float,
    ) -> None:
        """Writes result.json: the final metrics beside the paper's, and how they were evaluated."""
        write_json(
            self.path / "result.json",
            {
                "experiment": settings.experiment,
                "recipe": settings.recipe,
                "seed": settings.training.seed,
                "epochs": epochs,
                "metrics": dict(metrics),
                "evaluation": flatten_evaluation(settings),
                "paper": experiments.find(settings.experiment).paper_figures(settings),
                "wall_seconds": round(wall_seconds, 1),
            },
        )

    def write_provenance(self, content: Mapping[str, Any]) -> None:
        """Writes provenance.json."""
        write_json(self.path / "provenance.json", dict(content))


def _same_place(one: str, other: str) -> bool:
    """Whether two values of --dataset are the same file or folder, however it is written."""
    try:
        return one == other or os.path.samefile(*map(os.path.expanduser, (one, other)))
    except (OSError, TypeError, ValueError):
        return False


class MetricsTable:
    """metrics.csv: one row for each epoch.

    Args:
      path: of the file.
      last_step: rows beyond it are dropped: a killed run wrote them after its last checkpoint, and
        the resumed one writes them again.
    """

    def __init__(self, path: pathlib.Path, last_step: int = 0):
        self._path = path
        self._rows: list[dict[str, str]] = []
        if path.exists():
            with open(path, newline="") as file:
                rows = list(csv.DictReader(file))
            self._rows = [row for row in rows if int(row["step"]) <= last_step]

    @property
    def rows(self) -> list[dict[str, float]]:
        """The rows as numbers."""
        return [{key: float(value) for key, value in row.items() if value} for row in self._rows]

    def add(self, step: int, epoch: float, metrics: Mapping[str, float]) -> None:
        """Appends a row and writes the file."""
        row = {"step": str(step), "epoch": f"{epoch:g}"}
        row.update({key: repr(float(value)) for key, value in metrics.items()})
        self._rows.append(row)
        columns = list(dict.fromkeys(key for row in self._rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        write_aside(self._path, text.getvalue())
