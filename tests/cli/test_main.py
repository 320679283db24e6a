"""The command line: what it refuses, in one line each, with nothing written."""

import datetime
import json
import os
import sys

import numpy as np
import pytest

from aae_tf import experiments
from aae_tf.cli.main import main
from aae_tf.settings import flatten

GAUSSIAN = "--experiment=gaussian"


def _main(capsys, *arguments):
    """Exit status, standard output and standard error."""
    status = main(["run_experiment.py", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def _everything(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture
def refused(empty_folder, capsys):
    """Checks that a command line is refused in one line and leaves nothing; returns the line."""

    def check(status, *arguments):
        before = _everything(empty_folder)
        found, out, err = _main(capsys, *arguments)
        assert (found, out) == (status, "")
        assert err.startswith("error: ") and err.endswith("\n")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        assert _everything(empty_folder) == before
        return err

    return check


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--epochs=3"], "--experiment=: expected one of gaussian, "),
        (["--experiment="], "--experiment=: expected one of gaussian, "),
        (["--experiment=gausian"], "--experiment=gausian: expected one of gaussian, "),
        (["--experiment=gausian"], "rae; did you mean gaussian?\n"),
        (["--experiment"], "Missing value for flag --experiment"),
        ([GAUSSIAN, "--recipe=best"], "--recipe=best: expected one of paper, practical"),
        (["--mode=test"], "--mode=test: value should be one of <train|evaluate|export|"),
        ([GAUSSIAN, "--epoch=3"], "Unknown command line flag 'epoch'. Did you mean: epochs"),
        ([GAUSSIAN, "--learning_rate=1"], "Unknown command line flag 'learning_rate'"),
        ([GAUSSIAN, "train"], "train: expected flags only, as --name=value; see --help"),
        ([GAUSSIAN, "--epochs=two"], "error: --epochs=two: expected a whole number; see --help"),
        ([GAUSSIAN, "--epochs=1.5"], "error: --epochs=1.5: expected a whole number; see --help"),
        ([GAUSSIAN, "--port=all"], "error: --port=all: expected a whole number; see --help"),
        ([GAUSSIAN, "--timeout=x"], "error: --timeout=x: expected a number; see --help"),
        ([GAUSSIAN, "--epochs=0"], "--epochs=0: expected at least 1"),
        ([GAUSSIAN, "--xla=maybe"], "--xla=maybe"),
        ([GAUSSIAN, "--profile="], "--profile=: expected START,STOP, numbers of steps of which"),
        ([GAUSSIAN, "--profile=7"], "--profile=7: expected START,STOP, numbers of steps of"),
        ([GAUSSIAN, "--profile=7,7"], "--profile=7,7: expected START,STOP, numbers of steps of"),
        ([GAUSSIAN, "--profile=-1,7"], "--profile=-1,7: expected START,STOP, numbers of steps"),
        ([GAUSSIAN, "--profile=1,all"], "--profile=1,all: expected START,STOP, numbers of"),
        ([GAUSSIAN, "--profile=1,7", "--seeds=0,1"], "--profile=1,7: expected --mode=train with"),
        (["--mode=search", "--profile=1,7"], "--profile=1,7: expected --mode=train without"),
        ([GAUSSIAN, "--prior_scale=nan"], "--prior_scale=nan: expected a finite number"),
        ([GAUSSIAN, "--encoder_units=10,x"], "--encoder_units=10,x: expected positive layer sizes"),
        ([GAUSSIAN, "--prior=mixture", "--latent_dim=3"], "--latent_dim=3: expected 2, as"),
        ([GAUSSIAN, "--prior=no_module_here:make"], "--prior=no_module_here:make: expected an"),
        ([GAUSSIAN, "--dataset=my images"], "--dataset=my images: expected mnist, a TensorFlow"),
        ([GAUSSIAN, "--image_size=8"], "--image_size=8: expected 0 unless --dataset is a folder"),
        ([GAUSSIAN, "--batch_size=50001"], "--batch_size=50001: expected at most 50000"),
        (["--flagfile=missing.flags"], "missing.flags: expected a text file (No such file"),
        (["--flagfile=missing.flags"], "directory)\n"),
        (["--flagfile=quickstart.flag"], "directory); did you mean quickstart.flags?\n"),
        (["--flagfile=figure7_style.flags"], "; did you mean aae/figure7_style.flags?\n"),
        (["--flagfile=."], "Is a directory"),
        (["--mode=evaluate"], "--run_dir=: expected"),
        (["--mode=export"], "--run_dir=: expected"),
        (["--mode=report"], "--run_dir=: expected"),
        (
            ["--mode=report", "--report_format=xml"],
            "--report_format=xml: value should be one of <markdown|",
        ),
        (["--mode=compare", "--run_dir=x", "--runs=a"], "--runs=a: expected two folders of runs"),
        (["--mode=explore"], "--model=: expected the folder of a SavedModel"),
        (
            ["--mode=explore", "--model=x", "--port=65536"],
            "--port=65536: 65536 is not an integer in the range [0, 65535]",
        ),
        (["--mode=explore", "--model=x", "--port=http"], "--port=http"),
    ],
)
def test_wrong_flag_is_refused_with_status_2(refused, arguments, expected):
    assert expected in refused(2, *arguments)


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([GAUSSIAN, "--dataset=./nothing"], "--dataset=./nothing: no such file or folder"),
        ([GAUSSIAN, "--dataset=mine.npz"], "'images' has shape (3,), expected (n, height, width)"),
        ([GAUSSIAN, "--run_dir=taken"], "--run_dir=taken: not empty and holds no run"),
        ([GAUSSIAN, "--run_dir=mine.npz"], "--run_dir=mine.npz: "),
        (["--mode=evaluate", "--run_dir=nothing"], "--run_dir=nothing: holds no run"),
        (["--mode=export", "--run_dir=taken"], "--run_dir=taken: holds no run"),
        (["--mode=report", "--run_dir=taken"], "--run_dir=taken: holds no result.json"),
        (["--mode=compare", "--run_dir=x", "--runs=taken,b"], "--runs=taken: holds no run"),
        (["--mode=explore", "--model=nothing"], "--model=nothing: expected a folder with"),
        (["--mode=explore", "--model=taken"], "--model=taken: expected a folder with"),
        (["--mode=explore", "--model=mine.npz"], "--model=mine.npz: expected a folder with"),
    ],
)
def test_what_cannot_be_used_is_refused_with_status_1(refused, empty_folder, arguments, expected):
    np.savez(empty_folder / "mine.npz", images=np.zeros(3))
    (empty_folder / "taken").mkdir()
    (empty_folder / "taken" / "thesis.txt").write_text("three years of work")
    assert expected in refused(1, *arguments)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"experiment": "gaussian"}',
        '{"experiment": "gausian", "recipe": "paper"}',
    ],
)
@pytest.mark.parametrize("mode", ["train", "evaluate", "export"])
def test_damaged_settings_of_a_run_are_refused(refused, empty_folder, mode, content):
    (empty_folder / "run").mkdir()
    (empty_folder / "run" / "settings.json").write_text(content)
    line = refused(1, f"--mode={mode}", "--run_dir=run", *([GAUSSIAN] if mode == "train" else []))
    assert "run/settings.json can't be used" in line


