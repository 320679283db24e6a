"""Runs side by side by the command line."""

import json
import shutil

import program
import pytest

from aae_tf.cli.main import main

PICTURES = ("learning_curves", "codes", "samples", "reconstructions")


@pytest.fixture(scope="module")
def runs(undisturbed, place):
    """The undisturbed run, and one of another prior and seed on the same images."""
    flags = (*program.SMALL, "--experiment=sphere", "--epochs=1", "--seed=3")
    done = program.call(place, *flags, "--run_dir=on_sphere", "--export_dir=models")
    assert done.returncode == 0, done.stderr[-3000:]
    return "--runs=undisturbed,on_sphere"


def _main(place, monkeypatch, capsys, *flags):
    monkeypatch.chdir(place)
    status = main(["run_experiment.py", "--mode=compare", *flags])
    return status, capsys.readouterr()


def test_compare_leaves_pictures_and_tables(runs, place, monkeypatch, capsys):
    status, said = _main(place, monkeypatch, capsys, runs, "--run_dir=side_by_side")
    assert (status, said.err) == (0, "")
    folder = place / "side_by_side"
    names = {f"{name}.png" for name in PICTURES} | {"comparison.md", "comparison.json"}
    assert {path.name for path in folder.iterdir()} == names
    for name in PICTURES:
        assert (folder / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert f"figure: side_by_side/{name}.png" in said.out
    table = json.loads((folder / "comparison.json").read_text())
    assert [row["run"] for row in table] == ["AAE, Gaussian", "AAE, sphere"]
    for row, name in zip(table, ("undisturbed", "on_sphere"), strict=True):
        metrics = program.read_json(place / name, "result.json")["metrics"]
        for measure, value in row["metrics"].items():
            assert value == metrics[f"test/{measure}"]
    assert table[0]["metrics"]["empty_region"] + table[0]["metrics"]["coverage"] == 1


def test_comparing_again_gives_the_same_bytes(runs, place, monkeypatch, capsys):
    for target in ("once", "twice"):
        flags = (runs, f"--run_dir={target}", "--figure_format=pdf")
        assert _main(place, monkeypatch, capsys, *flags)[0] == 0
    for name in PICTURES:
        assert (place / "once" / f"{name}.pdf").read_bytes()[:5] == b"%PDF-"
    for path in (place / "once").iterdir():
        assert path.read_bytes() == (place / "twice" / path.name).read_bytes(), path.name


def test_a_run_without_checkpoint_is_named_and_the_rest_is_drawn(runs, place, monkeypatch, capsys):
    shutil.copytree(place / "on_sphere", place / "bare", dirs_exist_ok=True)
    shutil.rmtree(place / "bare" / "checkpoints")
    flags = ("--runs=undisturbed,bare", "--run_dir=without")
    status, said = _main(place, monkeypatch, capsys, *flags)
    assert status == 0
    assert "bare has no checkpoint: codes, samples and reconstructions are left out" in said.err
    names = {"learning_curves.png", "comparison.md", "comparison.json"}
    assert {path.name for path in (place / "without").iterdir()} == names
    assert not (place / "bare" / "checkpoints").exists()


@pytest.mark.parametrize(
    "given", ["", "undisturbed", "undisturbed,nothing", "on_sphere,./on_sphere"]
)
def test_what_cannot_be_compared_is_one_line(runs, place, monkeypatch, capsys, given):
    status, said = _main(place, monkeypatch, capsys, f"--runs={given}", "--run_dir=refused")
    assert status in (1, 2)
    assert said.err.startswith("error: --runs=") and said.err.count("\n") == 1
    assert not (place / "refused").exists()


def test_images_that_are_gone_are_one_line(runs, place, monkeypatch, capsys):
    (place / "bars.npz").rename(place / "elsewhere.npz")
    try:
        status, said = _main(place, monkeypatch, capsys, runs, "--run_dir=refused")
    finally:
        (place / "elsewhere.npz").rename(place / "bars.npz")
    assert status == 1
    assert said.err.startswith("error: --dataset=bars.npz") and said.err.count("\n") == 1
    assert not (place / "refused").exists()
