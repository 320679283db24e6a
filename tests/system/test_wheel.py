"""The wheel, outside the checkout: its flagfiles are found by name, and a row of it trains."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import flagfile
import pytest

ROOT = pathlib.Path(__file__).parents[2]
RUN = "from aae_tf.cli.main import main; raise SystemExit(main())"
SETTINGS = """
import sys
from aae_tf.cli import flags
from aae_tf.experiments import command, settings_of
from aae_tf.settings import override
assert command.FLAGFILES.is_relative_to(sys.argv[1]), command.FLAGFILES
for name in sys.argv[2:]:
    values = flags.define({"train": ""})
    flags.parse(values, ["program", f"--flagfile={name}"])
    print(override(settings_of(values.experiment, values.recipe), flags.given(values)))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder of what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns("__pycache__")
    for name in ("aae_tf", "flags"):
        shutil.copytree(ROOT / name, folder / "checkout" / name, ignore=left_out)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "checkout")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "-w", folder, folder / "checkout"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    return folder / "installed"


def _python(installed, cwd, *arguments):
    """Runs Python with what the wheel installs instead of the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_it_has_every_flagfile_and_space_and_nothing_beside_the_package(installed):
    there = {path.relative_to(installed / "aae_tf/flagfiles") for path in _files(installed)}
    assert there == {path.relative_to(flagfile.FOLDER) for path in flagfile.FOLDER.rglob("*.*")}
    assert [path.name for path in installed.iterdir() if path.suffix != ".dist-info"] == ["aae_tf"]


def _files(installed):
    return [path for path in (installed / "aae_tf/flagfiles").rglob("*") if path.is_file()]


def test_its_flagfiles_give_the_settings_of_the_checkouts(installed, tmp_path):
    names = [str(file.relative_to(flagfile.FOLDER)) for file in flagfile.FILES]
    done = _python(installed, tmp_path, SETTINGS, installed, *names)
    assert done.returncode == 0, done.stderr[-3000:]
    expected = [str(flagfile.settings(f"--flagfile={file}")) for file in flagfile.FILES]
    assert done.stdout.splitlines() == expected


def test_a_row_of_it_trains_outside_the_checkout(installed, tmp_path):
    small = [f"--{network}_units=8" for network in ("encoder", "decoder", "discriminator")]
    done = _python(
        installed,
        tmp_path,
        RUN,
        "--flagfile=aae/figure2a_gaussian.flags",
        "--epochs=1",
        "--batch_size=1000",
        "--run_dir=run",
        "--export_dir=",
        *small,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run/result.json").exists()
