"""The flags: those of the modes, and one for each setting; absl's module name is a flag's group."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence

from absl import flags

from aae_tf import experiments
from aae_tf.arrays import holds_features
from aae_tf.cli.messages import as_expected
from aae_tf.errors import SettingsError, UserError, any_of
from aae_tf.experiments import command
from aae_tf.results.report import FORMATS as REPORT_FORMATS
from aae_tf.results.run_folder import RunFolder
from aae_tf.serving.convert import FORMATS as CONVERT_FORMATS
from aae_tf.settings import Settings, describe, flatten, override
from aae_tf.settings.fields import UNWRITABLE
from aae_tf.utils import read_text, terminal_width

NESTED_FLAGFILES, MOST_FLAGFILES = 20, 1000
PREDICT = "Predictions (--mode=predict)"
RUNS = "Many runs (--seeds, --mode=search, report and compare)"
USAGE = "usage: {program} [--experiment=NAME] [--flagfile=FILE] [--FLAG=VALUE]"
ABOUT = (
    "Trains an autoencoder (AAE, WAE or VAE), evaluates it, draws what it learned and exports it. "
    "A flag that isn't given has the value of the experiment's recipe"
)
BY_RECIPE = "the default is shown where all recipes agree, and with --experiment=NAME for each."
SHORT_USAGE = """\
  --mode=list                   the experiments, their recipes and the flagfiles
  --experiment=gaussian         train it: figures, logs and a SavedModel
  --flagfile=quickstart.flags   or by a file of flags
  --mode=show --experiment=...  the settings that it would have
  --help                        every flag; with --experiment=... its values
"""


class UsageError(UserError):
    """The command line can't be understood."""

    exit_status = 2


class _FlagValues(flags.FlagValues):
    """Flags whose flagfiles are looked for as given, then among those of the package."""

    def _get_flag_file_lines(self, filename, parsed_file_stack=None):
        if not filename:
            return []
        within = parsed_file_stack or []
        # Not an attribute, which would be a flag.
        read = self.__dict__["flagfiles_read"] = self.__dict__.get("flagfiles_read", 0) + 1
        try:
            path = command.find_file(filename)
            if path in within or len(within) >= NESTED_FLAGFILES or read > MOST_FLAGFILES:
                at_most = f"at most {NESTED_FLAGFILES} in each other and {MOST_FLAGFILES} in all"
                raise SettingsError("flagfile", filename, f"files that don't go round, {at_most}")
            read_text(path)
        except OSError as error:
            hint = command.near_file(filename) if isinstance(error, FileNotFoundError) else ""
            expected = f"a text file ({error.strerror}){hint}"
            raise SettingsError("flagfile", filename, expected) from None
        except ValueError:
            raise SettingsError("flagfile", filename, "a text file in UTF-8") from None
        return super()._get_flag_file_lines(path, parsed_file_stack)


def define(modes: Mapping[str, str]) -> flags.FlagValues:
    """All flags.

    Args:
      modes: what each mode does, by its name.
    """
    values = _FlagValues()
    _define_general(values, modes)
    _define_many_runs(values)
    _define_predict(values)
    kinds = {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool}
    for setting in describe():
        group = {"flag_values": values, "module_name": setting.group}
        if getattr(setting.check, "is_switch", False):
            _define_switch(setting.flag, setting.choices, setting.help, group)
        elif setting.choices:
            flags.DEFINE_enum(setting.flag, None, setting.choices, setting.help, **group)
        else:
            kind = kinds.get(setting.type, flags.DEFINE_string)
            kind(setting.flag, None, setting.help, **group)
        values[setting.flag].default_as_str = default_of(setting.flag)
    return values


class _SwitchParser(flags.EnumParser):
    """Reads a choice that was a boolean once, and may still be given as one."""

    def parse(self, argument):
        with contextlib.suppress(ValueError):
            argument = "on" if flags.BooleanParser().parse(argument) else "off"
        return super().parse(argument)


def _define_switch(name: str, choices: Sequence[str], help_text: str, group) -> None:
    """A flag of a few values, of which --NAME is on and --noNAME off."""
    # absl takes the latter two for a flag that says it is boolean, as 'true' and 'false'.
    shown = f"<{'|'.join(choices)}>: {help_text}"
    switch = flags.Flag(_SwitchParser(choices), None, name, None, shown, boolean=True)
    flags.DEFINE_flag(switch, **group)


