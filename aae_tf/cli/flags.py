"""The flags: what the door itself takes, one for each setting, and how they are read."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Mapping, Sequence

from absl import flags

from aae_tf import experiments
from aae_tf.errors import SettingsError, UserError
from aae_tf.results.report import FORMATS
from aae_tf.serving.convert import FORMATS as CONVERT_FORMATS
from aae_tf.settings import describe, flatten

MODES = (
    "train",
    "evaluate",
    "export",
    "convert",
    "compare",
    "report",
    "search",
    "explore",
    "predict",
    "list",
)
DOOR = "What to do"
PREDICT = "Predictions (--mode=predict)"


def define() -> tuple[flags.FlagValues, dict[str, list[tuple[str, str]]]]:
    """All flags, and for the help page each group's (flag, help) pairs."""
    values = flags.FlagValues()
    page: dict[str, list[tuple[str, str]]] = {DOOR: []}

    def note(group, name, text):
        page.setdefault(group, []).append((name, text))

    def string(name, default, text, shown):
        flags.DEFINE_string(name, default, text, flag_values=values)
        note(DOOR, f"--{name}={shown}", text)

    string(
        "mode",
        "train",
        "train (then evaluate, draw and export), evaluate (flags of the group Evaluation count), "
        "export, convert (a SavedModel to other formats), compare (draw and tabulate several runs "
        "side by side), report (a table of the runs below run_dir, over seeds), search (for good "
        "settings, by validation images), explore (a page to move over the codes of a model), "
        "predict (what a model, behind a server or not, makes of your files), or list the "
        "experiments",
        "{" + ",".join(MODES) + "}",
    )
    string("experiment", None, "one of " + ", ".join(experiments.CATALOGUE), "NAME")
    string(
        "recipe",
        None,
        "; ".join(f"{recipe}: {text}" for recipe, text in experiments.RECIPES.items()),
        "RECIPE",
    )
    string(
        "run_dir",
        None,
        "folder of the run (default: runs/EXPERIMENT/DATE-TIME); the same "
        "command with the same folder resumes",
        "DIR",
    )
    string(
        "seeds",
        None,
        "train several seeds one after another, in run_dir/seed_N; finished ones are passed over, "
        "the first one is exported (with --best_after the best)",
        "N,N,...",
    )
    flags.DEFINE_integer("best_after", None, "", flag_values=values)
    note(
        DOOR,
        "--best_after=EPOCHS",
        "with --seeds: train each so many epochs, and only the best of them to the end, by --score",
    )
    string(
        "export_dir",
        "saved_models",
        "where SavedModels go, as EXPERIMENT/VERSION; empty for no export",
        "DIR",
    )
    string(
        "model",
        None,
        "SavedModel for --mode=convert, explore, and predict without a server: MODEL or "
        "MODEL/VERSION",
        "DIR",
    )
    string("format", None, "that --mode=convert writes", "{" + ",".join(CONVERT_FORMATS) + "}")
    string(
        "output",
        None,
        "new folder for what --mode=convert writes; for predict a folder for images, and for "
        "numbers a CSV (default: print it); .npz takes all",
        "PATH",
    )
    string(
        "signatures",
        None,
        "which of them --mode=convert takes (default: all but sample)",
        "NAME,NAME,...",
    )
    string("runs", None, "folders of the runs that --mode=compare puts into run_dir", "DIR,DIR,...")
    string(
        "report_dir",
        None,
        "where --mode=report also keeps small files and pictures of the runs, with a page",
        "DIR",
    )
    string(
        "report_format",
        "markdown",
        "of the table that --mode=report prints",
        "{" + ",".join(FORMATS) + "}",
    )
    string(
        "report_measures",
        None,
        "which measures that table shows, in this order (default: all)",
        "NAME,NAME,...",
    )
    string(
        "space",
        None,
        "file for --mode=search that says what flags may be; see flags/search",
        "FILE",
    )
    flags.DEFINE_integer("trials", 20, "", flag_values=values)
    note(DOOR, "--trials=N", "how many settings --mode=search tries [20]")
    string(
        "score",
        None,
        "measure on validation images that --mode=search and --best_after go by",
        "NAME",
    )
    string(
        "halving",
        None,
        "epochs after which --mode=search first compares trials, and one in how many goes on; or "
        "off (default: a ninth of the epochs, and 3)",
        "N,N",
    )
    string("host", "127.0.0.1", "where --mode=explore listens; by default for this machine", "NAME")
    flags.DEFINE_integer("port", 8080, "of that page; 0 for a free one", flag_values=values)
    note(DOOR, "--port=N", "of that page; 0 for a free one [8080]")
    note(DOOR, "--flagfile=FILE", "read flags from a file, one on a line; see flags/")
    flags.DEFINE_bool("help", False, "show this page", short_name="h", flag_values=values)
    note(DOOR, "--help", "show this page")
    _define_predict(values, note)

    kinds = {
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        bool: flags.DEFINE_bool,
    }
    for setting in describe():
        kinds.get(setting.type, flags.DEFINE_string)(
            setting.flag, None, setting.help, flag_values=values
        )
        if setting.type is bool:
            shown = f"--[no]{setting.flag}"
        elif setting.choices:
            shown = f"--{setting.flag}={{{','.join(setting.choices)}}}"
        else:
            kind = {int: "N", float: "X", tuple: "N,N,..."}.get(setting.type, "TEXT")
            shown = f"--{setting.flag}={kind}"
        note(setting.group, shown, f"{setting.help} [{default_of(setting.flag)}]")
    return values, page


