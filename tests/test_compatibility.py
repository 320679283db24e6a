"""What earlier versions wrote still reads, and gives the same.

The files under golden/ are of November 2026 and aren't made again: recipes.json has every recipe's
settings, flagfiles.json the flagfiles that there were, run_flags.json the settings of recorded
runs, old_runs/ some of these runs, old_runs.json what a report says of them, signatures.json those
of every method's model, and stopped_run/ a run that was stopped at step 35 of 60.
"""

import csv
import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.cli.flags import define, given, parse
from aae_tf.cli.modes import MODES
from aae_tf.command_line import main
from aae_tf.experiments import settings_of
from aae_tf.results.metrics_table import MetricsTable
from aae_tf.results.record import record
from aae_tf.results.report import collate
from aae_tf.results.run_folder import RunFolder
from aae_tf.serving.export import described
from aae_tf.serving.signatures import ServingModule, servable_signatures
from aae_tf.settings import flatten, override

GOLDEN = pathlib.Path(__file__).parent / "golden"
OLD_RUNS = sorted((GOLDEN / "old_runs").iterdir())
# An experiment of every method, and the code that has a plane of its own.
METHODS = {
    "gaussian": {},
    "label_mixture": {"prior_components": 3},
    "style": {},
    "discrete": {},
    "semi_supervised": {"num_labels": "30"},
    "clustering": {},
    "dim_reduction": {"num_labels": "30"},
    "dim_reduction in 4 dimensions": {"num_labels": "30", "latent_dim": 4},
    "vae_gaussian": {},
    "wae_mmd": {},
}


def _read(name):
    return json.loads((GOLDEN / name).read_text())


CHANGED = {"xla": "auto"}  # of recipes, on purpose: it is on for the dense networks that they had
RECIPES, FLAGFILES = _read("recipes.json"), _read("flagfiles.json")


def _recipe(experiment, recipe):
    """A recipe's settings as they were; those of others than practical stand beside it."""
    return {**RECIPES[experiment]["practical"], **RECIPES[experiment][recipe]}


def _parsed(lines):
    """The settings that flags give, by the command line's own means."""
    values = define(dict.fromkeys(MODES, ""))
    parse(values, ["program", *lines])
    return flatten(override(settings_of(values.experiment, values.recipe), given(values)))


def _check(found, expected):
    """A newer version may have more settings, but none of another value."""
    assert {flag: found.get(flag) for flag in expected} == _as_now(expected)


def _as_now(settings):
    """Settings with xla as it is written now: it was a boolean."""
    return {k: "on" if (k, v) == ("xla", True) else v for k, v in settings.items()}


def _line(flag, value):
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no{flag}"
    return f"--{flag}={value}"


@pytest.mark.parametrize("experiment", RECIPES)
def test_recipes_have_the_settings_that_they_had(experiment):
    for recipe in RECIPES[experiment]:
        expected = {**_recipe(experiment, recipe), **CHANGED}
        _check(flatten(settings_of(experiment, recipe)), expected)
    assert settings_of(experiment).recipe == "practical"


@pytest.mark.parametrize("file", FLAGFILES)
def test_flags_of_earlier_flagfiles_give_the_same_settings(file):
    earlier = FLAGFILES[file]
    found = _parsed(earlier["flags"])
    recipe = {**_recipe(found["experiment"], earlier["recipe"]), **CHANGED}
    _check(found, {**recipe, **earlier["settings"]})


def test_flags_that_earlier_runs_wrote_give_the_same_settings():
    runs = _read("run_flags.json")
    for name, run in runs["runs"].items():
        expected = {**_recipe(run["experiment"], run["recipe"]), **run["settings"]}
        absent = runs["absent"][run["absent"]]  # which the version of then didn't write
        written = [_line(*pair) for pair in expected.items() if pair[0] not in absent]
        found = _parsed(written)
        assert {flag: found.get(flag) for flag in expected} == _as_now(expected), name