def _define_general(values: flags.FlagValues, modes: Mapping[str, str]) -> None:
    # absl's help begins with the module that has the program's name.
    group = {"flag_values": values, "module_name": sys.argv[0]}
    described = "; ".join(f"{name}: {text}" for name, text in modes.items())
    flags.DEFINE_enum("mode", "train", tuple(modes), described, **group)
    flags.DEFINE_string("experiment", None, "one of " + ", ".join(experiments.CATALOGUE), **group)
    flags.DEFINE_string(
        "recipe",
        None,
        "; ".join(f"{recipe}: {text}" for recipe, text in experiments.RECIPES.items()),
        **group,
    )
    flags.DEFINE_string(
        "run_dir",
        None,
        "folder of the run; given alone, or with the same flags, it resumes (default: "
        "runs/EXPERIMENT/DATE-TIME)",
        **group,
    )
    flags.DEFINE_string(
        "export_dir",
        "saved_models",
        "where SavedModels go, as NAME/VERSION; empty for no export",
        **group,
    )
    flags.DEFINE_string(
        "profile",
        None,
        "START,STOP: write TensorBoard's profile of the steps from START up to, not including, "
        "STOP, counted from 0, into run_dir; such a step is a call of its own",
        **group,
    )
    flags.DEFINE_string(
        "model_name",
        None,
        "NAME of the model that is exported (default: the experiment, and the data's name where "
        "they aren't its own), or that --mode=predict asks a server for",
        **group,
    )
    flags.DEFINE_string(
        "model",
        None,
        "SavedModel for --mode=convert, explore, and predict without a server: MODEL or "
        "MODEL/VERSION",
        **group,
    )
    flags.DEFINE_enum("format", None, CONVERT_FORMATS, "that --mode=convert writes", **group)
    flags.DEFINE_string(
        "output",
        None,
        "new folder for what --mode=convert writes; for predict a folder for images, and for "
        "numbers a CSV (default: print it); .npz takes all",
        **group,
    )
    flags.DEFINE_list(
        "signatures",
        None,
        "which of them --mode=convert takes (default: all but sample, score)",
        **group,
    )
    flags.DEFINE_string(
        "host", "127.0.0.1", "where --mode=explore listens; by default for this machine", **group
    )
    flags.DEFINE_integer(
        "port",
        8080,
        "of --mode=explore's page; 0 for a free one",
        lower_bound=0,
        upper_bound=65535,
        **group,
    )
    flags.DEFINE_bool(
        "trust_run",
        False,
        "let --mode=evaluate, export and compare run functions of your own that a run's settings "
        "name, package.module:function, without your giving them again",
        **group,
    )
    flags.DEFINE_enum(
        "log_format",
        "text",
        ("text", "json"),
        "of what is said on standard error; json: an object a line with time, level, message, and "
        "step where there is one",
        **group,
    )
    flags.DEFINE_bool("help", False, "show this page", short_name="h", **group)


def _define_many_runs(values: flags.FlagValues) -> None:
    group = {"flag_values": values, "module_name": RUNS}
    flags.DEFINE_string(
        "seeds",
        None,
        "train several seeds, in run_dir/seed_N, as N,N,...; finished ones are passed over, the "
        "first one is exported (with --best_after the best)",
        **group,
    )
    flags.DEFINE_integer(
        "best_after",
        None,
        "with --seeds: train each so many epochs, and only the best of them to the end, by --score",
        **group,
    )
    flags.DEFINE_string(
        "score", None, "metric on validation images that search and --best_after go by", **group
    )
    flags.DEFINE_string(
        "space",
        None,
        "file that says what flags may be in a search, such as search/wae_mmd.space",
        **group,
    )
    flags.DEFINE_integer(
        "trials", 20, "how many settings a search tries", upper_bound=10**5, **group
    )
    flags.DEFINE_string(
        "halving",
        None,
        "epochs after which a search first compares trials, and one in how many continues, as N,N; "
        "or off (default: a ninth of the epochs, and 3)",
        **group,
    )
    flags.DEFINE_string(
        "storage",
        None,
        "where search and --best_after have their study, to share it with other machines: a file "
        "or the URL of a database (default: a file in run_dir)",
        **group,
    )
    flags.DEFINE_integer(
        "workers",
        1,
        "how many runs of --seeds and of a search train at a time",
        lower_bound=1,
        upper_bound=1000,
        **group,
    )
    flags.DEFINE_list("runs", [], "folders of the runs that compare puts into run_dir", **group)
    flags.DEFINE_string(
        "report_dir",
        None,
        "where report also records the runs, a line each of runs.jsonl",
        **group,
    )
    flags.DEFINE_enum(
        "report_format", "markdown", REPORT_FORMATS, "of the table that report prints", **group
    )
    flags.DEFINE_list(
        "report_measures",
        [],
        "which metrics that table shows, in this order (default: all)",
        **group,
    )


