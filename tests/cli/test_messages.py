"""What the command line writes at the end of a run."""

import pathlib
import types

import pytest

from aae_tf.cli import messages
from aae_tf.cli.messages import (
    catalogue,
    command_again,
    format_metrics,
    next_steps,
    next_steps_of_seeds,
)
from aae_tf.experiments import CATALOGUE, settings_of
from aae_tf.settings import override

METRICS = {
    "validation/mmd": 0.0030391,
    "validation/mmd_of_prior": 1e-5,
    "test/mmd": 0.0031,
    "test/mmd_of_prior": 9.3988e-5,
    "test/reconstruction_error": 15.752,
}


def test_the_metrics_stand_beside_those_of_the_priors_samples():
    head, _, *rows = format_metrics(METRICS).splitlines()
    assert head.split("  ")[-1] == "prior itself" and "data itself" not in head
    assert [row.split() for row in rows] == [
        ["mmd", "0.0030391", "0.0031", "9.3988e-05"],
        ["reconstruction_error", "15.752"],
    ]
    assert len(rows[0]) == len(head)


def test_metrics_of_samples_stand_beside_those_of_real_images():
    head, _, row = format_metrics({"test/fid": 3.0, "test/fid_of_data": 1.5}).splitlines()
    assert head.endswith("data itself") and row.split() == ["fid", "3", "1.5"]


def test_the_table_of_experiments_has_each_in_a_line():
    lines = catalogue().partition("\n\n")[0].splitlines()[2:]
    assert [line.split()[0] for line in lines if line[0] != " "] == list(CATALOGUE)


AT_80 = """
figures:    runs/first try/figures
results:    runs/first try/result.json
SavedModel: models/gaussian/1

next:
  explore   bin/aae-tf --mode=explore --model=models/gaussian
  predict   bin/aae-tf --mode=predict --model=models/gaussian \\
              --signature=encode --input=FILES
  watch     bin/tensorboard --logdir='runs/first try'
  evaluate  bin/aae-tf --mode=evaluate --run_dir='runs/first try'
  serve     docker run -p 8501:8501 \\
              -v /home/models/gaussian:/models/gaussian \\
              -e MODEL_NAME=gaussian tensorflow/serving"""
AT_120 = AT_80.replace(" \\\n             ", "")


def _next(monkeypatch, columns, model=True):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(messages, "this_program", lambda: ("bin/aae-tf", pathlib.Path("bin")))
    monkeypatch.setattr(pathlib.Path, "resolve", lambda path: pathlib.Path("/home") / path)
    exported = pathlib.Path("models/gaussian/1") if model else None
    return next_steps(types.SimpleNamespace(saved_model=exported), pathlib.Path("runs/first try"))


@pytest.mark.parametrize("columns, expected", [(80, AT_80), (120, AT_120)])
def test_the_next_commands_fit_the_terminal(monkeypatch, columns, expected):
    assert _next(monkeypatch, columns) == expected
    assert max(map(len, expected.splitlines())) <= columns


def test_a_run_without_an_export_is_told_how_to_get_one(monkeypatch):
    said = _next(monkeypatch, 80, model=False)
    assert "SavedModel: none" in said and "explore" not in said
    assert "\n  export    bin/aae-tf --mode=export --run_dir='runs/first try'" in said


SEEDS_AT_80 = """
next:
  explore   bin/aae-tf --mode=explore --model=models/gaussian
  watch     bin/tensorboard --logdir=runs/three
  report    bin/aae-tf --mode=report --run_dir=runs/three
  compare   bin/aae-tf \\
              --mode=compare \\
              --runs=runs/three/seed_0,runs/three/seed_1 \\
              --run_dir=runs/three/compared"""


def test_several_seeds_have_their_next_commands_once(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(messages, "this_program", lambda: ("bin/aae-tf", pathlib.Path("bin")))
    folder, model = pathlib.Path("runs/three"), pathlib.Path("models/gaussian")
    runs = [folder / "seed_0", folder / "seed_1"]
    assert next_steps_of_seeds(folder, model, runs) == SEEDS_AT_80
    alone = next_steps_of_seeds(folder, None, runs[:1])
    assert "explore" not in alone and "compare" not in alone


def test_functions_of_ones_own_are_given_again_to_resume(monkeypatch):
    monkeypatch.setattr(messages, "this_program", lambda: ("bin/aae-tf", pathlib.Path("bin")))
    settings = override(settings_of("gaussian"), {"prior": "mine:ring"})
    values = types.SimpleNamespace(export_dir="models", model_name=None)
    said = command_again(pathlib.Path("runs/first try"), settings, values)
    assert "'--run_dir=runs/first try' --export_dir=models --prior=mine:ring" in said
