"""The modes that look at runs that there are: evaluate, export, report, compare."""

from __future__ import annotations

import dataclasses
import pathlib

from absl.flags import FlagValues

from aae_tf.cli import flags
from aae_tf.cli.messages import metrics_table, say, say_without_effect
from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.results.record import record
from aae_tf.results.report import collate
from aae_tf.results.run_folder import RunFolder, check_folder
from aae_tf.runs.quiet_import import import_runner
from aae_tf.serving.convert import FORMATS
from aae_tf.settings import override


def revisit(values: FlagValues) -> int:
    """The modes that look at a run that there is."""
    if not values.run_dir:
        raise SettingsError("run_dir", "", f"a folder of runs, for --mode={values.mode}")
    run_dir = pathlib.Path(values.run_dir)
    if values.mode == "report":
        if values.report_dir is not None:
            check_folder("report_dir", pathlib.Path(values.report_dir))
            say(f"page: {record(run_dir, pathlib.Path(values.report_dir))}")
        measures = tuple(filter(None, (values.report_measures or "").split(",")))
        print(collate(run_dir, values.report_format, measures))
        return 0
    if values.mode == "compare":
        check_folder("run_dir", run_dir)
        return _compare(values, run_dir)
    kept = RunFolder(run_dir).read_settings()
    given = flags.given(values)
    wanted = override(kept, given)
    judged_alike = dataclasses.replace(wanted, evaluation=kept.evaluation)
    is_kept = (judged_alike if values.mode == "evaluate" else wanted) == kept
    if not is_kept or values.experiment not in (None, kept.experiment):
        apart = " than those of how to evaluate" if values.mode == "evaluate" else ""
        raise RunFolderError(
            f"--run_dir={run_dir}: holds a run of --experiment={kept.experiment}, whose settings "
            f"--mode={values.mode} can't change; expected no other flags{apart}"
        )
    say_without_effect(given, kept, wanted)
    runner = import_runner()
    if values.mode == "evaluate":
        say(metrics_table(runner.evaluate(run_dir, wanted.evaluation).metrics))
        say(f"result: {run_dir / 'result.json'}")
    elif not values.export_dir:
        raise SettingsError("export_dir", "", "a folder, for --mode=export")
    else:
        say(f"SavedModel: {runner.export(run_dir, pathlib.Path(values.export_dir), say)}")
    return 0


def _compare(values: FlagValues, target: pathlib.Path) -> int:
    runs = [pathlib.Path(run) for run in (values.runs or "").split(",") if run]
    for path in import_runner().compare(runs, target, say):
        say(f"{'figure' if path.suffix == '.png' else 'table'}: {path}")
    return 0


def explore(values: FlagValues) -> int:
    """A page to move over a model's codes, until interrupted."""
    if not values.model:
        raise SettingsError("model", "", "the folder of a SavedModel, as saved_models/gaussian")
    if not 0 <= values.port <= 65535:
        raise SettingsError("port", values.port, "0 to 65535")
    import_runner().explore(pathlib.Path(values.model), values.host, values.port, say)
    return 0


def convert(values: FlagValues) -> int:
    """A SavedModel in another format; no run is needed."""
    if values.format not in FORMATS:
        expected = "one of " + ", ".join(FORMATS)
        raise SettingsError("format", values.format or "", expected)
    for name, expected in (("model", "folder of a SavedModel"), ("output", "new folder")):
        if not values[name].value:
            raise SettingsError(name, "", f"a {expected}, for --mode=convert")
    signatures = tuple(filter(None, (values.signatures or "").split(",")))
    import_runner()
    from aae_tf.serving.convert.convert import convert

    output = convert(
        pathlib.Path(values.model), values.format, pathlib.Path(values.output), signatures, say
    )
    say(f"written: {output}")
    return 0


def predict(values: FlagValues) -> int:
    """What a model makes of the user's files; no run is needed, nor TensorFlow for REST."""
    from aae_tf.client.model import Endpoint
    from aae_tf.client.predict import PredictOptions, predict

    wish = PredictOptions(
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
        place = Endpoint(values.server, *at_server, values.timeout, values.retries)
    elif any(at_server):
        raise SettingsError("model", values.model, "none of the flags that choose at a server")
    wish.check_paths()
    if values.model:
        import_runner()
        from aae_tf.serving.local import LocalModel

        model = LocalModel(pathlib.Path(values.model))
    elif place.is_rest:
        from aae_tf.client.rest import RestModel

        model = RestModel(place)
    else:
        import_runner()
        from aae_tf.client.grpc import GrpcModel

        model = GrpcModel(place)
    try:
        predict(model, wish, say)
    finally:
        model.close()
    return 0
