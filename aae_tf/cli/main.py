"""The command line: parses flags, makes settings of them and starts a mode.

TensorFlow is imported once the flags are known to be right, so that `--help`, `--mode=list` and
mistakes answer at once.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import pathlib
import shlex
import signal
import sys
from collections.abc import Iterator

from absl.flags import FlagValues

from aae_tf import experiments
from aae_tf.cli import flags, modes
from aae_tf.cli.messages import (
    command_again,
    farewell,
    metrics_table,
    say,
    say_without_effect,
    this_program,
)
from aae_tf.errors import SettingsError, UserError
from aae_tf.experiments import command
from aae_tf.runs.quiet_import import import_runner
from aae_tf.settings import Settings, flatten, override


def main(argv: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
      argv: program name and flags; by default the process's.

    Returns:
      Exit status: 0; 1 if something given can't be used or training diverged; 2 for a wrong flag;
      128 and the signal's number if a signal stopped the run.
    """
    values, page = flags.define()
    try:
        flags.parse(values, sys.argv if argv is None else argv)
        if values.help:
            say(flags.render_help(page))
            return 0
        if values.mode == "list":
            say(flags.catalogue())
            return 0
        sys.path.append(os.getcwd())  # where a user's own prior may lie
        with _sigterm_interrupts():
            return _run(values)
    except KeyboardInterrupt as interruption:
        print("error: interrupted", file=sys.stderr)
        return 128 + (interruption.args[0] if interruption.args else signal.SIGINT)
    except BrokenPipeError:  # nobody reads on, as with `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Lets SIGTERM end what runs as Ctrl-C does: what writes at an interruption writes then too.

    Training, of which either makes a last checkpoint, has handlers of its own.
    """

    def interrupt(number, frame):
        del frame
        raise KeyboardInterrupt(number)

    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL:  # a program around this one has its own way
        yield
        return
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(values: FlagValues) -> int:
    if values.mode == "explore":
        return modes.explore(values)
    if values.mode == "convert":
        return modes.convert(values)
    if values.mode == "predict":
        return modes.predict(values)
    if values.mode not in ("train", "search"):
        return modes.revisit(values)
    if values.experiment is None:
        expected = "one of " + ", ".join(experiments.CATALOGUE)
        raise SettingsError("experiment", "", expected)
    usual = experiments.settings_of(values.experiment, values.recipe)
    given = flags.given(values)
    settings = override(usual, given)
    if values.mode == "search":
        return _search(values, settings)
    say_without_effect(given, usual, settings)
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    run_dir = pathlib.Path(values.run_dir or f"runs/{settings.experiment}/{stamp}")
    export_dir = pathlib.Path(values.export_dir) if values.export_dir else None
    if values.seeds is not None:
        return _train_seeds(values, settings, run_dir, export_dir)

    runner = import_runner()
    outcome = runner.train(settings, run_dir, export_dir, say)
    if outcome.signal:
        say(f"stopped; resume with:\n  {command_again(run_dir, values)}")
        return 128 + outcome.signal
    say(metrics_table(outcome.metrics))
    say(farewell(outcome, settings, run_dir, values))
    return 0


def _train_seeds(values, settings: Settings, run_dir: pathlib.Path, export_dir) -> int:
    from aae_tf.sweep import seeds

    seeds = seeds.parse_seeds(values.seeds)
    beginning = seeds.read_restarts(values.best_after, values.score, seeds, settings)
    runs = seeds.plan(settings, seeds, run_dir, export_dir)
    status = seeds.train(runs, say, beginning)
    if status > 128:
        program, _ = this_program()
        again = [
            *command.flags_of(flatten(settings), leave_out=("seed",)),
            f"--seeds={values.seeds}",
            f"--run_dir={run_dir}",
        ]
        if beginning is not None:
            again += [f"--best_after={beginning.epochs}", f"--score={beginning.score}"]
        if values.export_dir != "saved_models":
            again.append(f"--export_dir={values.export_dir}")
        say(f"stopped; resume with:\n  {program} {shlex.join(again)}")
    return status


def _search(values: FlagValues, settings: Settings) -> int:
    for name, expected in (
        ("space", "a file that says what flags may be"),
        ("score", "a measure on validation images"),
    ):
        if not values[name].value:
            raise SettingsError(name, "", f"{expected}, for --mode=search")
    from aae_tf.sweep import plan, results, space, study

    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    search = plan.Search(
        settings,
        space.read(pathlib.Path(values.space), settings),
        values.trials,
        values.score,
        plan.parse_halving(values.halving, settings.training.epochs),
        pathlib.Path(values.run_dir or f"runs/{settings.experiment}/search-{stamp}"),
    )
    plan.check(search)
    status, (program, _) = study.run(search, say), this_program()
    if status:
        again = [
            *command.flags_of(flatten(settings)),
            "--mode=search",
            f"--space={values.space}",
            f"--score={values.score}",
            f"--trials={values.trials}",
            *([f"--halving={values.halving}"] if values.halving else []),
            f"--run_dir={search.folder}",
        ]
        say(f"stopped; resume with:\n  {program} {shlex.join(again)}")
        return status
    say("\n" + (search.folder / results.TABLE).read_text().rstrip())
    best = search.folder / results.BEST
    if best.exists():
        again = f"{program} --flagfile={shlex.quote(str(best))}"
        say(f"\nthe best one again, and on test images:\n  {again}")
    return 0
