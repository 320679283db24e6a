"""Finished runs, read from their folders or from records of them: a line of runs.jsonl each.

It imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from aae_tf.errors import NONSENSE, RunFolderError, UserError, unusable
from aae_tf.experiments import settings_of
from aae_tf.results.tables import paper_text
from aae_tf.settings import PLACES, complete
from aae_tf.utils import make_folder, read_json, read_text, write_aside

RECORDS = "runs.jsonl"
MOST_BYTES = 2**28  # of it
IN_RESULT = ("experiment", "recipe", "seed")  # settings that a result has as well


@dataclasses.dataclass(frozen=True)
class Restarts:
    """Runs of several seeds, of which the best continued; what a begun.json holds.

    Args:
      seeds: of all that were begun.
      epochs: after which they were compared.
      score: the metric on validation images by which they were.
      scores: by seed, null for a run that diverged.
    """

    seeds: tuple[int, ...]
    epochs: int
    score: str
    scores: Mapping[str, float | None] = dataclasses.field(compare=False, repr=False)

    @property
    def settings(self) -> dict[str, Any]:
        """What sets a run that was chosen so apart from others, by name."""
        return {"best_of": len(self.seeds), "best_after": self.epochs, "score": self.score}

    @property
    def flags(self) -> list[str]:
        """What chooses the same run again."""
        listed = ",".join(map(str, self.seeds))
        return [f"--seeds={listed}", f"--best_after={self.epochs}", f"--score={self.score}"]


def read_restarts(content: Mapping[str, Any], seed: int) -> Restarts:
    """Takes the content of a begun.json.

    Args:
      content: what it holds.
      seed: of the run beside it.

    Raises:
      ValueError: if it isn't what a choice among restarts leaves beside the best one.
    """
    epochs, score, scores = (content.get(key) for key in ("epochs", "score", "scores"))
    if type(epochs) is not int or epochs < 1:
        raise ValueError(f"begun.json: epochs is {epochs}")
    if not isinstance(score, str):
        raise ValueError(f"begun.json: score is {score}")
    seeds = list(scores) if isinstance(scores, dict) else []
    if len(seeds) < 2 or str(seed) not in seeds or not all(map(str.isdecimal, seeds)):
        raise ValueError(f"begun.json: scores are {scores}")
    return Restarts(tuple(map(int, seeds)), epochs, score, scores)


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
      folder: where it lies, or lay beside its record.
      result: what its result.json holds.
      settings: by flag name, as `flatten` gives them; empty where they aren't known.
      provenance: what its provenance.json holds; empty without one.
      restarts: of which it was the best, where it was chosen so.
    """

    folder: pathlib.Path
    result: Mapping[str, Any]
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    restarts: Restarts | None = None

    @property
    def commits(self) -> list[str]:
        """Of the programs that trained it, in their order; 'unknown' if nothing says so."""
        sessions = [*self.provenance.get("earlier", []), {"commit": "unknown", **self.provenance}]
        return list(dict.fromkeys(session["commit"] for session in sessions))


def runs_below(path: pathlib.Path) -> list[Run]:
    """The runs of every result.json and runs.jsonl below a folder, in the order of their folders.

    Args:
      path: the folder, or a file of records. A run's folder counts for more than its record.

    Raises:
      RunFolderError: if one can't be read.
    """
    files = [path] if path.is_file() else path.rglob(RECORDS)
    runs = {run.folder: run for file in files for run in _runs_of_records(file)}
    runs |= {file.parent: _run_of_folder(file) for file in path.rglob("result.json")}
    return [runs[folder] for folder in sorted(runs)]