@pytest.fixture
def run(empty_folder):
    """A run folder that holds nothing but its settings."""
    (empty_folder / "run").mkdir()
    settings = flatten(experiments.settings_of("gaussian", "paper"))
    (empty_folder / "run" / "settings.json").write_text(json.dumps(settings))
    return "--run_dir=run"


@pytest.mark.parametrize("mode", ["evaluate", "export"])
@pytest.mark.parametrize("other", ["--experiment=mixture", "--epochs=3", "--latent_dim=5"])
def test_finished_runs_settings_cannot_be_changed(refused, run, mode, other):
    line = refused(1, f"--mode={mode}", run, other)
    assert "--experiment=gaussian" in line and "expected no other flags" in line


def test_finished_runs_recipe_cannot_be_changed(refused, run):
    refused(1, "--mode=evaluate", run, "--recipe=practical")


@pytest.mark.parametrize("other", [["--experiment=mixture"], [GAUSSIAN, "--seed=1"]])
def test_run_folder_of_other_settings_is_refused(refused, run, other):
    line = refused(1, run, "--recipe=paper", *other)
    assert "--run_dir=run: holds a run of other settings" in line
    assert "expected the same ones or another folder" in line


def test_flagfile_of_another_encoding_is_refused(refused, empty_folder):
    (empty_folder / "bad.flags").write_bytes(b"\xff\xfe--epochs=3\n")
    assert "bad.flags" in refused(2, "--flagfile=bad.flags")


@pytest.mark.parametrize("flag", ["--run_dir=a_file/run", "--export_dir=a_file"])
def test_folder_that_cannot_be_made_is_refused_before_training(refused, empty_folder, flag):
    np.savez(empty_folder / "mine.npz", images=np.zeros((42, 2, 2), np.uint8))
    (empty_folder / "a_file").write_text("")
    units = [f"--{name}_units=1" for name in ("encoder", "decoder", "discriminator")]
    small = ["--dataset=mine.npz", "--batch_size=10", "--epochs=1", "--noxla", *units]
    folders = ["--run_dir=run", "--export_dir=saved"]
    assert "a_file" in refused(1, GAUSSIAN, *small, *folders, flag)


def test_a_flagfile_is_looked_for_as_given_then_among_those_of_the_package(refused, empty_folder):
    assert "--epochs=-7" in refused(2, "--flagfile=aae/figure7_style.flags", "--epochs=-7")
    (empty_folder / "my.flags").write_text("--flagfile=aae/figure7_style.flags\n--epochs=-6\n")
    assert "--epochs=-6" in refused(2, "--flagfile=my.flags")  # also from another file
    (empty_folder / "aae").mkdir()
    (empty_folder / "aae/figure7_style.flags").write_text("--epochs=-5\n")
    assert "--epochs=-5" in refused(2, "--flagfile=aae/figure7_style.flags", "--experiment=style")


