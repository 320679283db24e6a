"""What the command line writes: tables, notes, and commands to continue with."""

from __future__ import annotations

import logging
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from aae_tf import experiments
from aae_tf.experiments import command
from aae_tf.results.metrics import is_beside
from aae_tf.results.tables import Table
from aae_tf.settings import Settings, own_functions, without_effect
from aae_tf.utils import printable, quoted, terminal_width

logger = logging.getLogger(__name__)


def log_without_effect(given: Mapping[str, Any], usual: Settings, settings: Settings) -> None:
    """Notes which of the flags given change nothing, and what they would need."""
    for flag, needed in without_effect(given, usual, settings):
        logger.info("note: --%s has no effect here; it counts with %s", flag, needed)


def as_expected(said: str) -> str:
    """What absl says of a value that is no number, in the words of all other errors."""
    flag, is_whole, _ = said.partition(": invalid literal for int() with base ")
    if not is_whole:
        flag, is_number, _ = said.partition(": could not convert string to float: ")
        if not is_number:
            return said
    return f"{flag.removeprefix('flag ')}: expected {'a whole' if is_whole else 'a'} number"


def catalogue() -> str:
    """The tables of the experiments, their recipes and the flagfiles, as wide as the terminal."""
    entries = experiments.CATALOGUE.values()
    tables = (
        Table(
            ("experiment", "reproduces", "data", "expected time (2 cores)"),
            [(e.name, e.reproduces, e.data, e.expected_time) for e in entries],
        ),
        Table(
            ("recipe", "what it is", "experiments"),
            [
                (recipe, text, _names([e.name for e in entries if recipe in e.recipes]))
                for recipe, text in experiments.RECIPES.items()
            ],
        ),
        Table(
            ("flagfile", "what it is"),
            [
                (str(file.relative_to(command.FLAGFILES)), _first_line(file))
                for file in sorted(command.FLAGFILES.rglob("*.flags"))
            ],
        ),
    )
    return "\n\n".join(table.text(terminal_width()) for table in tables)


def _names(names: list[str]) -> str:
    return "all" if len(names) == len(experiments.CATALOGUE) else ", ".join(names)


def _first_line(flagfile: pathlib.Path) -> str:
    """What a flagfile's head says that it is."""
    with open(flagfile, encoding="utf-8") as file:
        return file.readline().strip("# \n")


def format_metrics(metrics: Mapping[str, float]) -> str:
    """The metrics, each beside that of the prior's samples or of real images, where it is known."""
    columns = {
        "validation": "validation/{}",
        "test": "test/{}",
        "prior itself": "test/{}_of_prior",
        "data itself": "test/{}_of_data",
    }
    if not any(key.endswith("_of_data") for key in metrics):
        del columns["data itself"]
    names = dict.fromkeys(key.partition("/")[2] for key in metrics if not is_beside(key))
    rows = []
    for name in names:
        values = [metrics.get(key.format(name)) for key in columns.values()]
        rows.append([name, *("" if value is None else f"{value:.5g}" for value in values)])
    return Table(["metric", *columns], rows, right=columns).text()


def this_program() -> tuple[str, pathlib.Path]:
    """How to call this program and its neighbours again: (command, folder of scripts)."""
    scripts = pathlib.Path(sys.executable).parent
    if scripts.is_relative_to(pathlib.Path.cwd()):
        scripts = scripts.relative_to(pathlib.Path.cwd())
    if pathlib.Path(sys.argv[0]).name == "run_experiment.py":
        python = scripts / pathlib.Path(sys.executable).name
        return f"{quoted(python)} {quoted(sys.argv[0])}", scripts
    return quoted(scripts / "aae-tf"), scripts  # also in a notebook, which is another program


def command_again(run_dir: pathlib.Path, settings: Settings, values) -> str:
    """The command that continues with a run."""
    program, _ = this_program()
    command = [f"--run_dir={run_dir}"]
    if values.export_dir != "saved_models":
        command.append(f"--export_dir={values.export_dir}")
    if values.model_name is not None:
        command.append(f"--model_name={values.model_name}")
    # Given again, the user's own functions need no --trust_run.
    command += [f"--{flag}={function}" for flag, function in own_functions(settings).items()]
    return " ".join([program, *map(quoted, command)])


def next_steps(outcome, run_dir: pathlib.Path) -> str:
    """What a run left, and what can be done with it next, within the terminal's width."""
    program, scripts = this_program()
    folder, model = quoted(run_dir), outcome.saved_model
    left = {
        "figures": run_dir / "figures",
        "results": run_dir / "result.json",
        "SavedModel": model or "none",
    }
    commands = {}
    if model is not None:
        at = f"--model={quoted(model.parent)}"
        commands["explore"] = [program, "--mode=explore", at]
        commands["predict"] = [f"{program} --mode=predict {at}", "--signature=encode --input=FILES"]
    commands["watch"] = [quoted(scripts / "tensorboard"), f"--logdir={folder}"]
    commands["evaluate"] = [program, "--mode=evaluate", f"--run_dir={folder}"]
    if model is None:
        commands["export"] = [program, "--mode=export", f"--run_dir={folder}"]
    else:
        name, inside = model.parent.name, f"/models/{model.parent.name}"
        commands["serve"] = [
            "docker run -p 8501:8501",
            f"-v {quoted(f'{model.parent.resolve()}:{inside}')}",
            f"-e {quoted(f'MODEL_NAME={name}')} tensorflow/serving",
        ]
    lines = [f"{name + ':':<12}{printable(path)}" for name, path in left.items()]
    return "\n" + "\n".join([*lines, "", _next(commands)])


def next_steps_of_seeds(run_dir: pathlib.Path, model: pathlib.Path | None, runs) -> str:
    """What can be done next with runs of several seeds.

    Args:
      run_dir: the folder above the runs.
      model: folder of their SavedModels' versions; None where nothing is exported.
      runs: their folders.
    """
    program, scripts = this_program()
    folder, commands = quoted(run_dir), {}
    if model is not None:
        commands["explore"] = [program, "--mode=explore", f"--model={quoted(model)}"]
    commands["watch"] = [quoted(scripts / "tensorboard"), f"--logdir={folder}"]
    commands["report"] = [program, "--mode=report", f"--run_dir={folder}"]
    if len(runs) > 1:
        listed = quoted(f"--runs={','.join(map(str, runs))}")
        target = quoted(f"--run_dir={run_dir / 'compared'}")
        commands["compare"] = [program, "--mode=compare", listed, target]
    return "\n" + _next(commands)


def _next(commands: Mapping[str, list[str]]) -> str:
    return "\n".join(["next:", *(_within(name, parts) for name, parts in commands.items())])


def _within(name: str, parts: list[str]) -> str:
    """A command that can be pasted, continued below where it is wider than the terminal."""
    line = f"  {name:<9} " + " ".join(parts)
    if len(line) <= terminal_width():
        return line
    return f"  {name:<9} " + " \\\n              ".join(parts)
