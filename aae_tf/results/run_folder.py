"""The run folder: settings, metrics, results and where everything else of a run lies."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aae_tf import experiments
from aae_tf.errors import NONSENSE, RunFolderError, UserError, unusable
from aae_tf.files.locks import locked, remove_leftovers
from aae_tf.settings import (
    Settings,
    complete,
    differences,
    flatten,
    flatten_evaluation,
    override,
    own_functions,
    parse_schedule,
    to_flagfile,
)
from aae_tf.utils import read_json, write_aside, write_json

if TYPE_CHECKING:  # a report reads no image and needs no TensorFlow
    from aae_tf.data import ImageData

# Of what type the entries of result.json and provenance.json are that something is computed of.
_KINDS = {
    "epochs": (int, float),
    "metrics": dict,
    "paper": dict,
    "step": (int, type(None)),
    "earlier": list,
    "packages": dict,
    "state_sha256": str,
}

# Of what type the entries of data.json are, and what they hold.
_DATA_KINDS = {
    "name": (str, str),
    "class_names": (list, str),
    "feature_names": (list, str),
    "sizes": (dict, int),
}

logger = logging.getLogger(__name__)


def check_folder(flag: str, path: pathlib.Path) -> None:
    """Checks that a folder is there or can be made, as by `make_folder`, without making it.

    Raises:
      RunFolderError: if something else is in its place, or it can't be written.
    """
    try:
        target = pathlib.Path(os.path.realpath(path))
        above = next(folder for folder in (target, *target.parents) if folder.exists())
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
    def prior_logs(self) -> pathlib.Path:
        return self.eval_logs / "prior"

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
            flat = read_json(file)
            settings = experiments.settings_of(flat["experiment"], flat["recipe"])
            return override(settings, complete(flat, settings))
        except FileNotFoundError:
            raise RunFolderError(f"--run_dir={self.path}: {self._instead_of_run()}") from None
        except (*NONSENSE, UserError) as error:
            raise unusable(file, error) from None

    def _instead_of_run(self) -> str:
        """What the folder holds that a run was looked for in."""
        models = (self.path.glob(f"{version}saved_model.pb") for version in ("", "[0-9]*/"))
        if not any(map(any, models)):
            return "holds no run (no settings.json)"
        used = f"--mode=predict --model={self.path}, or tf.saved_model.load in Python"
        return f"holds an export, no run; expected a run's folder, or {used}"

    def check(self, settings: Settings, extendable: bool = False) -> None:
        """Checks that a run of these settings may continue in this folder.

        More epochs than before are fine, unless a learning rate's schedule hangs on their number.

        Args:
          settings: of the run to be.
          extendable: whether they are fine even then.

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
        schedules = [parse_schedule(phase.schedule) for phase in settings.phases]
        if (extendable or "cosine" not in schedules) and old["epochs"] < new["epochs"]:
            old["epochs"] = new["epochs"]
        if _same_place(old["dataset"], new["dataset"]):
            old["dataset"] = new["dataset"]
        different = differences(old, new)
        if different:
            longer = "cosine" in schedules and old["epochs"] < new["epochs"]
            why = "a cosine schedule's rates are 0 at its last epoch; " if longer else ""
            other = f" with --init_from={self.path}" if longer and self.has_checkpoint else ""
            raise RunFolderError(
                f"--run_dir={self.path}: holds a run of other settings ({'; '.join(different)}); "
                f"{why}expected the same ones or another folder{other}"
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from running in the folder; the system ends it with the process.

        Raises:
          RunFolderError: if another process runs in it.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path / ".lock", wait=False, with_folder=True))
            except BlockingIOError as error:
                raise RunFolderError(
                    f"--run_dir={self.path}: another process runs in it ({error.strerror}); "
                    "expected to be alone"
                ) from None
            yield

    def remove_leftovers(self) -> None:
        """Removes what a killed process left in the folder, which is locked."""
        for folder in (self.path, self.figures, self.likelihood, self.train_logs, self.eval_logs):
            remove_leftovers(folder)
        for pattern in (".unfinished-*", "*_temp*", ".*.tmp"):
            for path in list(self.checkpoints.rglob(pattern)):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        for path in self.checkpoints.glob("ckpt-*.*"):
            if not path.name.split(".")[0].removeprefix("ckpt-").isdecimal() and path.is_file():
                logger.info("%s belongs to no checkpoint; it was removed", path)
                path.unlink()

    def check_trusted(self, settings: Settings, trusted: bool) -> None:
        """Checks that functions of the user's own that a run's settings name may be run.

        Raises:
          RunFolderError: if there are such and they may not: who made the folder chose them.
        """
        own = own_functions(settings)
        if own and not trusted:
            listed = " ".join(f"--{flag}={function}" for flag, function in own.items())
            raise RunFolderError(
                f"--run_dir={self.path}: its settings name {listed}; to run that, expected it "
                "among the flags, or --trust_run"
            )

    def check_progress(self, step: int | None) -> None:
        """Checks that the checkpoints go as far as the rest of the folder says.

        Args:
          step: of the checkpoint that was read; None without one.

        Raises:
          RunFolderError: if there is none although the run was trained, or a file is unreadable.
        """
        before, result = self.read_json("provenance.json"), self.read_json("result.json")
        reached = before.get("step") or 0
        if step is None:
            table = self.path / "metrics.csv"
            trained = {
                "result.json": result,
                "provenance.json": reached,
                table.name: table.exists(),
            }
            for name, is_trained in trained.items():
                if is_trained:
                    raise RunFolderError(
                        f"--run_dir={self.path}: has no checkpoint, but {name} of a run that was "
                        "trained; put its checkpoints back, or train again in another folder"
                    )
        elif step < reached:
            logger.info(
                "the checkpoint of step %d is gone, which provenance.json is of; the steps from %d "
                "are trained again",
                reached,
                step,
            )

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
                f"{data.flag}: other images or labels than in "
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
            described = read_json(file)
            shape, classes = described["image_shape"], described.get("num_classes", 0)
            if not shape or not all(type(n) is int and n > 0 for n in (*shape, classes + 1)):
                raise ValueError(f"image_shape {shape}, num_classes {classes}")
            described.setdefault("name", "")
            for key, (kind, of) in _DATA_KINDS.items():
                value = described.get(key, kind())
                parts = value.values() if isinstance(value, dict) else value
                if not isinstance(value, kind) or not all(isinstance(part, of) for part in parts):
                    raise ValueError(f"{key} {str(value)[:40]}")
            return described
        except NONSENSE as error:
            raise unusable(file, error) from None

    def read_json(self, name: str) -> dict[str, Any]:
        """What a JSON file of the run holds; nothing if it isn't there.

        Raises:
          RunFolderError: if it can't be read, or something in it is of another type.
        """
        file = self.path / name
        try:
            content = read_json(file)
            for key, kinds in _KINDS.items():
                if key in content and not isinstance(content[key], kinds):
                    raise ValueError(f"{key} is {str(content[key])[:40]}")
            numbers = (*content.get("metrics", {}).values(), *_steps_of(content))
            for number in numbers:
                if not isinstance(number, (int, float, type(None))):
                    raise ValueError(f"{str(number)[:40]!r} is no number")
            return content
        except FileNotFoundError:
            return {}
        except NONSENSE as error:
            raise unusable(file, error) from None

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


def _steps_of(content: Mapping[str, Any]) -> list[Any]:
    """The steps of a provenance.json: its own and those of earlier sessions."""
    return [content.get("step"), *(session["step"] for session in content.get("earlier", []))]


def identity(settings: Settings, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a run is known by: all settings that change it, and its training images.

    Not the number of epochs, which may grow, nor where the data lies.

    Args:
      settings: of the run.
      data: as `ImageData.describe` says it.
    """
    known = flatten(settings, only_changing_run=True)
    for flag in ("epochs", "dataset"):
        known.pop(flag, None)
    return known | {key: data[key] for key in ("sha256_of_train",) if key in data}
