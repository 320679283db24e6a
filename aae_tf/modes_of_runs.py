"""The modes that look at runs that there are: evaluate, export, report, compare."""

from __future__ import annotations

import dataclasses
import pathlib

from absl import flags

from aae_tf import flags_of_door
from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.messages import metrics_table, say, say_without_effect
from aae_tf.quiet_import import import_runner
from aae_tf.reporting.collate import collate
from aae_tf.reporting.record import record
from aae_tf.reporting.run_folder import RunFolder, check_folder
from aae_tf.settings import override


def revisit(values: flags.FlagValues) -> int:
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
    given = flags_of_door.given(values)
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


def _compare(values: flags.FlagValues, target: pathlib.Path) -> int:
    runs = [pathlib.Path(run) for run in (values.runs or "").split(",") if run]
    for path in import_runner().compare(runs, target, say):
        say(f"{'figure' if path.suffix == '.png' else 'table'}: {path}")
    return 0
