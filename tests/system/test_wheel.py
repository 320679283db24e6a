"""The sdist, and the wheel that is made of it alone: outside the checkout a row of it trains."""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
from email import message_from_string

import flagfile
import pytest

import aae_tf

ROOT = pathlib.Path(__file__).parents[2]
FLAGFILES = list(flagfile.FOLDER.rglob("*.*"))
SCRIPTS = ("explorer", "plane", "gestures", "features", "walk", "own", "save")
PAGE = {
    f"aae_tf/serving/explorer/{name}"
    for name in ("page.html", "explorer.css", *(f"{name}.js" for name in SCRIPTS))
}
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


def _call(*command, cwd=None, **environment):
    """What the command says; it has to succeed."""
    command, environment = list(map(str, command)), {**os.environ, **environment}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A folder of the sdist and the wheel."""
    folder = tmp_path_factory.mktemp("build")
    left_out = shutil.ignore_patterns("__pycache__")
    for name in ("aae_tf", "flags", "tests/docs"):
        shutil.copytree(ROOT / name, folder / "checkout" / name, ignore=left_out)
    for file in [*ROOT.glob("*.*"), ROOT / "LICENSE"]:
        if file.is_file():
            shutil.copy(file, folder / "checkout")
    shutil.copy(ROOT / "tests/test_seeds.py", folder / "checkout/tests")
    build = [sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check"]
    _call(*build, "--outdir", folder / "dist", folder / "checkout")
    return folder / "dist"


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory):
    """A folder of what the wheel installs."""
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = dist.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-compile"]
    _call(*install, "--target", folder, wheel)
    return folder


def test_an_index_takes_both_files(dist):
    names = sorted(file.name for file in dist.iterdir())
    stem = f"aae_tf-{aae_tf.__version__}"
    assert names == [f"{stem}-py3-none-any.whl", f"{stem}.tar.gz"]
    said = _call(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir(), NO_COLOR="1")
    assert said.count("PASSED") == 2, said


def test_the_sdist_has_all_but_the_tests(dist):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    flagfiles = {f"flags/{path.relative_to(flagfile.FOLDER)}" for path in FLAGFILES}
    also = {"LICENSE", "README.md", "CITATION.cff", "requirements.lock", "run_experiment.py"}
    assert flagfiles | also | {"aae_tf/py.typed"} | PAGE <= files
    assert not [name for name in files if name.startswith("tests")]


def test_the_wheel_says_what_it_is(installed):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    said = message_from_string(metadata.read_text())
    assert said["Version"] == aae_tf.__version__ and said["Author"] == "The aae_tf authors"
    assert "Apache-2.0" in (said["License"], said["License-Expression"])
    assert said["Requires-Python"] == "<3.14,>=3.10"
    assert {"client", "docs", "onnx", "postgresql", "test"} == set(said.get_all("Provides-Extra"))
    assert all((installed / name).exists() for name in {"aae_tf/py.typed"} | PAGE)


def test_its_command_works_in_any_folder(installed, tmp_path):
    listed = _call(installed / "bin/aae-tf", "--mode=list", cwd=tmp_path, PYTHONPATH=str(installed))
    assert "semi_supervised" in listed and "aae/table2_mnist_100.flags" in listed


def _python(installed, cwd, *arguments):
    """Runs Python with what the wheel installs instead of the checkout."""
    return _call(sys.executable, "-c", *arguments, cwd=cwd, PYTHONPATH=str(installed))


def test_it_has_every_flagfile_and_space_and_nothing_beside_the_package(installed):
    there = {path.relative_to(installed / "aae_tf/flagfiles") for path in _files(installed)}
    assert there == {path.relative_to(flagfile.FOLDER) for path in FLAGFILES}
    names = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert names == {"aae_tf", "bin"}
    assert [path.name for path in (installed / "bin").iterdir()] == ["aae-tf"]


def _files(installed):
    return [path for path in (installed / "aae_tf/flagfiles").rglob("*") if path.is_file()]


def test_its_flagfiles_give_the_settings_of_the_checkouts(installed, tmp_path):
    names = [str(file.relative_to(flagfile.FOLDER)) for file in flagfile.FILES]
    said = _python(installed, tmp_path, SETTINGS, installed, *names)
    expected = [str(flagfile.settings(f"--flagfile={file}")) for file in flagfile.FILES]
    assert said.splitlines() == expected


def test_a_row_of_it_trains_outside_the_checkout(installed, tmp_path):
    small = [f"--{network}_units=8" for network in ("encoder", "decoder", "discriminator")]
    _python(
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
    assert (tmp_path / "run/result.json").exists()
