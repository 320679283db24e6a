"""Runs that are killed, wherever and however often, end as one that was not.

FAULT_KILLS in the environment is how many kills there are at random moments, beside those at every
named point.
"""

import csv
import itertools
import os
import random
import signal
import time

import events
import numpy as np
import program
import pytest
import tiny
from fork_server import ForkServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]

FLAGS = (
    *program.SMALL,
    "--noxla",
    "--epochs=3",
    "--steps_per_call=4",
    "--checkpoint_minutes=1e-9",
)
RUNS = {
    "gaussian": ("--encoder=gaussian",),
    "semi_supervised": ("--num_labels=30", "--labelled_batch_size=10"),
    "wae_mmd": (),
    "wae_gan": ("--critic_penalty=spectral",),
}
# In the order in which a run comes to them; each start is killed at the next one.
POINTS = (
    ("start", r"write .*data\.json", 1),
    ("start", r"renamed .*settings\.json", 1),
    ("step", r"^step", 1),
    ("checkpoint", r"write .*unfinished.*data", 1),
    ("checkpoint", r"rename .*ckpt-\d+\.data", 2),
    ("checkpoint", r"rename .*ckpt-\d+\.index", 1),
    ("step", r"^step", 5),
    ("metrics", r"write .*metrics\.csv", 1),
    ("metrics", r"renamed .*metrics\.csv", 1),
    ("figure", r"write .*figures/", 1),
    ("checkpoint", r"renamed .*/checkpoint$", 4),
    ("step", r"^step", 3),
    ("provenance", r"write .*provenance\.json", 1),
    ("figure", r"renamed .*figures/", 2),
    ("result.json", r"write .*result\.json", 1),
    ("result.json", r"renamed .*result\.json", 1),
    ("export", r"^export$", 1),
    ("export", r"^exported", 1),
    ("rename", r"rename .*models/\w+/\d+$", 1),
    ("rename", r"renamed .*models/\w+/\d+$", 1),
    ("export", r"write .*models\.config", 1),
)
LEFTOVERS = (".tmp", "_temp", ".unfinished")


@pytest.fixture(scope="module")
def server():
    with ForkServer() as server:
        yield server


@pytest.fixture
def room(tmp_path):
    np.savez(tmp_path / "bars.npz", images=tiny.images(210), labels=np.arange(210) % 3)
    return tmp_path


def _flags(experiment, name):
    mine = (*FLAGS, f"--experiment={experiment}", *RUNS[experiment])
    return (*mine, f"--run_dir={name}", f"--export_dir={name}_models")


def _curves(folder):
    """Points of all scalars but the speed, and the steps of all pictures and histograms."""
    found, curves = events.read(folder), {}
    for tag in found.Tags()["tensors"]:
        kind = events.plugin(found, tag)
        if kind == "scalars" and tag != "time/steps_per_second":
            curves[tag] = events.curve(found, tag)
        elif kind in ("images", "histograms"):
            curves[tag] = events.steps(found, tag)
    return curves


def _left(place, name):
    """All that a run has left, but for times."""
    folder = place / name
    result = program.read_json(folder, "result.json")
    del result["wall_seconds"]
    tables = {}
    for file in sorted(folder.glob("*.csv")):
        with open(file, newline="") as lines:
            tables[file.name] = list(csv.reader(lines))
    return {
        "state": program.state(folder),
        "result": result,
        "tables": tables,
        "train": _curves(folder / "train"),
        "eval": _curves(folder / "eval"),
        "prior": _curves(folder / "eval" / "prior"),
        "figures": {path.name: path.read_bytes() for path in folder.glob("figures/*")},
        "versions": [p.parent.name for p in place.glob(f"{name}_models/*/*/saved_model.pb")],
        "checkpoints": sorted(path.name for path in folder.glob("checkpoints/*"))[-1:],
    }


def _check_same(place, name, expected):
    left = _left(place, name)
    for part, content in expected.items():
        assert left[part] == content, part
    strays = [
        path
        for below in (name, f"{name}_models")
        for path in (place / below).rglob("*")
        if any(ending in path.name for ending in LEFTOVERS)
    ]
    assert strays == []


def _undisturbed(server, room, experiment):
    started = time.monotonic()
    done = server.call(room, _flags(experiment, "undisturbed"))
    assert done.returncode == 0, done.stderr[-3000:]
    return _left(room, "undisturbed"), time.monotonic() - started


def test_a_run_killed_at_every_named_point_ends_as_one_that_was_not(server, room):
    expected, _ = _undisturbed(server, room, "gaussian")
    command = _flags("gaussian", "killed")
    for name, pattern, number in POINTS:
        done = server.call(room, command, (pattern, number))
        assert done.returncode == -signal.SIGKILL, (name, pattern, done)
    done = server.call(room, command)
    assert done.returncode == 0, done.stderr[-3000:]
    _check_same(room, "killed", expected)


@pytest.mark.parametrize("experiment", RUNS)
def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(server, room, experiment):
    expected, seconds = _undisturbed(server, room, experiment)
    moments = random.Random(experiment)
    count = max(1, int(os.environ.get("FAULT_KILLS", "12")) // len(RUNS))
    command, killed, starts = _flags(experiment, "killed"), 0, 0
    for number in itertools.count():
        if killed == count:
            break
        # Each run takes a few kills; then it has to come to its end.
        status = None
        for _ in range(min(4, count - killed)):
            at = (None, moments.uniform(0, seconds))
            done = server.call(room, command, at)
            status = done.returncode
            starts += 1
            assert status in (0, -signal.SIGKILL), done.stderr[-3000:]
            killed += status != 0
        if status != 0:
            done = server.call(room, command)
            assert done.returncode == 0, done.stderr[-3000:]
        _check_same(room, "killed", expected)
        for name in ("killed", "killed_models"):
            (room / name).rename(room / f"{number}_{name}")
    print(f"{experiment}: {killed} kills in {starts} starts")


def test_seeds_whose_processes_are_killed_end_as_those_that_were_not(room):
    """The process of all seeds is killed, then one of a run."""
    flags = (*FLAGS, "--experiment=gaussian", "--seeds=0,1")

    def command(name):
        return (*flags, f"--run_dir={name}", f"--export_dir={name}/models")

    whole = program.call(room, *command("undisturbed"))
    assert whole.returncode == 0, whole.stderr[-3000:]
    first = room / "killed/seed_0/metrics.csv"
    done = program.interrupt(
        room, signal.SIGKILL, lambda said: first.exists(), 0, *command("killed")
    )
    assert done.returncode == program.KILLED
    process = program.start(room, *command("killed"))
    try:
        second, deadline = room / "killed/seed_1/metrics.csv", time.monotonic() + 180
        while not second.exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children) as file:
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)
        process.communicate(timeout=180)
    finally:
        process.kill()
    done = program.call(room, *command("killed"))
    assert done.returncode == 0, done.stderr[-3000:]
    for seed in (0, 1):
        left = [_left(room / name, f"seed_{seed}") for name in ("undisturbed", "killed")]
        assert left[0] == left[1]
    versions = [
        len(list((room / name).glob("models/*/*/saved_model.pb")))
        for name in ("undisturbed", "killed")
    ]
    assert versions == [1, 1]
