"""What can't be done is said in one line, with the exit status that scripts go by."""

import re
import shutil

import program
import pytest

from aae_tf.cli.main import main


@pytest.fixture
def copy(undisturbed, place):
    """A run folder of its own, under a name."""
    shutil.rmtree(place / "copy", ignore_errors=True)
    return shutil.copytree(undisturbed[1], place / "copy")


def test_other_settings_in_a_runs_folder_are_refused_and_listed(
    copy, place, flags, monkeypatch, capsys
):
    monkeypatch.chdir(place)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    others = ["--seed=3", "--generator_learning_rate=0.5", "--epochs=5"]
    assert main(["run_experiment.py", *flags, "--run_dir=copy", *others]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("error: --run_dir=copy: ")
    for part in (
        "--seed: 0, now 3",
        "--generator_learning_rate: 0.001, now 0.5",
        "--epochs: 2, now 5",
    ):
        assert part in said
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert {p: c for p, c in after.items() if p.name != ".lock"} == {
        p: c for p, c in before.items() if p.name != ".lock"
    }


def test_settings_of_a_run_cannot_be_changed_when_it_is_looked_at(copy, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(["run_experiment.py", "--mode=evaluate", "--run_dir=copy", "--seed=3"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "--mode=evaluate" in said


def test_unreadable_checkpoint_exits_with_1_and_one_line(copy, place, flags):
    newest = max(copy.glob("checkpoints/*.data-*"), key=lambda path: path.stat().st_mtime)
    newest.write_bytes(newest.read_bytes()[:2000])
    done = program.call(place, *flags, "--run_dir=copy", "--export_dir=unused")
    assert done.returncode == 1
    (line,) = program.error_lines(done)
    assert line.startswith("error: checkpoint ") and "ckpt-600 is unreadable" in line
    assert "an older one is" in line
    assert not (place / "unused").exists()


def test_divergence_exits_with_1_and_names_phase_step_and_checkpoint(place):
    flags = ("--experiment=gaussian", *program.SMALL, "--output_activation=linear", "--epochs=1")
    rate = ("--reconstruction_optimizer=sgd", "--reconstruction_learning_rate=1e30")
    done = program.call(place, *flags, *rate, "--run_dir=diverged", "--export_dir=unused")
    assert done.returncode == 1
    (line,) = program.error_lines(done)
    assert line.startswith("error: the ") and "of phase 'reconstruction' became " in line
    assert re.search(r"step \d+; there is no checkpoint yet", line)
    assert not (place / "diverged/result.json").exists()
    assert not list((place / "diverged/checkpoints").iterdir())


def test_a_folder_without_a_run_cannot_be_evaluated(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    for mode in ("evaluate", "export"):
        assert main(["run_experiment.py", f"--mode={mode}", "--run_dir=nowhere"]) == 1
        assert "holds no run" in capsys.readouterr().err
    assert not (place / "nowhere").exists()
