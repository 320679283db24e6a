"""What `--mode` may be: one function and one row of `MODES` each."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence

from absl.flags import FlagValues

from aae_tf.cli import flags
from aae_tf.cli.messages import (
    catalogue,
    command_again,
    format_metrics,
    log_without_effect,
    next_steps,
    next_steps_of_seeds,
    this_program,
)
from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.experiments import command
from aae_tf.results.model_card import name_for
from aae_tf.results.record import record
from aae_tf.results.report import collate
from aae_tf.results.run_folder import RunFolder, check_folder
from aae_tf.runs import import_tensorflow_quietly
from aae_tf.settings import SAMPLER_FLAGS, Settings, flatten, override, own_functions, to_flagfile
from aae_tf.settings.fields import parse_steps
from aae_tf.sweep import process
from aae_tf.utils import STOP_SIGNALS, printable, quoted

logger = logging.getLogger(__name__)
# Exit statuses of what continues with the same command: --max_minutes, and signals.
STOPS = (os.EX_TEMPFAIL, *(128 + number for number in STOP_SIGNALS))


def train(values: FlagValues) -> int:
    """A run from its settings to its folder, or one for each of --seeds."""
    usual, settings = flags.settings_given(values)
    profile = _profile(values)
    log_without_effect(flags.given(values), usual, settings)
    run_dir = pathlib.Path(values.run_dir or f"runs/{settings.experiment}/{_now()}")
    model = _model_folder(values, settings)
    if values.seeds is not None:
        return _train_seeds(values, settings, run_dir, model)
    if values.experiment is None:  # the run's own settings
        RunFolder(run_dir).check_trusted(settings, _trusts(values, settings))
    import_tensorflow_quietly()
    from aae_tf.runs.train import train

    outcome = train(settings, run_dir, model, profile=profile)
    if outcome.status:
        print(f"stopped; resume with:\n  {command_again(run_dir, settings, values)}")
        return outcome.status
    if not outcome.metrics:  # of a worker that isn't the chief
        return 0
    print(format_metrics(outcome.metrics))
    for note in outcome.notes:
        logger.info("note: %s", note)
    if not process.is_part():
        print(next_steps(outcome, run_dir))
    return 0


def _profile(values: FlagValues) -> tuple[int, int] | None:
    """The first step of --profile and the one before which it ends, if it is given."""
    if values.profile is None:
        return None
    try:
        return parse_steps(values.profile)
    except ValueError:
        expected = "START,STOP, numbers of steps of which the first is smaller, such as 100,110"
        raise SettingsError("profile", values.profile, expected) from None


def _model_folder(values: FlagValues, settings: Settings) -> pathlib.Path | None:
    """Where the versions of a run's model lie; None for no export."""
    if not values.export_dir:
        return None
    name = name_for(settings) if values.model_name is None else values.model_name
    if not re.fullmatch(r"\w[\w.-]*", name):
        expected = "letters, digits, '_', '-' and '.', beginning with no '.' or '-'"
        raise SettingsError("model_name", name, expected)
    return pathlib.Path(values.export_dir) / name


def _now() -> str:
    return datetime.datetime.now().strftime("%Y%m%d-%H%M%S")


def _train_seeds(values, settings: Settings, run_dir: pathlib.Path, model) -> int:
    from aae_tf.sweep import seeds

    numbers = seeds.parse_seeds(values.seeds)
    restarts = seeds.read_restarts(
        values.best_after, values.score, numbers, settings, values.storage
    )
    runs = seeds.runs_of(_without_limit(settings), numbers, run_dir, model)
    minutes = settings.execution.max_minutes
    status = seeds.train(runs, restarts, values.workers, minutes)
    if status in STOPS:
        names = ("seeds", "best_after", "score", "storage", "workers", "export_dir", "model_name")
        again = command.flags_of(flatten(settings), leave_out=("seed",))
        _print_resume(values, again, names, run_dir)
    elif not status:
        trained = [run.folder.path for run in runs if run.is_finished]
        print(next_steps_of_seeds(run_dir, model, trained))
    return status


def _without_limit(settings: Settings) -> Settings:
    """The settings of one run among others, of which all together have the time."""
    if settings.execution.strategy == "multi_worker":
        expected = "another for several runs; workers of a study share --storage instead"
        raise SettingsError("strategy", "multi_worker", expected)
    return override(settings, {"max_minutes": 0.0})