def _define_predict(values: flags.FlagValues, note) -> None:
    """The flags of --mode=predict alone."""
    string, integer, number = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_float
    for define_one, name, default, shown, text in (
        (
            string,
            "server",
            None,
            "ADDRESS",
            "HOST:PORT for gRPC (needs the extra 'client'), "
            "http://HOST:PORT or https://HOST:PORT for REST; without a server give --model",
        ),
        (string, "model_name", None, "NAME", "of the model at the server"),
        (integer, "model_version", None, "N", "version at the server (default: the newest)"),
        (string, "model_label", None, "LABEL", "instead of a version: canary or stable"),
        (string, "signature", "", "NAME", "what to ask; without it you are told which there are"),
        (
            string,
            "input",
            None,
            "PATH",
            "PNG or JPEG, a folder of them, .npy, .npz with arrays "
            "called as the signature's inputs, or .csv as encode writes it; none for sample",
        ),
        (integer, "count", 100, "N", "how many sample draws; with --seed"),
        (integer, "predict_batch_size", 100, "N", "inputs in one request, at most"),
        (number, "timeout", 10.0, "SECONDS", "for one request"),
        (integer, "retries", 3, "N", "further attempts where no server answers"),
    ):
        define_one(name, default, text, flag_values=values)
        default_shown = "" if default in (None, "") else f" [{default:g}]"
        note(PREDICT, f"--{name}={shown}", text + default_shown)


def given(values: flags.FlagValues) -> dict[str, object]:
    """The settings that flags or flagfiles gave."""
    return {s.flag: values[s.flag].value for s in describe() if values[s.flag].present}


def parse(values: flags.FlagValues, argv: list[str]) -> None:
    try:
        left = values(argv)[1:]
    except flags.Error as error:
        raise UsageError(f"{error}; see --help") from None
    except UnicodeDecodeError:
        files = " ".join(part for part in argv if "flagfile" in part)
        raise UsageError(f"{files}: expected a text file in UTF-8") from None
    if left:
        raise UsageError(f"{left[0]}: expected flags only, as --name=value; see --help")
    if values.mode not in MODES:
        raise SettingsError("mode", values.mode, "one of " + ", ".join(MODES))
    if values.seeds is not None:
        if values.mode != "train":
            raise SettingsError("seeds", values.seeds, "--mode=train beside it")
        # One in a flagfile, such as a run's own, gives way.
        if any(re.fullmatch(r"--?seed(=.*)?", part, re.DOTALL) for part in argv[1:]):
            raise SettingsError("seeds", values.seeds, "no --seed beside it")
    elif values.best_after is not None:
        raise SettingsError("best_after", values.best_after, "two --seeds or more beside it")
    if values.report_format not in FORMATS:
        raise SettingsError("report_format", values.report_format, "one of " + ", ".join(FORMATS))


class UsageError(UserError):
    """The command line can't be understood."""

    exit_status = 2


USAGE = """\
usage: run_experiment.py [--experiment=NAME] [--flagfile=FILE] [--FLAG=VALUE ...]

Trains an autoencoder (AAE, WAE or VAE), evaluates it, draws what it learned and exports it. A flag
that isn't given has the value of the experiment's recipe; [brackets] show it where all recipes
agree.
"""
FLAG_WIDTH, HELP_WIDTH = 34, 62


def render_help(page: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """The help page from each group's (flag, help) pairs."""
    lines = [USAGE]
    for group, entries in page.items():
        lines.append(f"{group}:")
        for flag, text in entries:
            wrapped = textwrap.wrap(text, HELP_WIDTH)
            if len(flag) > FLAG_WIDTH:
                lines.append(f"  {flag}")
            else:
                lines.append(f"  {flag:<{FLAG_WIDTH}}  {wrapped.pop(0)}")
            lines += [" " * (FLAG_WIDTH + 4) + line for line in wrapped]
        lines.append("")
    return "\n".join(lines)


def default_of(flag: str) -> str:
    """The value that all recipes of all experiments give a flag, or that they differ."""
    values = {str(flat[flag]) for flat in _recipes() if flag in flat}
    if len(values) != 1:
        return "by recipe"
    return values.pop() or "none"


@functools.cache
def _recipes() -> list[dict[str, object]]:
    everything = experiments.CATALOGUE.values()
    return [flatten(settings) for e in everything for settings in e.recipes.values()]


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
