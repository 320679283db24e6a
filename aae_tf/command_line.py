"""The door: flags in, settings on. This and `flags_of_door` alone know absl's flags.

TensorFlow is imported once the flags are known to be right, so that `--help`, `--mode=list` and
mistakes answer at once.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
import shlex
import signal
import sys

from absl import flags

from aae_tf import commands, experiments, flags_of_door, help_page
from aae_tf.convert import FORMATS as CONVERT_FORMATS
from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.quiet_import import import_runner as _import_runner
from aae_tf.reporting.collate import collate
from aae_tf.reporting.record import record
from aae_tf.settings import Settings, flatten, override


def main(argv: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
      argv: program name and flags; by default the process's.

    Returns:
      Exit status: 0; 1 if something given can't be used or training diverged; 2 for a wrong flag;
      128 and the signal's number if a signal stopped the run.
    """
    values, page = flags_of_door.define()
    try:
        flags_of_door.parse(values, sys.argv if argv is None else argv)
        if values.help:
            _say(help_page.render(page))
            return 0
        if values.mode == "list":
            _say(help_page.catalogue())
            return 0
        sys.path.append(os.getcwd())  # where a user's own prior may lie
        return _run(values)
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # nobody reads on, as with `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status


def _run(values: flags.FlagValues) -> int:
    if values.mode == "explore":
        return _explore(values)
    if values.mode == "convert":
        return _convert(values)
    if values.mode == "predict":
        return _predict(values)
    if values.mode not in ("train", "search"):
        return _revisit(values)
    if values.experiment is None:
        expected = "one of " + ", ".join(experiments.CATALOGUE)
        raise SettingsError("experiment", "", expected)
    settings = override(
        experiments.settings_of(values.experiment, values.recipe), flags_of_door.given(values)
    )
    if values.mode == "search":
        return _search(values, settings)
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    run_dir = pathlib.Path(values.run_dir or f"runs/{settings.experiment}/{stamp}")
    export_dir = pathlib.Path(values.export_dir) if values.export_dir else None
    if values.seeds is not None:
        return _train_seeds(values, settings, run_dir, export_dir)

    runner = _import_runner()
    outcome = runner.train(settings, run_dir, export_dir, _say)
    if outcome.signal:
        _say(f"stopped; resume with:\n  {_again(settings, run_dir, values)}")
        return 128 + outcome.signal
    _say(_metrics_table(outcome.metrics))
    _say(_farewell(outcome, settings, run_dir, values))
    return 0


def _train_seeds(values, settings: Settings, run_dir: pathlib.Path, export_dir) -> int:
    from aae_tf import several

    runs = several.plan(settings, several.parse_seeds(values.seeds), run_dir, export_dir)
    status = several.train(runs, _say)
    if status > 128:
        program, _ = _program()
        again = [*commands.flags_of(flatten(settings), leave_out=("seed",)),
                 f"--seeds={values.seeds}", f"--run_dir={run_dir}"]  # fmt: skip
        if values.export_dir != "saved_models":
            again.append(f"--export_dir={values.export_dir}")
        _say(f"stopped; resume with:\n  {program} {shlex.join(again)}")
    return status


def _search(values: flags.FlagValues, settings: Settings) -> int:
    for name, expected in (("space", "a file that says what flags may be"),
                           ("score", "a measure on validation images")):  # fmt: skip
        if not values[name].value:
            raise SettingsError(name, "", f"{expected}, for --mode=search")
    from aae_tf.search import halving, plan, results, space, study

    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    search = plan.Search(
        settings,
        space.read(pathlib.Path(values.space), settings),
        values.trials,
        values.score,
        halving.parse(values.halving, settings.training.epochs),
        pathlib.Path(values.run_dir or f"runs/{settings.experiment}/search-{stamp}"),
    )
    plan.check(search)
    status, (program, _) = study.run(search, _say), _program()
    if status:
        again = [*commands.flags_of(flatten(settings)), "--mode=search", f"--space={values.space}",
                 f"--score={values.score}", f"--trials={values.trials}",
                 *([f"--halving={values.halving}"] if values.halving else []),
                 f"--run_dir={search.folder}"]  # fmt: skip
        _say(f"stopped; resume with:\n  {program} {shlex.join(again)}")
        return status
    _say("\n" + (search.folder / results.TABLE).read_text().rstrip())
    best = search.folder / results.BEST
    if best.exists():
        _say(f"\nthe best one again, and on test images:\n  {program} --flagfile={best}")
    return 0


def _revisit(values: flags.FlagValues) -> int:
    """The modes that look at a run that there is."""
    if not values.run_dir:
        raise SettingsError("run_dir", "", f"a folder of runs, for --mode={values.mode}")
    run_dir = pathlib.Path(values.run_dir)
    # Here, since it brings numpy, which --help can do without.
    from aae_tf.reporting.run_folder import RunFolder, check_folder

    if values.mode == "report":
        if values.report_dir is not None:
            check_folder("report_dir", pathlib.Path(values.report_dir))
            _say(f"page: {record(run_dir, pathlib.Path(values.report_dir))}")
        measures = tuple(filter(None, (values.report_measures or "").split(",")))
        print(collate(run_dir, values.report_format, measures))
        return 0
    if values.mode == "compare":
        check_folder("run_dir", run_dir)
        return _compare(values, run_dir)
    kept = RunFolder(run_dir).read_settings()
    wanted = override(kept, flags_of_door.given(values))
    judged_alike = dataclasses.replace(wanted, evaluation=kept.evaluation)
    is_kept = (judged_alike if values.mode == "evaluate" else wanted) == kept
    if not is_kept or values.experiment not in (None, kept.experiment):
        apart = " than those of how to evaluate" if values.mode == "evaluate" else ""
        raise RunFolderError(
            f"--run_dir={run_dir}: holds a run of --experiment={kept.experiment}, whose settings "
            f"--mode={values.mode} can't change; expected no other flags{apart}"
        )
    runner = _import_runner()
    if values.mode == "evaluate":
        _say(_metrics_table(runner.evaluate(run_dir, wanted.evaluation).metrics))
        _say(f"result: {run_dir / 'result.json'}")
    elif not values.export_dir:
        raise SettingsError("export_dir", "", "a folder, for --mode=export")
    else:
        _say(f"SavedModel: {runner.export(run_dir, pathlib.Path(values.export_dir), _say)}")
    return 0