def search(values: FlagValues) -> int:
    """Hyperparameter search, by validation images."""
    _, settings = flags.settings_given(values)
    for name, expected in (
        ("space", "a file that says what flags may be"),
        ("score", "a metric on validation images"),
    ):
        if not values[name].value:
            raise SettingsError(name, "", f"{expected}, for --mode=search")
    from aae_tf.sweep import plan, results, space, study

    sweep = plan.search(
        _without_limit(settings),
        space.read(pathlib.Path(command.find_file(values.space)), settings),
        values.trials,
        values.score,
        plan.parse_halving(values.halving, settings.training.epochs),
        pathlib.Path(values.run_dir or f"runs/{settings.experiment}/search-{_now()}"),
        values.storage,
    )
    status = study.search(sweep, values.workers, settings.execution.max_minutes)
    program, _ = this_program()
    if status in STOPS:
        names = ("mode", "space", "score", "trials", "halving", "storage", "workers")
        _print_resume(values, command.flags_of(flatten(settings)), names, sweep.folder)
    if status:
        return status
    print("\n" + (sweep.folder / results.TABLE).read_text().rstrip())
    best = sweep.folder / results.BEST
    if best.exists():
        again = f"{program} --flagfile={quoted(best)}"
        print(f"\nthe best one again, and on test images:\n  {again}")
    return 0


def _print_resume(values, again: list[str], names: Sequence[str], run_dir: pathlib.Path) -> None:
    """Prints the command that continues, of whose other flags those stand there that were given."""
    program, _ = this_program()
    others = [f"--{name}={values[name].value}" for name in names if values[name].present]
    again = " ".join(map(quoted, [*again, *others, f"--run_dir={run_dir}"]))
    print(f"stopped; resume with:\n  {program} {again}")


def evaluate(values: FlagValues) -> int:
    """A run's newest checkpoint on validation and test images again."""
    run_dir = _run_dir(values)
    settings = _settings_of_run(values, run_dir)
    import_tensorflow_quietly()
    from aae_tf.runs.train import evaluate

    trust_run = _trusts(values, settings)
    print(format_metrics(evaluate(run_dir, settings.evaluation, trust_run).metrics))
    print(f"result: {printable(run_dir / 'result.json')}")
    return 0


def export(values: FlagValues) -> int:
    """The SavedModel of a run's newest checkpoint."""
    run_dir = _run_dir(values)
    settings = _settings_of_run(values, run_dir)
    trust_run = _trusts(values, settings)
    model = _model_folder(values, settings)
    if model is None:
        raise SettingsError("export_dir", "", "a folder, for --mode=export")
    import_tensorflow_quietly()
    from aae_tf.runs.export import export

    exported = export(run_dir, model, trust_run, settings.evaluation)
    print(f"SavedModel: {printable(exported)}")
    return 0


def _run_dir(values: FlagValues) -> pathlib.Path:
    if not values.run_dir:
        raise SettingsError("run_dir", "", f"a folder of runs, for --mode={values.mode}")
    return pathlib.Path(values.run_dir)


def _settings_of_run(values: FlagValues, run_dir: pathlib.Path) -> Settings:
    """The settings of a run that there is; those of its evaluation may be other ones.

    Raises:
      RunFolderError: if other flags differ from the run's.
    """
    before = RunFolder(run_dir).read_settings()
    given = flags.given(values)
    settings = override(before, given)
    if values.mode == "evaluate":
        apart = " than those of how to evaluate"
        changed = dataclasses.replace(settings, evaluation=before.evaluation)
    else:
        apart, flat = " than those of the sampler", flatten(before)
        changed = override(settings, {flag: flat[flag] for flag in SAMPLER_FLAGS})
    if changed != before or values.experiment not in (None, before.experiment):
        raise RunFolderError(
            f"--run_dir={run_dir}: holds a run of --experiment={before.experiment}, whose settings "
            f"--mode={values.mode} can't change; expected no other flags{apart}"
        )
    log_without_effect(given, before, settings)
    return settings


def _trusts(values: FlagValues, settings: Settings) -> bool:
    """Whether the user's own functions that a run names may be run: given again, or trusted."""
    own, given = own_functions(settings), flags.given(values)
    if values.trust_run:
        for flag, function in own.items():
            logger.info("note: --trust_run: runs %s, the run's --%s", function, flag)
    return values.trust_run or all(flag in given for flag in own)


def report(values: FlagValues) -> int:
    """A table of the runs below a folder, over seeds."""
    run_dir = _run_dir(values)
    if values.report_dir is not None:
        check_folder("report_dir", pathlib.Path(values.report_dir))
        print(f"records: {printable(record(run_dir, pathlib.Path(values.report_dir)))}")
    print(collate(run_dir, values.report_format, tuple(filter(None, values.report_measures))))
    return 0


