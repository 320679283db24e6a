"""A run that is killed or stopped, and started again, ends with the bits of one that was not."""

import csv
import os
import random
import re
import signal

import program
import pytest


def _rows(folder):
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def _started(said):
    return "run folder:" in said


def _evaluating(said):
    return "evaluating" in said


@pytest.mark.slow
def test_killed_runs_end_with_the_same_bits(undisturbed, place, flags):
    """Kills before the first step, three times in mid-training, and amid drawing and exporting."""
    command = (*flags, "--run_dir=killed", "--export_dir=after_kills")
    folder, moments, steps = place / "killed", random.Random(20), []
    checkpoints = "checkpoints/ckpt-[1-9]*.index"  # a first one is of step 0

    def new_checkpoint(said):
        return _started(said) and bool(set(folder.glob(checkpoints)) - known)

    for sign, longest in (
        (_started, 1),
        (new_checkpoint, 1),
        (new_checkpoint, 1),
        (new_checkpoint, 1),
        (_evaluating, 2),
    ):
        known = set(folder.glob(checkpoints))
        done = program.interrupt(place, signal.SIGKILL, sign, moments.uniform(0, longest), *command)
        assert done.returncode == program.KILLED, done.stderr[-3000:]
        resumed = re.search(r"resumed at step (\d+)", done.stderr)
        steps.append(int(resumed[1]) if resumed else 0)
    done = program.call(place, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert steps[:2] == [0, 0] and 0 < steps[2] < steps[3] < steps[4] < 600
    assert program.state(place / "killed") == program.state(undisturbed[1])
    assert _rows(place / "killed") == _rows(undisturbed[1])
    metrics = [
        program.read_json(folder, "result.json")["metrics"]
        for folder in (place / "killed", undisturbed[1])
    ]
    assert metrics[0] == metrics[1]
    for name in ("figures/codes.png", "eval/codes.tsv", "figures/learning_curves.png"):
        contents = [(folder / name).read_bytes() for folder in (place / "killed", undisturbed[1])]
        assert contents[0] == contents[1], name


def test_signals_stop_a_run_cleanly_with_a_checkpoint(place, flags):
    command = (*flags, "--run_dir=stopped", "--export_dir=unused", "--epochs=50")
    steps = [0]
    for number, status in (
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
        (signal.SIGHUP, 129),
        (signal.SIGUSR1, 138),
    ):
        done = program.interrupt(place, number, _started, 1.5, *command)
        assert done.returncode == status, done.stderr[-3000:]
        assert "Traceback" not in done.stderr
        assert "stopped; resume with:" in done.stdout
        assert "--flagfile=stopped/run.flags --run_dir=stopped" in done.stdout
        told = program.read_json(place / "stopped", "provenance.json")
        assert told["step"] > steps[-1]
        assert (place / f"stopped/checkpoints/ckpt-{told['step']}.index").exists()
        if len(steps) > 1:
            assert f"resumed at step {steps[-1]}" in done.stderr
        assert [session["step"] for session in told["earlier"]] == steps[1:]
        steps.append(told["step"])
    done = program.call(place, *command, "--max_minutes=0.01")
    assert done.returncode == os.EX_TEMPFAIL, done.stderr[-3000:]
    assert "stopped; resume with:" in done.stdout
    assert program.read_json(place / "stopped", "provenance.json")["step"] > steps[-1]
    assert not (place / "stopped/result.json").exists()
    assert not (place / "unused").exists()