def record(folder: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """Writes every finished run below a folder to `target`/runs.jsonl, a line each.

    Runs that were recorded there before stay; one of the same name is replaced.

    Args:
      folder: where to look for runs.
      target: a folder, made if need be. A run is called there as its folder; one of --seeds, whose
        folder is seed_N, after the folder above too; a run below it by its path.

    Returns:
      The file of records.

    Raises:
      RunFolderError: if there is no finished run, two have one name, or one can't be read; nothing
        has been written then.
    """
    runs = runs_below(folder)
    if not runs:
        raise RunFolderError(f"--run_dir={folder}: holds no result.json, in no folder below either")
    file, lines = target / RECORDS, {}
    if file.exists():
        runs_below(file)  # which can be read, then
        lines = {json.loads(line)["run"]: line for line in read_text(file, MOST_BYTES).splitlines()}
    named: dict[str, pathlib.Path] = {}
    for run in runs:
        other = named.setdefault(name := _name_of(run.folder, target), run.folder)
        if other != run.folder:
            raise RunFolderError(
                f"{other} and {run.folder} would both be recorded as {name}; expected other names"
            )
        lines[name] = record_line(name, run)
    make_folder(target)
    write_aside(file, "".join(f"{line}\n" for line in lines.values()))
    return file


def record_line(name: str, run: Run) -> str:
    """A run as a line of a file of records, without the folders of the machine that it ran on.

    Of the settings it has those that differ from their defaults, which no recipe changes.
    """
    result = dict(run.result)
    if "evaluation" in result:
        weights = pathlib.PurePath(result["evaluation"].get("inception_weights", "")).name
        result["evaluation"] = {**result["evaluation"], "inception_weights": weights}
    content = {"run": name, **result, "settings": None, "provenance": _recorded_provenance(run)}
    if run.settings:
        usual = complete({}, settings_of(result["experiment"], result["recipe"]))
        content["settings"] = {
            flag: pathlib.PurePath(value).name if _is_place(value) else value
            for flag, value in run.settings.items()
            if flag not in (*IN_RESULT, *PLACES) and value != usual.get(flag)
        }
    if run.restarts:
        content["restarts"] = {
            name: getattr(run.restarts, name) for name in ("epochs", "score", "scores")
        }
    return json.dumps(content)


def _is_place(value: Any) -> bool:
    """Whether a setting says where a file or folder of one machine is."""
    return isinstance(value, str) and value.startswith(("/", "~/"))


def _recorded_provenance(run: Run) -> dict[str, Any]:
    """What a record has of a run's provenance.json."""
    where = run.provenance
    try:
        machine = where["machine"]
        if isinstance(machine, str):  # of a record
            machine = {"processor": machine, "cores": where["cores"]}
        sessions = [{**s, "date": s["date"][:10]} for s in where.get("earlier", [])]
        return {
            "commit": where["commit"],
            "date": where["date"][:10],
            "machine": machine["processor"],
            "cores": machine["cores"],
            "python": where["python"],
            "packages": where["packages"],
            **{key: where[key] for key in ("step", "sha256_of_train") if key in where},
            "state_sha256": where["state_sha256"],
            **({"earlier": sessions} if sessions else {}),
        }
    except (KeyError, TypeError, AttributeError) as error:
        file = run.folder / "provenance.json"
        raise RunFolderError(f"{file} can't be used ({error!r})") from None


def _name_of(folder: pathlib.Path, target: pathlib.Path) -> str:
    """What a run is called in the records of a folder: its path below it, or its folder's name."""
    folder, target = folder.absolute(), target.absolute()
    if folder.is_relative_to(target):
        return folder.relative_to(target).as_posix()
    is_seed = re.fullmatch(r"seed_\d+", folder.name)  # as all runs of --seeds are called
    return f"{folder.parent.name}_{folder.name}" if is_seed else folder.name


def _runs_of_records(file: pathlib.Path) -> list[Run]:
    runs = []
    for number, line in enumerate(read_text(file, MOST_BYTES).splitlines(), 1):
        with _naming(f"{file}, line {number},"):
            result = json.loads(line)
            folder, settings, provenance, restarts = (
                result.pop(key, None) for key in ("run", "settings", "provenance", "restarts")
            )
            if settings is not None:
                settings |= {flag: result[flag] for flag in IN_RESULT}
            runs.append(_run(file.parent / folder, result, settings, provenance, restarts))
    return runs


def _run_of_folder(file: pathlib.Path) -> Run:
    with _naming(str(file)):
        settings, provenance, restarts, data = (
            _json_beside(file, f"{name}.json")
            for name in ("settings", "provenance", "begun", "data")
        )
        if provenance and data and "sha256_of_train" in data:
            provenance["sha256_of_train"] = data["sha256_of_train"]
        return _run(file.parent, read_json(file), settings, provenance, restarts)


@contextlib.contextmanager
def _naming(source: str) -> Iterator[None]:
    """Within it an error of what a file holds becomes one that names the file."""
    try:
        yield
    except RunFolderError:
        raise
    except (*NONSENSE, UserError) as error:
        raise RunFolderError(f"{source} can't be used ({error!r})") from None


def _json_beside(file: pathlib.Path, name: str) -> dict[str, Any] | None:
    """What a JSON file beside another one holds; None if there is none."""
    beside = file.with_name(name)
    if not beside.exists():
        return None
    try:
        return read_json(beside)
    except (OSError, ValueError) as error:
        raise unusable(beside, error) from None


def _run(folder, result, settings, provenance, restarts) -> Run:
    """A run of what files hold, or one of Python's errors where a report would stumble later."""
    paper_text(result["paper"])
    pathlib.PurePath(result.get("evaluation", {}).get("inception_weights", ""))
    numbers = {"epochs": result["epochs"], "wall_seconds": result["wall_seconds"]}
    metrics = {key: value for key, value in result["metrics"].items() if value is not None}
    for key, value in (numbers | metrics).items():
        if not isinstance(value, (int, float)):
            raise TypeError(f"{key} is {value}")
    if not isinstance(result["seed"], int):
        raise TypeError(f"seed is {result['seed']}")
    for flag, value in (settings or {}).items():
        if not isinstance(value, (str, int, float)):
            raise TypeError(f"{flag} is {value}")
    if settings and not settings.keys() >= {"experiment", "recipe"}:
        raise KeyError("experiment or recipe of settings.json")
    usual = settings_of(result["experiment"], result["recipe"])
    run = Run(
        folder,
        result,
        complete(settings, usual) if settings else {},
        provenance or {},
        None if restarts is None else read_restarts(restarts, result["seed"]),
    )
    for commit in run.commits:
        if not isinstance(commit, str):
            raise TypeError(f"commit is {commit}")
    return run
