"""Keeps the small files and the pictures of finished runs, with a page that shows them.

It imports no TensorFlow.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

from aae_tf import experiments
from aae_tf.errors import RunFolderError
from aae_tf.results.groups import Group, groups_below, measures_of
from aae_tf.results.provenance import short_commit
from aae_tf.results.tables import markdown, mean_and_error, paper_text
from aae_tf.settings import PLACES
from aae_tf.utils import write_aside, write_json

KEPT = (
    "settings.json",
    "run.flags",
    "data.json",
    "metrics.csv",
    "categories.csv",
    "begun.json",
    "result.json",
)
# Of the table; they are in result.json.
LEFT_OUT = ("mmd", "empty_region", "mean_error", "covariance_error")


def record(runs: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """Copies every finished run below a folder to `target`, and writes `target`/README.md.

    Checkpoints and TensorBoard logs stay behind, and of runs that differ in the seed alone the
    pictures of all but the first. Runs that were kept there before stay.

    Args:
      runs: where to look for result.json files.
      target: a folder of results, made if need be; each run goes to a folder of its own name, that
        of one of several seeds to one named after the folder above too.

    Returns:
      The page.

    Raises:
      RunFolderError: if there is no finished run, two would go to the same folder, or one can't be
        read; nothing has been written then.
    """
    found = sorted(file.parent for file in runs.rglob("result.json"))
    if not found:
        raise RunFolderError(f"--run_dir={runs}: holds no result.json, in no folder below either")
    _check_names(found)
    groups_below(runs)  # which can be read, then; so what was kept before must be
    groups_below(target)
    for kept in target.glob("*/result.json"):
        _origin(kept.parent)
    origins = {run: _origin(run) for run in found}
    alike = {run: _all_but_seed(run) for run in found}
    pictured: set[str] = set()
    for run in sorted(found, key=lambda run: (_read(run / "result.json").get("seed", 0), run)):
        kept = target / _name_of(run)
        kept.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            if (run / name).exists():
                write_aside(kept / name, _without_places(name, (run / name).read_bytes()))
        is_first = alike[run] not in pictured
        pictured.add(alike[run])
        for name in experiments.find(_read(run / "result.json")["experiment"]).pictures:
            for picture in (run / "figures" / f"{name}.png", run / f"{name}.png"):
                if is_first and picture.exists():
                    _copy(picture, kept / picture.name)
        write_json(kept / "provenance.json", origins[run])
    written = target / "README.md"
    write_aside(written, page(target))
    return written


def _origin(run: pathlib.Path) -> dict[str, Any]:
    """What is kept of a run's provenance.json, or was."""
    file = run / "provenance.json"
    where = _read(file)
    try:
        machine = where["machine"]
        if isinstance(machine, str):  # kept before
            machine = {"processor": machine, "cores": where["cores"]}
        sessions = where.get("earlier", [])
        earlier = [{**session, "date": session["date"][:10]} for session in sessions]
        return {
            "commit": where["commit"],
            "date": where["date"][:10],
            "machine": machine["processor"],
            "cores": machine["cores"],
            "python": where["python"],
            "packages": where["packages"],
            "state_sha256": where["state_sha256"],
            **({"earlier": earlier} if earlier else {}),
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise RunFolderError(f"{file} can't be used ({error!r})") from None


def _name_of(run: pathlib.Path) -> str:
    """What a run is called among others: the runs of --seeds are all called seed_N."""
    run = run.absolute()
    return f"{run.parent.name}_{run.name}" if re.fullmatch(r"seed_\d+", run.name) else run.name


def _check_names(runs: list[pathlib.Path]) -> None:
    places: dict[str, pathlib.Path] = {}
    for run in runs:
        other = places.setdefault(_name_of(run), run)
        if other != run:
            raise RunFolderError(
                f"{other} and {run} would both be kept as {_name_of(run)}; expected other names"
            )


def _without_places(name: str, content: bytes) -> bytes:
    """The file without the folders of the machine that it ran on."""
    if name == "settings.json":
        settings = json.loads(content)
        settings.update({flag: "" for flag in PLACES if flag in settings})
        return (json.dumps(settings, indent=2) + "\n").encode()
    if name == "result.json" and "evaluation" in (result := json.loads(content)):
        weights = pathlib.PurePath(result["evaluation"].get("inception_weights", "")).name
        result["evaluation"]["inception_weights"] = weights
        return (json.dumps(result, indent=2) + "\n").encode()
    if name == "run.flags":
        lines = content.decode().splitlines(keepends=True)
        places = tuple(f"--{flag}=" for flag in PLACES)
        return "".join(line for line in lines if not line.startswith(places)).encode()
    return content


def _all_but_seed(run: pathlib.Path) -> str:
    """What runs share that differ in the seed alone."""
    settings = _read(run / "settings.json")
    return json.dumps({**settings, "seed": None}, sort_keys=True)


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    write_aside(target, source.read_bytes())


def _read(file: pathlib.Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{file} can't be used ({error})") from None


def page(target: pathlib.Path) -> str:
    """The page of all runs kept in a folder, one section for each experiment."""
    runs = [file.parent for file in sorted(target.glob("*/result.json"))]
    by_experiment: dict[str, list[pathlib.Path]] = {}
    for run in runs:
        by_experiment.setdefault(_read(run / "result.json")["experiment"], []).append(run)
    groups = [group for group in groups_below(target) if len(group.results) > 1]
    over_seeds = (
        " Runs that share all settings but the seed are followed by their mean ± standard error "
        "(number of runs)."
    )
    parts = [
        "# Recorded runs\n\nWritten by `run_experiment.py --mode=report --run_dir=RUNS "
        "--report_dir=DIR`. All numbers are on test images; a run is repeated by "
        "`run_experiment.py --flagfile=RUN/run.flags`, and its folder here also holds its "
        f"metrics.csv, settings and provenance.{over_seeds if groups else ''}\n"
    ]
    for name in experiments.CATALOGUE:
        if name in by_experiment:
            own = [group for group in groups if group.experiment == name]
            parts.append(_section(name, by_experiment[name], own))
    return "\n".join(parts)


def _section(name: str, runs: list[pathlib.Path], groups: list[Group]) -> str:
    results = [_read(run / "result.json") for run in runs]
    names = [
        key
        for key in measures_of(results)
        if not key.endswith(("_of_prior", "_of_data")) and key not in LEFT_OUT
    ]
    papers = any(result["paper"] for result in results)
    head = ["run", "epochs", "seed", *names, *(["paper"] if papers else []), "minutes", "commit"]
    rows = []
    for run, result in zip(runs, results, strict=True):
        numbers = [result["metrics"].get(f"test/{key}") for key in names]
        cells = ["" if value is None else mean_and_error([value]) for value in numbers]
        if papers:
            cells.append(paper_text(result["paper"]))
        origin = _read(run / "provenance.json")
        link, minutes = f"[{run.name}]({run.name})", f"{result['wall_seconds'] / 60:.1f}"
        rows.append(
            [
                link,
                f"{result['epochs']:g}",
                str(result["seed"]),
                *cells,
                minutes,
                f"{short_commit(origin['commit'])}, {origin['date']}",
            ]
        )
    rows += [_over_seeds(group, names, papers) for group in groups]
    table = markdown(head, rows)
    pictures = [
        f"![{run.name}: {picture.stem}]({run.name}/{picture.name})"
        for run in runs
        for picture in sorted(run.glob("*.png"))
    ]
    machines = "; ".join(dict.fromkeys(_machine(run) for run in runs))
    about = experiments.find(name).reproduces
    return f"## {name}\n\n{about}. Run on {machines}.\n\n{table}\n\n" + "\n".join(pictures) + "\n"


def _machine(run: pathlib.Path) -> str:
    origin = _read(run / "provenance.json")
    cores = "1 core" if origin["cores"] == 1 else f"{origin['cores']} cores"
    return f"{cores} of {origin['machine']}, Python {origin['python']}"


def _over_seeds(group: Group, names: list[str], papers: bool) -> list[str]:
    """The row of runs that share all settings but the seed."""
    shown = ", ".join(part for part in (group.recipe, group.told) if part)
    seeds = ", ".join(map(str, group.seeds))
    cells = [mean_and_error(group.values(name)) for name in names]
    if papers:
        cells.append(group.paper)
    minutes = mean_and_error(group.minutes, 2)
    return [f"**mean** ({shown})", f"{group.epochs:g}", seeds, *cells, minutes, ""]
