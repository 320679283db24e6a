"""What the command line writes: tables, notes, and commands to go on with."""

from __future__ import annotations

import logging
import pathlib
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from aae_tf import experiments
from aae_tf.settings import Settings, without_effect

logger = logging.getLogger(__name__)


def log_without_effect(given: Mapping[str, Any], usual: Settings, settings: Settings) -> None:
    """Notes which of the flags given change nothing, and what they would need."""
    for flag, needed in without_effect(given, usual, settings):
        logger.info("note: --%s has no effect here; it counts with %s", flag, needed)


def catalogue() -> str:
    """The table of the experiments."""
    rows = [("experiment", "reproduces", "data", "expected time (2 cores)")]
    rows += [
        (e.name, e.reproduces, e.data, e.expected_time) for e in experiments.CATALOGUE.values()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def metrics_table(metrics: dict[str, float]) -> str:
    """The metrics, each beside what the prior's or the data's own give, where that is known."""
    names = dict.fromkeys(key.partition("/")[2] for key in metrics)
    shown = [name for name in names if not name.endswith(("_of_prior", "_of_data"))]
    endings = {"_of_prior": "prior itself"}
    if any(name.endswith("_of_data") for name in names):
        endings["_of_data"] = "data itself"
    width = max(24, *(len(name) + 1 for name in shown)) if shown else 24
    heads = "".join(f"{head:>14}" for head in endings.values())
    lines = [f"{'':<{width}}{'validation':>12}{'test':>12}{heads}"]
    for name in shown:
        cells = [metrics.get(f"{split}/{name}") for split in ("validation", "test")]
        owns = [metrics.get(f"test/{name}{ending}") for ending in endings]
        line = "".join(f"{'' if cell is None else f'{cell:.5g}':>12}" for cell in cells)
        line += "".join(f"{'' if own is None else f'{own:.5g}':>14}" for own in owns)
        lines.append(f"{name:<{width}}{line}".rstrip())
    return "\n".join(lines)


def this_program() -> tuple[str, pathlib.Path]:
    """How to call this program and its neighbours again: (command, folder of scripts)."""
    scripts = pathlib.Path(sys.executable).parent
    if scripts.is_relative_to(pathlib.Path.cwd()):
        scripts = scripts.relative_to(pathlib.Path.cwd())
    if sys.argv[0].endswith(".py"):
        return f"{scripts / pathlib.Path(sys.executable).name} {shlex.quote(sys.argv[0])}", scripts
    return str(scripts / "aae-tf"), scripts


def command_again(run_dir: pathlib.Path, values) -> str:
    """The command that goes on with a run."""
    program, _ = this_program()
    flagfile = shlex.quote(str(run_dir / "run.flags"))
    command = f"{program} --flagfile={flagfile} --run_dir={shlex.quote(str(run_dir))}"
    if values.export_dir != "saved_models":
        command += f" --export_dir={shlex.quote(values.export_dir)}"
    return command


def next_steps(outcome, settings: Settings, run_dir: pathlib.Path, values) -> str:
    """What a run left, and what can be done with it next."""
    program, scripts = this_program()
    folder, model = shlex.quote(str(run_dir)), outcome.saved_model
    text = f"""
figures:       {run_dir / "figures"}
TensorBoard:   {run_dir / "train"}, {run_dir / "eval"}
checkpoint:    {run_dir / "checkpoints"}
SavedModel:    {model or "none"}
results:       {run_dir / "result.json"}, {run_dir / "metrics.csv"}

next:
  watch     {scripts}/tensorboard --logdir={folder}
  resume    {command_again(run_dir, values)}
  evaluate  {program} --mode=evaluate --run_dir={folder}"""
    if model is None:
        return f"{text}\n  export    {program} --mode=export --run_dir={folder}"
    served = shlex.quote(str(model.parent.resolve()))
    return f"""{text}
  inspect   {scripts}/saved_model_cli show --dir={shlex.quote(str(model))} --all
  serve     docker run -p 8501:8501 -v {served}:/models/{settings.experiment} \
-e MODEL_NAME={settings.experiment} tensorflow/serving"""