def compare(values: FlagValues) -> int:
    """Figures and a table of several runs side by side."""
    run_dir = _run_dir(values)
    check_folder("run_dir", run_dir)
    import_tensorflow_quietly()
    from aae_tf.runs.train import compare

    runs = [pathlib.Path(run) for run in values.runs if run]
    if values.trust_run:
        logger.info("note: --trust_run: functions of your own that the runs name are run")
    form = values.figure_format or "png"
    for path in compare(runs, run_dir, values.trust_run, form):
        print(f"{'table' if path.suffix in ('.md', '.json') else 'figure'}: {printable(path)}")
    return 0


def _log_model(model) -> None:
    if model.about:
        logger.info("model: %s", model.about)


def explore(values: FlagValues) -> int:
    """A page to move over a model's codes, until interrupted."""
    if not values.model:
        raise SettingsError("model", "", "the folder of a SavedModel, as saved_models/gaussian")
    import_tensorflow_quietly()
    from aae_tf.serving import explorer

    model = explorer.Model(pathlib.Path(values.model))
    _log_model(model)
    explorer.serve(model, values.host, values.port)
    return 0


def convert(values: FlagValues) -> int:
    """A SavedModel in another format; no run is needed."""
    for name, expected in (
        ("format", "one of " + ", ".join(values["format"].parser.enum_values)),
        ("model", "a folder of a SavedModel, for --mode=convert"),
        ("output", "a new folder, for --mode=convert"),
    ):
        if not values[name].value:
            raise SettingsError(name, "", expected)
    signatures = tuple(filter(None, values.signatures or ()))
    import_tensorflow_quietly()
    from aae_tf.serving.convert.convert import convert

    output = convert(
        pathlib.Path(values.model), values.format, pathlib.Path(values.output), signatures
    )
    print(f"written: {printable(output)}")
    return 0


def predict(values: FlagValues) -> int:
    """What a model makes of the user's files; no run is needed, nor TensorFlow for REST."""
    from aae_tf.client.model import Endpoint
    from aae_tf.client.predict import PredictOptions, predict

    options = PredictOptions(
        values.signature,
        pathlib.Path(values.input) if values.input else None,
        pathlib.Path(values.output) if values.output else None,
        values.count,
        values.seed or 0,
        values.predict_batch_size,
    )
    if bool(values.server) == bool(values.model):
        expected = "HOST:PORT or http://HOST:PORT, or instead --model, a SavedModel's folder"
        raise SettingsError("server", values.server or "", expected)
    at_server = [values.model_name or "", values.model_version, values.model_label]
    if values.server:
        endpoint = Endpoint(values.server, *at_server, values.timeout, values.retries)
    elif any(at_server):
        raise SettingsError("model", values.model, "none of the flags that choose at a server")
    options.check_paths()
    if values.model:
        import_tensorflow_quietly()
        from aae_tf.serving.local import LocalModel

        model = LocalModel(pathlib.Path(values.model))
        _log_model(model)
    elif endpoint.is_rest:
        from aae_tf.client.rest import RestModel

        model = RestModel(endpoint)
    else:
        import_tensorflow_quietly()
        from aae_tf.client.grpc import GrpcModel

        model = GrpcModel(endpoint)
    try:
        predict(model, options)
    finally:
        model.close()
    return 0


def show(values: FlagValues) -> int:
    """The settings that a run of these flags would have, as a flagfile."""
    usual, settings = flags.settings_given(values)
    log_without_effect(flags.given(values), usual, settings)
    print(to_flagfile(settings), end="")
    return 0


def list_(values: FlagValues) -> int:
    """The tables of the experiments, the recipes and the flagfiles."""
    del values
    print(catalogue())
    return 0


@dataclasses.dataclass(frozen=True)
class Mode:
    """A value of --mode.

    Args:
      run: takes the flags, returns the exit status.
      description: what it does, for --help.
    """

    run: Callable[[FlagValues], int]
    description: str


MODES: Mapping[str, Mode] = {
    "train": Mode(train, "train, evaluate, draw and export"),
    "evaluate": Mode(evaluate, "a run again; flags of the group Evaluation count"),
    "export": Mode(export, "a run's SavedModel again, maybe with another --sampler"),
    "convert": Mode(convert, "a SavedModel to other formats"),
    "compare": Mode(compare, "draw and tabulate several runs side by side"),
    "report": Mode(report, "a table of the runs below run_dir, over seeds"),
    "search": Mode(search, "for good settings, by validation images"),
    "explore": Mode(explore, "a page to move over the codes of a model"),
    "show": Mode(show, "the settings that a run of the same flags would have, as a flagfile"),
    "predict": Mode(predict, "what a model, behind a server or not, makes of your files"),
    "list": Mode(list_, "the experiments, their recipes and the flagfiles"),
}