@pytest.mark.parametrize("run", OLD_RUNS, ids=lambda run: run.name)
def test_old_run_folders_read_as_they_did(run):
    folder, settings = RunFolder(run), json.loads((run / "settings.json").read_text())
    completed = _read("old_runs.json")["completed"][run.name]
    _check(flatten(folder.read_settings()), {**settings, **completed})
    assert folder.has_result
    if (run / "data.json").exists():
        assert folder.read_data() == json.loads((run / "data.json").read_text())
    if (run / "metrics.csv").exists():
        with open(run / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert MetricsTable(run / "metrics.csv", 10**9).rows == [
            {key: float(value) for key, value in row.items()} for row in rows
        ]


def test_a_report_says_of_old_runs_what_it_said():
    report = json.loads(collate(GOLDEN / "old_runs", "json"))
    expected = _read("old_runs.json")["report"]
    assert [group["runs"] for group in report] == [group["runs"] for group in expected]
    # Of the recipes the report names the nearest, which may have been added since.
    named = {"recipe", "settings", "commands"}
    for found, before in zip(report, expected, strict=True):
        assert {key: found.get(key) for key in before if key not in named} == {
            key: value for key, value in before.items() if key not in named
        }
        for ours, earlier in zip(found["commands"], before["commands"], strict=True):
            of_seeds = [
                flag for flag in earlier if flag.startswith(("--seed", "--best", "--score"))
            ]
            assert of_seeds == ours[-len(of_seeds) :]
            then = {"recipe": None, "xla": "on"}  # by default, which ours has to say
            _check(_parsed(ours[1:]) | {"recipe": None}, _parsed(earlier[1:]) | then)


def test_old_runs_are_recorded_as_they_are(tmp_path):
    record(GOLDEN / "old_runs", tmp_path)
    folders = (tmp_path, GOLDEN / "old_runs")
    of_records, of_folders = (json.loads(collate(folder, "json")) for folder in folders)
    assert of_records == of_folders and len(of_folders) > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_methods_model_has_the_signatures_that_it_had(name):
    method = tiny.method(experiment=name.split()[0], **METHODS[name])
    module = ServingModule(method)
    found = described({key: module.signature(key) for key in servable_signatures(method)})
    found["default"], before = method.default_signature, _read("signatures.json")[name]
    assert {key: found.get(key) for key in before} == before  # others may have been added since


def _rows_of(table):
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_an_old_run_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    shutil.copytree(GOLDEN / "stopped_run", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    before = _rows_of(tmp_path / "run" / "metrics.csv")
    command = ["run_experiment.py", "--flagfile=run/run.flags", "--export_dir="]
    assert main([*command, "--run_dir=run"]) == 0
    assert main([*command, "--run_dir=fresh"]) == 0

    gone_on, fresh = (_end(tmp_path / name) for name in ("run", "fresh"))
    assert [session["step"] for session in gone_on["earlier"]] == [35]
    assert gone_on["step"] == fresh["step"] == 60
    after = _rows_of(tmp_path / "run" / "metrics.csv")
    assert before and len(after) > len(before)
    for row, earlier in zip(after, before, strict=False):
        assert {key: row[key] for key in earlier} == earlier  # columns may have been added since
    # The first 35 steps may have been another processor's, of other roundings.
    assert gone_on["variables"].keys() == fresh["variables"].keys()
    for key, value in fresh["variables"].items():
        np.testing.assert_allclose(gone_on["variables"][key], value, 1e-2, 1e-3, err_msg=key)
    for key, value in fresh["losses"].items():
        assert gone_on["losses"][key] == pytest.approx(value, rel=1e-2, abs=1e-3), key


def _end(run):
    """Where a run ended: its provenance, its variables and its last losses."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(run / "checkpoints")))
    names = [key for key in reader.get_variable_to_shape_map() if "/variables/" in key]
    with open(run / "metrics.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    return {
        **json.loads((run / "provenance.json").read_text()),
        "variables": {key: reader.get_tensor(key) for key in names},
        "losses": {key: float(last[key]) for key in last if key.endswith("loss")},
    }
