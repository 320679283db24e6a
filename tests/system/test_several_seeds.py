"""--seeds as commands: runs like single ones, stopped and resumed, with a table at the end."""

import json
import signal

import program
import pytest

SHORT = (*program.SMALL, "--experiment=gaussian", "--epochs=1", "--noxla")


def _times(folder):
    """When each file was written last, but for the locks, which name their process."""
    files = [path for path in folder.rglob("*") if path.name != ".lock"]
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.slow
def test_stopped_seeds_go_on_and_are_the_single_runs(undisturbed, place, flags):
    command = (*flags, "--seeds=0,1", "--run_dir=seeds", "--export_dir=of_seeds")
    begun = program.trained_beyond(place / "seeds" / "seed_0")
    done = program.interrupt(place, signal.SIGTERM, begun, 0, *command)
    assert done.returncode == 143, done.stderr[-3000:]
    assert "stopped; resume with:" in done.stdout
    assert "--seeds=0,1 " in done.stdout and "--run_dir=seeds" in done.stdout
    stopped_at = program.read_json(place / "seeds" / "seed_0", "provenance.json")["step"]
    assert 0 < stopped_at < 600
    assert not (place / "seeds" / "seed_1").exists()

    done = program.call(place, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"resumed at step {stopped_at}" in done.stderr
    assert program.state(place / "seeds" / "seed_0") == program.state(undisturbed[1])
    assert program.state(place / "seeds" / "seed_1") != program.state(undisturbed[1])
    assert [path.name for path in (place / "of_seeds" / "gaussian_bars").iterdir()] == ["1"]
    table = done.stdout[done.stdout.rindex("gaussian, practical, 2 epochs, seeds 0, 1") :]
    assert "standard deviation" in table and "--seeds=0,1" in table
    assert done.stdout.count("next:") == 1 and "--runs=seeds/seed_0,seeds/seed_1" in table

    files = _times(place / "seeds")
    again = program.call(place, *command)
    assert again.returncode == 0 and again.stderr.count("is finished already") == 2
    assert again.stdout.endswith(table)
    assert _times(place / "seeds") == files


def test_a_seed_that_fails_keeps_no_other_from_its_run(place):
    command = (*SHORT, "--seeds=0,1", "--run_dir=one_fails", "--export_dir=")
    bad = place / "one_fails" / "seed_0"
    bad.mkdir(parents=True)
    # As a run killed in its beginning leaves it, but for a checkpoint that can't be read.
    (bad / "data.json").write_text("{}")
    (bad / "checkpoints").mkdir()
    (bad / "checkpoints" / "checkpoint").write_text("no checkpoint's name")
    done = program.call(place, *command)
    assert done.returncode == 1
    first, last = program.error_lines(done)
    assert first.startswith("error: ") and "seed_0/checkpoints" in first
    assert last == "error: --seeds: the runs of these failed (see above): 0"
    assert not (bad / "result.json").exists()
    result = json.loads((place / "one_fails" / "seed_1" / "result.json").read_text())
    assert result["seed"] == 1
    assert "gaussian, practical, 1 epoch, seed 1: " in done.stdout


@pytest.mark.slow
def test_only_the_best_restart_goes_on_and_is_the_single_run(undisturbed, place, flags):
    command = (*flags, "--seeds=0,1", "--run_dir=begun", "--export_dir=of_begun")
    choice = ("--best_after=1", "--score=sliced_wasserstein")
    done = program.call(place, *command, *choice)
    assert done.returncode == 0, done.stderr[-3000:]
    begun = program.read_json(place / "begun", "begun.json")
    best = begun["best"]
    assert min(begun["scores"], key=begun["scores"].get) == str(best)
    assert f"the best of the restarts is seed {best}'s; only it continues" in done.stderr
    assert f"gaussian, practical, 2 epochs, seed {best}: " in done.stdout
    other = place / "begun" / f"seed_{1 - best}"
    assert not (other / "result.json").exists() and (other / "checkpoints").is_dir()
    assert [path.name for path in (place / "of_begun" / "gaussian_bars").iterdir()] == ["1"]
    (earlier,) = program.read_json(place / "begun" / f"seed_{best}", "provenance.json")["earlier"]
    assert earlier["step"] == 300

    again = program.call(place, *command, *choice)
    assert again.returncode == 0 and f"seed_{best} is finished already" in again.stderr

    # Without the choice the other one continues too, and is what it would have been alone.
    done = program.call(place, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resumed at step 300" in done.stderr
    assert program.state(place / "begun" / "seed_0") == program.state(undisturbed[1])