def _compare(values: flags.FlagValues, target: pathlib.Path) -> int:
    runs = [pathlib.Path(run) for run in (values.runs or "").split(",") if run]
    for path in _import_runner().compare(runs, target, _say):
        _say(f"{'figure' if path.suffix == '.png' else 'table'}: {path}")
    return 0


def _explore(values: flags.FlagValues) -> int:
    if not values.model:
        raise SettingsError("model", "", "the folder of a SavedModel, as saved_models/gaussian")
    if not 0 <= values.port <= 65535:
        raise SettingsError("port", values.port, "0 to 65535")
    _import_runner().explore(pathlib.Path(values.model), values.host, values.port, _say)
    return 0


def _convert(values: flags.FlagValues) -> int:
    """A SavedModel in another format; no run is needed."""
    if values.format not in CONVERT_FORMATS:
        expected = "one of " + ", ".join(CONVERT_FORMATS)
        raise SettingsError("format", values.format or "", expected)
    for name, expected in (("model", "folder of a SavedModel"), ("output", "new folder")):
        if not values[name].value:
            raise SettingsError(name, "", f"a {expected}, for --mode=convert")
    signatures = tuple(filter(None, (values.signatures or "").split(",")))
    _import_runner()
    from aae_tf.convert.convert import convert

    output = convert(
        pathlib.Path(values.model), values.format, pathlib.Path(values.output), signatures, _say
    )
    _say(f"written: {output}")
    return 0


def _predict(values: flags.FlagValues) -> int:
    """What a model makes of the user's files; no run is needed, nor TensorFlow for REST."""
    from aae_tf.client.predict import Wish, predict
    from aae_tf.client.served import Place

    wish = Wish(
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
        place = Place(values.server, *at_server, values.timeout, values.retries)
    elif any(at_server):
        raise SettingsError("model", values.model, "none of the flags that choose at a server")
    wish.check_paths()
    if values.model:
        _import_runner()
        from aae_tf.client.saved_model import LocalModel

        model = LocalModel(pathlib.Path(values.model))
    elif place.is_rest:
        from aae_tf.client.rest_model import RestModel

        model = RestModel(place)
    else:
        _import_runner()
        from aae_tf.client.grpc_model import GrpcModel

        model = GrpcModel(place)
    try:
        predict(model, wish, _say)
    finally:
        model.close()
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _metrics_table(metrics: dict[str, float]) -> str:
    """The measures, each beside what the prior's or the data's own give, where that is known."""
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


def _program() -> tuple[str, str]:
    """How to call this program and its neighbours again: (command, folder of scripts)."""
    scripts = pathlib.Path(sys.executable).parent
    if scripts.is_relative_to(pathlib.Path.cwd()):
        scripts = scripts.relative_to(pathlib.Path.cwd())
    if sys.argv[0].endswith(".py"):
        return f"{scripts / pathlib.Path(sys.executable).name} {shlex.quote(sys.argv[0])}", scripts
    return str(scripts / "aae-tf"), str(scripts)


def _again(settings: Settings, run_dir: pathlib.Path, values: flags.FlagValues) -> str:
    program, _ = _program()
    flagfile = shlex.quote(str(run_dir / "run.flags"))
    command = f"{program} --flagfile={flagfile} --run_dir={shlex.quote(str(run_dir))}"
    if values.export_dir != "saved_models":
        command += f" --export_dir={shlex.quote(values.export_dir)}"
    return command


def _farewell(outcome, settings: Settings, run_dir: pathlib.Path, values) -> str:
    program, scripts = _program()
    folder, model = shlex.quote(str(run_dir)), outcome.saved_model
    farewell = f"""
figures:       {run_dir / "figures"}
TensorBoard:   {run_dir / "train"}, {run_dir / "eval"}
checkpoint:    {run_dir / "checkpoints"}
SavedModel:    {model or "none"}
results:       {run_dir / "result.json"}, {run_dir / "metrics.csv"}

next:
  watch     {scripts}/tensorboard --logdir={folder}
  resume    {_again(settings, run_dir, values)}
  evaluate  {program} --mode=evaluate --run_dir={folder}"""
    if model is None:
        return f"{farewell}\n  export    {program} --mode=export --run_dir={folder}"
    served = shlex.quote(str(model.parent.resolve()))
    return f"""{farewell}
  inspect   {scripts}/saved_model_cli show --dir={shlex.quote(str(model))} --all
  serve     docker run -p 8501:8501 -v {served}:/models/{settings.experiment} \
-e MODEL_NAME={settings.experiment} tensorflow/serving"""
