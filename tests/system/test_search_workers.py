"""Four commands search together, one is killed: no trial is lost, and none is trained twice."""

import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import optuna
import program
import pytest

TRIALS = 6
FLAGS = (
    *program.SEARCH,
    "--halving=off",
    "--epochs=1",
    f"--trials={TRIALS}",
    "--checkpoint_minutes=0.001",
)
POSTGRES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))  # where Debian has it


@pytest.fixture(scope="module")
def alone(room):
    """The table of one command that searched undisturbed."""
    done = program.call(room, *FLAGS, "--run_dir=alone/search")
    assert done.returncode == 0, done.stderr[-3000:]
    return _trials(room / "alone" / "search")


def _trials(folder):
    found = json.loads((folder / "results.json").read_text())["trials"]
    return {row["trial"]: (row["state"], row["scores"]) for row in found}


@contextlib.contextmanager
def _postgresql():
    """A server of PostgreSQL on the loopback; the URL of its storage."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = pathlib.Path(f"/tmp/aae_tf_postgresql_{port}")  # where another user can reach it
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    ours = {"cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    run, bins = [*as_user, "env", "LC_ALL=C"], POSTGRES[-1]
    try:
        subprocess.run([*run, f"{bins}/initdb", "-D", str(place), "-A", "trust"], **ours)
        options = f"-p {port} -k /tmp -h 127.0.0.1"
        pg_ctl = [*run, f"{bins}/pg_ctl", "-D", str(place), "-w"]
        subprocess.run([*pg_ctl, "-o", options, "-l", f"{place}/log", "start"], **ours)
        user = "postgres" if as_user else os.environ.get("USER", "postgres")
        yield f"postgresql+psycopg2://{user}@127.0.0.1:{port}/postgres"
        subprocess.run([*pg_ctl, "-m", "immediate", "stop"], **ours)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["journal", "postgresql"])
def test_of_four_workers_one_is_killed_and_nothing_is_lost_or_done_twice(room, alone, kind):
    if kind == "journal":
        _four_workers(room, alone, kind, ())
        return
    pytest.importorskip("psycopg2")
    if not POSTGRES:
        pytest.skip("PostgreSQL isn't installed")
    with _postgresql() as url:
        _four_workers(room, alone, kind, (f"--storage={url}",))
        (name,) = optuna.get_all_study_names(url)
        study = optuna.load_study(study_name=name, storage=url)
        states = [trial.state.name for trial in study.trials]
        assert states.count("COMPLETE") == TRIALS and "RUNNING" not in states


def _four_workers(room, alone, kind, storage):
    folder = room / kind / "search"
    command = (*FLAGS, f"--run_dir={kind}/search", *storage)
    workers = [program.start(room, *command) for _ in range(4)]
    try:
        _await_trials(folder, 3)
        workers[0].send_signal(signal.SIGKILL)
        ended = [worker.communicate(timeout=500) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [program.KILLED, 0, 0, 0], ended
    assert _trials(folder) == alone
    assert sorted(path.name for path in (folder / "trials").iterdir()) == [
        f"{number:04}" for number in range(TRIALS)
    ]
    for run in (folder / "trials").iterdir():
        epochs = [line.split(",")[1] for line in (run / "metrics.csv").read_text().splitlines()]
        assert epochs == ["epoch", "1"], run
    said = "".join(err for _, err in ended)
    assert sum(said.count(f"trials/{number:04}") > 0 for number in range(TRIALS)) == TRIALS


def _await_trials(folder, count):
    deadline = time.monotonic() + 300
    while len(list(folder.glob("trials/*/checkpoints/*.index"))) < count:
        assert time.monotonic() < deadline, "the awaited trials never began"
        time.sleep(0.05)