def _define_predict(values: flags.FlagValues) -> None:
    group = {"flag_values": values, "module_name": PREDICT}
    flags.DEFINE_string(
        "server",
        None,
        "HOST:PORT for gRPC (needs the extra 'client'), http://HOST:PORT or https://HOST:PORT for "
        "REST; without a server give --model",
        **group,
    )
    flags.DEFINE_integer(
        "model_version", None, "version at the server (default: the newest)", **group
    )
    flags.DEFINE_string("model_label", None, "instead of a version: canary or stable", **group)
    flags.DEFINE_string(
        "signature", "", "which to call; without it you are told which there are", **group
    )
    flags.DEFINE_string(
        "input",
        None,
        "a picture, a folder of them, .npy, .npz or .mat with arrays called as the signature's "
        "inputs, or .csv as encode writes it; none for sample",
        **group,
    )
    flags.DEFINE_integer("count", 100, "how many sample draws; with --seed", **group)
    flags.DEFINE_integer("predict_batch_size", 100, "inputs in one request, at most", **group)
    flags.DEFINE_float("timeout", 10.0, "seconds for one request", **group)
    flags.DEFINE_integer("retries", 3, "further attempts where no server answers", **group)


def parse(values: flags.FlagValues, argv: Sequence[str]) -> None:
    """Parses a command line.

    Raises:
      UserError: if it can't be understood, or its flags don't go together.
    """
    try:
        left = values(argv)[1:]
    except (flags.Error, ValueError) as error:  # the latter of --noxla=true
        raise UsageError(f"{as_expected(str(error))}; see --help") from None
    _check_text(values)
    if values.profile is not None and (values.mode != "train" or values.seeds is not None):
        raise SettingsError("profile", values.profile, "--mode=train without --seeds")
    if left:
        raise UsageError(f"{left[0]}: expected flags only, as --name=value; see --help")
    if values.seeds is not None:
        if values.mode != "train":
            raise SettingsError("seeds", values.seeds, "--mode=train")
        # One in a flagfile, such as a run's own, gives way.
        if any(re.fullmatch(r"--?seed(=.*)?", part, re.DOTALL) for part in argv[1:]):
            raise SettingsError("seeds", values.seeds, "no --seed with it")
    elif values.best_after is not None:
        raise SettingsError("best_after", values.best_after, "two --seeds or more")


def _check_text(values: flags.FlagValues) -> None:
    """Refuses what can neither be a file's name nor stand in a file."""
    for flag in values:
        value = values[flag].value
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and re.search(UNWRITABLE, text):
                raise SettingsError(flag, text, "text in UTF-8 without a null character")


def given(values: flags.FlagValues) -> dict[str, object]:
    """The settings that flags or flagfiles gave."""
    return {s.flag: values[s.flag].value for s in describe() if values[s.flag].present}


def help_page(values: flags.FlagValues) -> str:
    """Every flag with its group, help and default, as wide as the terminal.

    With an experiment the default is the value that a run of these flags would have, and what has
    no meaning in its runs is left out.
    """
    valid = BY_RECIPE
    if values.experiment is not None:
        settings = settings_given(values)[1]
        flat = flatten(settings)
        for flag in [setting.flag for setting in describe()]:
            if flag in flat:
                values[flag].default_as_str = str(flat[flag]) or "none"
            else:
                delattr(values, flag)
        chosen = f"--experiment={settings.experiment} --recipe={settings.recipe}"
        valid = f"shown as the default are the values of {chosen}."
    lines = textwrap.wrap(f"{ABOUT}; {valid}", terminal_width())
    return "\n".join([_usage(), "", *lines]) + f"\n{values.get_help()}"


def short_usage() -> str:
    """What to begin with, for who gave nothing."""
    return f"{_usage()}\n\n{SHORT_USAGE}"


def _usage() -> str:
    name = pathlib.Path(sys.argv[0]).name
    return USAGE.format(program=name if name == "run_experiment.py" else "aae-tf")


def settings_given(values: flags.FlagValues) -> tuple[Settings, Settings]:
    """The settings of the recipe, or of the run that --run_dir holds, and those with the flags.

    Raises:
      SettingsError: if there is no such experiment or recipe, or a setting is wrong.
    """
    changes = given(values)
    if values.experiment is None:
        if not values.run_dir or not RunFolder(pathlib.Path(values.run_dir)).holds_run:
            raise SettingsError("experiment", "", any_of("", experiments.CATALOGUE))
        before = RunFolder(pathlib.Path(values.run_dir)).read_settings()
        return before, override(before, changes)
    features = holds_features(changes.get("dataset", ""))
    usual = experiments.settings_for(values.experiment, values.recipe, features=features)
    return usual, override(usual, changes)


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
