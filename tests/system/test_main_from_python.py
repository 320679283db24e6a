"""`main` as a program or a notebook calls it: again and again, and in processes of a pool."""

import os
import subprocess
import sys

import numpy as np
import program
import tiny

SCRIPT = """
import json, logging, multiprocessing, os, signal, sys

from aae_tf.cli.main import main


def train(name):
    return main([*sys.argv, f"--run_dir={name}"])


def surroundings():
    loggers = [logging.getLogger(name) for name in ("aae_tf", "tensorflow")]
    return {
        "signals": [str(signal.getsignal(number)) for number in range(1, 32)],
        "logging": [[str(each.handlers), each.level, each.propagate] for each in loggers],
        "path": sys.path,
        "arguments": sys.argv,
        "folder": os.getcwd(),
        "streams": [sys.stdout.errors, sys.stderr.errors],
    }


if __name__ == "__main__":
    import tensorflow

    before, statuses = surroundings(), [train("first"), train("second")]
    after = surroundings()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        statuses += pool.map(train, ["third", "fourth"])
    with open("seen.json", "w") as file:
        json.dump([statuses, before, after], file)
"""
NAMES = ("first", "second", "third", "fourth")


def test_it_trains_twice_and_in_a_pool_to_the_same_bits_and_leaves_no_state_behind(tmp_path):
    np.savez(tmp_path / "bars.npz", images=tiny.images(105), labels=np.arange(105) % 3)
    (tmp_path / "script.py").write_text(SCRIPT)
    flags = (*program.SMALL, "--experiment=gaussian", "--epochs=1", "--noxla", "--export_dir=")
    done = subprocess.run(
        [sys.executable, "script.py", *flags],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(program.PROGRAM.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    statuses, before, after = program.read_json(tmp_path, "seen.json")
    assert statuses == [0, 0, 0, 0]
    assert after == before
    assert len({program.state(tmp_path / name) for name in NAMES}) == 1