def test_later_flags_win_over_flagfiles(refused, empty_folder):
    (empty_folder / "my.flags").write_text("# mine\n--experiment=gaussian\n--epochs=-5\n")
    assert "--epochs=-5" in refused(2, "--flagfile=my.flags")
    assert "--epochs=-7" in refused(2, "--flagfile=my.flags", "--epochs=-7")


@pytest.mark.parametrize(
    "flag, expected",
    [
        ("--flagfile=/dev/zero", "Not a regular file"),
        ("--flagfile=pipe", "Not a regular file"),
        ("--flagfile=large", "Has more than 4194304 bytes"),
        ("--flagfile=round", "--flagfile=round: expected files that don't go round, at most 20"),
        ("--flagfile=chain0", "--flagfile=chain20: expected files that don't go round, at most 20"),
        ("--flagfile=tree0", "and 1000 in all"),
        ("--run_dir=a\0b", r"--run_dir=a\x00b: expected text in UTF-8 without a null character"),
        ("--dataset=\udcff", r"--dataset=\udcff: expected text in UTF-8"),
    ],
)
def test_hostile_flags_and_flagfiles_are_refused_at_once(refused, empty_folder, flag, expected):
    os.mkfifo(empty_folder / "pipe")
    (empty_folder / "large").write_bytes(b"\n" * (2**22 + 1))
    (empty_folder / "round").write_text("--flagfile=round\n")
    for number in range(1200):
        (empty_folder / f"chain{number}").write_text(f"--flagfile=chain{number + 1}\n")
    for number in range(15):
        (empty_folder / f"tree{number}").write_text(f"--flagfile=tree{number + 1}\n" * 4)
    (empty_folder / "tree15").write_text("\n")
    assert expected in refused(2, GAUSSIAN, flag)


@pytest.mark.parametrize("space", ["/dev/zero", "pipe", "large"])
def test_hostile_spaces_are_refused_at_once(refused, empty_folder, space):
    os.mkfifo(empty_folder / "pipe")
    (empty_folder / "large").write_bytes(b"\n" * (2**22 + 1))
    command = ["--mode=search", "--score=mmd", f"--space={space}"]
    assert f"--space={space}: " in refused(2, GAUSSIAN, *command)


def test_control_characters_of_names_are_escaped(refused, empty_folder):
    line = refused(1, GAUSSIAN, "--dataset=./\x1b[31m\u202ered\x9b")
    assert r"--dataset=./\x1b[31m\u202ered\x9b: no such file" in line


def test_the_working_folder_is_not_among_those_of_the_modules(refused, empty_folder):
    before = list(sys.path)
    refused(2, GAUSSIAN, "--prior=no_module_here:make")
    assert sys.path == before and str(empty_folder) not in sys.path


def test_what_is_logged_is_json_if_asked_for(empty_folder, capsys):
    for arguments in (["--log_format=json", "--epochs=0"], ["--log_format=json", "--epoch=3"]):
        status, out, err = _main(capsys, GAUSSIAN, *arguments)
        line = json.loads(err)
        assert (status, out, set(line)) == (2, "", {"time", "level", "message"})
        assert line["level"] == "error" and line["message"].startswith(("--epochs=0", "Unknown"))
        assert datetime.datetime.fromisoformat(line["time"]).tzinfo is not None


OWN = """
import pathlib
pathlib.Path("it_ran").write_text("")

class Prior:
    def sample(self, shape, seed):
        import tensorflow as tf
        return tf.random.stateless_normal((*shape, 2), seed)

def make(dim):
    return Prior()
"""


@pytest.mark.slow
def test_a_runs_own_functions_are_run_only_when_given_again_or_trusted(empty_folder, capsys):
    (empty_folder / "own_prior_of_a_run.py").write_text(OWN)
    np.savez(empty_folder / "mine.npz", images=np.zeros((42, 2, 2), np.uint8))
    units = [f"--{name}_units=1" for name in ("encoder", "decoder", "discriminator")]
    small = ["--dataset=mine.npz", "--batch_size=10", "--epochs=1", "--noxla", *units]
    own, run = "--prior=own_prior_of_a_run:make", "--run_dir=run"
    assert _main(capsys, GAUSSIAN, *small, own, run, "--export_dir=")[0] == 0
    ran = empty_folder / "it_ran"
    for mode in (["--mode=evaluate", run], ["--mode=export", run, "--export_dir=models"]):
        for more, runs in (([], False), ([own], True), (["--trust_run"], True)):
            sys.modules.pop("own_prior_of_a_run", None)
            ran.unlink(missing_ok=True)
            status, _, err = _main(capsys, *mode, *more)
            assert (status, ran.exists()) == (0 if runs else 1, runs), err
            if not runs:
                assert own in err and "--trust_run" in err and err.count("\n") == 1
            if more == ["--trust_run"]:
                assert "note: --trust_run: runs own_prior_of_a_run:make, the run's --prior" in err
