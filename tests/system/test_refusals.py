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


def _cut(file):
    file.write_bytes(file.read_bytes()[:2000])


def test_a_damaged_checkpoint_gives_way_to_an_older_one_in_a_line(copy, place, flags, undisturbed):
    _cut(copy / "checkpoints" / "ckpt-600.data-00000-of-00001")
    done = program.call(place, *flags, "--run_dir=copy", "--export_dir=")
    assert done.returncode == 0
    (line,) = (line for line in done.stderr.splitlines() if "damaged" in line)
    assert re.fullmatch(r"checkpoint ckpt-600 is damaged \(.+\); resuming from ckpt-\d+", line)
    assert program.state(copy) == program.state(undisturbed[1])


def test_unreadable_checkpoints_exit_with_1_and_one_line(copy, place, flags):
    for file in copy.glob("checkpoints/*.data-*"):
        _cut(file)
    done = program.call(place, *flags, "--run_dir=copy", "--export_dir=unused")
    assert done.returncode == 1
    (line,) = program.error_lines(done)
    assert "copy/checkpoints: no checkpoint is whole and of this run: ckpt-600 (" in line
    assert not (place / "unused").exists()


def test_divergence_exits_with_1_and_names_phase_step_and_checkpoint(place):
    flags = ("--experiment=gaussian", *program.SMALL, "--output_activation=linear", "--epochs=1")
    rate = ("--reconstruction_optimizer=sgd", "--reconstruction_learning_rate=1e30")
    done = program.call(place, *flags, *rate, "--run_dir=diverged", "--export_dir=unused")
    assert done.returncode == 1
    (line,) = program.error_lines(done)
    said = r"error: the \w+ of phase '\w+' became (?:nan|inf) at step \d+; the last good "
    assert re.match(rf"{said}checkpoint is (\S+);", line)[1] == "diverged/checkpoints/ckpt-0"
    assert not (place / "diverged/result.json").exists()
    left = (place / "diverged/checkpoints").glob("*.index")
    assert [file.name for file in left] == ["ckpt-0.index"]


def test_a_folder_without_a_run_cannot_be_evaluated(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    for mode in ("evaluate", "export"):
        assert main(["run_experiment.py", f"--mode={mode}", "--run_dir=nowhere"]) == 1
        assert "holds no run" in capsys.readouterr().err
    assert not (place / "nowhere").exists()
