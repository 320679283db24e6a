"""A run that a signal stops leaves a checkpoint and says how to resume it."""

import os
import signal

import program


def test_signals_stop_a_run_cleanly_with_a_checkpoint(place, flags):
    command = (*flags, "--run_dir=stopped", "--export_dir=unused", "--epochs=50")
    steps = [0]
    for number, status in (
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
        (signal.SIGHUP, 129),
        (signal.SIGUSR1, 138),
    ):
        started = program.trained_beyond(place / "stopped", steps[-1])
        done = program.interrupt(place, number, started, 0.1, *command)
        assert done.returncode == status, done.stderr[-3000:]
        assert "Traceback" not in done.stderr
        assert "stopped; resume with:" in done.stdout
        assert "--run_dir=stopped" in done.stdout
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
