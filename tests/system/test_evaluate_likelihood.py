"""The log-likelihood of a finished run, stopped amid it, and of the Toronto Face Database."""

import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import program
import pytest
import scipy.io
import tiny

from aae_tf.cli.main import main

MANY = 100_000
ASK = ("--mode=evaluate", f"--likelihood_samples=1000,{MANY}")
DRAWS = pathlib.Path(__file__).parents[2] / "benchmarks/likelihood_draws.py"
FLAGFILE = pathlib.Path(__file__).parents[2] / "flags/aae/table1_tfd.flags"


@pytest.fixture(scope="module")
def judged(undisturbed, place, tmp_path_factory):
    """A copy of the finished run after it was evaluated: what was said, and where it lies."""
    folder = tmp_path_factory.mktemp("likelihood")
    for name in ("run", "stopped", "terminated"):
        shutil.copytree(undisturbed[1], folder / name)
    shutil.copy(place / "bars.npz", folder)
    done = program.call(folder, *ASK, "--run_dir=run")
    assert done.returncode == 0, done.stderr[-3000:]
    return done, folder


def test_the_numbers_are_added_to_a_finished_run(judged, undisturbed):
    done, folder = judged
    old = program.read_json(undisturbed[1], "result.json")["metrics"]
    new = program.read_json(folder / "run", "result.json")["metrics"]
    assert {key: new[key] for key in old} == pytest.approx(old, rel=1e-6)
    for count in (1000, MANY):
        for split in ("validation", "test"):
            assert np.isfinite(new[f"{split}/log_likelihood_{count}"])
            assert 0.01 < new[f"{split}/log_likelihood_{count}_standard_error"] < 10
        assert 0.01 < new[f"test/parzen_sigma_{count}"] < 1
        assert new[f"test/parzen_error_{count}"] < 1e-3
    # More of the same samples are a better estimate, at a smaller sigma.
    assert new[f"test/log_likelihood_{MANY}"] > new["test/log_likelihood_1000"]
    assert new[f"test/parzen_sigma_{MANY}"] < new["test/parzen_sigma_1000"]
    assert f"log_likelihood_{MANY}" in done.stdout


@pytest.mark.parametrize(
    "name, number", [("stopped", signal.SIGINT), ("terminated", signal.SIGTERM)]
)
def test_stopped_it_goes_on_and_ends_with_the_same_bits(judged, name, number):
    folder = judged[1]
    kept = folder / f"{name}/likelihood/{MANY}_score.npz"
    command = (*ASK, f"--run_dir={name}")
    done = program.interrupt(folder, number, lambda said: kept.exists(), 0, *command)
    assert done.returncode == 128 + number, done.stderr[-3000:]
    assert done.stderr.strip().splitlines()[-1].endswith("error: interrupted")
    assert "Traceback" not in done.stderr
    before = program.read_json(folder / name, "result.json")["metrics"]
    assert f"test/log_likelihood_{MANY}" not in before
    with np.load(kept) as sums:
        assert 0 < sums["count"] < MANY
    done = program.call(folder, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    found, undisturbed = (
        program.read_json(folder / each, "result.json")["metrics"] for each in (name, "run")
    )
    assert found == undisturbed


@pytest.mark.parametrize("given", ["5,5", "0,5", "-3", "many", ""])
def test_numbers_that_make_no_sense_are_refused_in_a_line(judged, monkeypatch, capsys, given):
    monkeypatch.chdir(judged[1])
    command = ["run_experiment.py", "--mode=evaluate", "--run_dir=run"]
    assert main([*command, f"--likelihood_samples={given}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: --likelihood_samples={given}: expected 0, or ascending")
    assert said.count("\n") == 1


def test_the_luck_of_a_draw_is_told_from_validation_images_alone(judged):
    """The benchmark that compares runs: each draw's number, the same for the same run again."""
    folder = judged[1]
    asked = ["run", "stopped", "--draws=2", "--samples=500", "--sigmas=0.05,0.1,0.2,0.4"]
    done = subprocess.run(
        [sys.executable, str(DRAWS), *asked], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, again = (line.partition(": ")[2] for line in done.stdout.splitlines())
    assert first == again  # copies of one run
    listed, summed = first.split("; ")
    draws = np.array(listed.split(), float)
    mean, deviation = np.array(summed.split(" ± "), float)
    assert len(draws) == 2 and draws[0] != draws[1]
    assert mean == pytest.approx(draws.mean(), abs=0.01)
    assert deviation == pytest.approx(draws.std(ddof=1), abs=0.02)


def test_flagfile_of_the_toronto_face_database_runs_on_made_up_faces(empty_folder, capsys):
    folds = np.repeat([0, 1, 2, 3], [60, 60, 20, 20])
    made_up = {
        "images": tiny.images(160, side=48)[..., 0],
        "folds": np.stack([folds] * 5, 1).astype(np.uint8),
        "labs_ex": np.where(folds > 0, folds, -1)[:, None].astype(np.int16),
    }
    scipy.io.savemat("TFD_48x48.mat", made_up)
    units = [f"--{name}_units=16" for name in ("encoder", "decoder", "discriminator")]
    small = ["--likelihood_samples=300", "--batch_size=10", "--epochs=1"]
    status = main(
        [
            "run_experiment.py",
            f"--flagfile={FLAGFILE}",
            *units,
            *small,
            "--run_dir=run",
            "--export_dir=models",
        ]
    )
    assert status == 0, capsys.readouterr().err
    told = program.read_json(pathlib.Path("run"), "data.json")
    assert told["sizes"] == {"train": 120, "validation": 20, "test": 20}
    assert told["image_shape"] == [48, 48, 1]
    metrics = program.read_json(pathlib.Path("run"), "result.json")["metrics"]
    assert np.isfinite(metrics["test/log_likelihood_300"])
    assert pathlib.Path("run/figures/nearest.png").stat().st_size > 3000
    assert pathlib.Path("models/likelihood_TFD_48x48/1/saved_model.pb").exists()
