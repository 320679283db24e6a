"""A run needs no network, and what it leaves says nothing of who ran it, or where."""

import os
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

pytestmark = [pytest.mark.faults, pytest.mark.system]

CHECKOUT = pathlib.Path(__file__).parents[2]
USER, SECRET = "zaphod-of-a-test", "value-of-a-secret-variable"
SMALL = (
    *("--epochs=1", "--encoder_units=8", "--decoder_units=8", "--discriminator_units=8", "--noxla"),
    "--batch_size=1000",
)
NO_NETWORK = """
import socket, sys

def refuse(*arguments, **named):
    print("NETWORK", arguments, file=sys.stderr)
    raise OSError(101, "Network is unreachable")

for name in ("connect", "connect_ex", "sendto", "sendmsg"):
    setattr(socket.socket, name, refuse)
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, refuse)
from aae_tf.cli.main import main
sys.exit(main())
"""


def _call(folder, *flags, program=None, **environment):
    start = ["-c", program] if program else [str(CHECKOUT / "run_experiment.py")]
    return subprocess.run(
        [sys.executable, *start, *flags],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_readmes_first_command_runs_with_sockets_refused(tmp_path):
    readme = (CHECKOUT / "README.md").read_text()
    first = re.search(r"run_experiment\.py (--[^\n`]*)", readme)[1].split()
    flagfiles = [flag.replace("=", f"={CHECKOUT}/", 1) for flag in first]
    folders = ["--run_dir=run", "--export_dir=models"]
    done = _call(tmp_path, *flagfiles, *SMALL, *folders, program=NO_NETWORK)
    assert done.returncode == 0, done.stderr
    assert "NETWORK" not in done.stderr and (tmp_path / "run/result.json").is_file()


def test_no_file_names_the_user_the_home_the_host_or_the_environment(tmp_path):
    home = tmp_path / USER
    here = home / "project"
    here.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8), np.uint8)
    np.savez(here / "mine.npz", images=images, labels=np.arange(300) % 3)
    private = {"HOME": str(home), "USER": USER, "LOGNAME": USER, "A_SECRET": SECRET}
    run = [f"--dataset={here}/mine.npz", f"--run_dir={here}/run", f"--export_dir={here}/models"]
    run += [f"--cache_dir={home}/cache", "--experiment=gaussian", *SMALL, "--batch_size=20"]
    for flags in (
        run,
        ["--mode=report", f"--run_dir={here}", f"--report_dir={here}/report"],
        ["--flagfile=run/run.flags", "--run_dir=run"],
    ):
        done = _call(here, *flags, **private)
        assert done.returncode == 0, done.stderr
    words = [USER, SECRET, str(tmp_path)]
    names = [socket.gethostname()] if len(socket.gethostname()) > 5 else []
    found = []
    for path in sorted(here.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found += [(path, word) for word in words + names if word.encode() in content]
        found += [(path, "host")] if f".{socket.gethostname()}." in path.name else []
    assert found == []
