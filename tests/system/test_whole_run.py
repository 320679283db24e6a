"""A command leaves what it promises, and can be repeated, evaluated and exported."""

import csv
import shutil

import program
import pytest
import tensorflow as tf

from aae_tf.cli.main import main

FILES = (
    "settings.json",
    "run.flags",
    "data.json",
    "provenance.json",
    "metrics.csv",
    "result.json",
    "checkpoints/checkpoint",
    "figures/codes.png",
    "figures/interpolations.png",
    "figures/learning_curves.png",
    "figures/manifold.png",
    "figures/reconstructions.png",
    "figures/samples.png",
    "eval/codes.tsv",
    "eval/metadata.tsv",
    "eval/sprite.png",
    "eval/projector_config.pbtxt",
)


def test_run_leaves_every_file(undisturbed, place):
    _, folder = undisturbed
    for name in FILES:
        assert (folder / name).stat().st_size > 0, name
    for name in ("train", "eval"):
        assert len(list((folder / name).glob("events.out.tfevents.*"))) == 1
    assert not list(folder.rglob("*.tmp"))
    assert (place / "models/gaussian_bars/1/saved_model.pb").exists()


def test_result_has_what_a_report_collates(undisturbed):
    result = program.read_json(undisturbed[1], "result.json")
    wanted = {
        "experiment",
        "recipe",
        "seed",
        "epochs",
        "metrics",
        "evaluation",
        "paper",
        "wall_seconds",
    }
    assert set(result) == wanted
    assert (result["experiment"], result["recipe"]) == ("gaussian", "practical")
    assert (result["seed"], result["epochs"]) == (0, 2)
    assert result["wall_seconds"] > 0
    for split in ("validation", "test"):
        assert 0 < result["metrics"][f"{split}/reconstruction_error"] < 32
        for name in ("sliced_wasserstein", "mmd", "mean_error", "covariance_error"):
            assert f"{split}/{name}" in result["metrics"]
            assert f"{split}/{name}_of_prior" in result["metrics"]


def test_provenance_says_how_the_numbers_came_about(undisturbed):
    told = program.read_json(undisturbed[1], "provenance.json")
    assert told["step"] == 600
    assert len(told["state_sha256"]) == 64
    assert "--encoder=gaussian" in told["command"]
    assert set(told["packages"]) >= {"tensorflow", "keras", "numpy"}
    assert told["machine"]["cores"] >= 1 and told["machine"]["devices"]


def test_metrics_end_where_the_result_is(undisturbed):
    with open(undisturbed[1] / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["300", "600"]
    metrics = program.read_json(undisturbed[1], "result.json")["metrics"]
    for key, value in metrics.items():
        if key.startswith("validation/"):
            assert float(rows[-1][key]) == pytest.approx(value, rel=1e-6)


def test_words_on_the_terminal_tell_figures_and_what_comes_next(undisturbed):
    done, _ = undisturbed
    assert "run folder: undisturbed\n" in done.stderr
    for word in ("reconstruction_error", "--mode=explore", "tensorboard --logdir=undisturbed"):
        assert word in done.stdout
    assert program.error_lines(done) == []


def test_same_command_on_a_finished_run_changes_no_weight_and_no_metric(undisturbed, place, flags):
    # Provenance too: the program that only looked at a run isn't the one that trained it.
    kept = ("metrics.csv", "run.flags", "provenance.json")
    before = {name: (undisturbed[1] / name).read_bytes() for name in kept}
    state = program.state(undisturbed[1])
    result = program.read_json(undisturbed[1], "result.json")
    done = program.call(place, *flags, "--run_dir=undisturbed", "--export_dir=models")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resumed at step 600" in done.stderr
    assert program.state(undisturbed[1]) == state
    assert program.read_json(undisturbed[1], "result.json") == result
    for name, content in before.items():
        assert (undisturbed[1] / name).read_bytes() == content
    assert "exported already: models/gaussian_bars/1" in done.stderr
    assert not (place / "models/gaussian_bars/2").exists()


def test_run_flags_repeat_the_run_to_the_bit_in_calls_of_another_length(undisturbed, place):
    again = ("--flagfile=undisturbed/run.flags", "--run_dir=again", "--steps_per_call=20")
    done = program.call(place, *again, "--export_dir=others")
    assert done.returncode == 0, done.stderr[-3000:]
    assert program.state(place / "again") == program.state(undisturbed[1])
    for name in ("metrics.csv", "figures/codes.png", "eval/codes.tsv", "data.json"):
        assert (place / "again" / name).read_bytes() == (undisturbed[1] / name).read_bytes()


def test_evaluate_measures_the_same_again(undisturbed, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    result = program.read_json(undisturbed[1], "result.json")
    (undisturbed[1] / "result.json").unlink()
    assert main(["run_experiment.py", "--mode=evaluate", "--run_dir=undisturbed"]) == 0
    again = program.read_json(undisturbed[1], "result.json")
    assert again.pop("metrics") == pytest.approx(result.pop("metrics"), rel=1e-6)
    assert again == result
    assert "reconstruction_error" in capsys.readouterr().out


def test_export_writes_the_next_version(undisturbed, place, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(place)
    command = ["run_experiment.py", "--mode=export", "--run_dir=undisturbed"]
    for version in ("1", "2"):
        assert main([*command, f"--export_dir={tmp_path}"]) == 0
        assert str(tmp_path / "gaussian_bars" / version) in capsys.readouterr().out
    served, trained = (
        tf.saved_model.load(str(folder)).signatures["sample"](
            seed=tf.constant([1, 2]), count=tf.constant(3)
        )
        for folder in (tmp_path / "gaussian_bars/2", place / "models/gaussian_bars/1")
    )
    assert (served["images"].numpy() == trained["images"].numpy()).all()


def test_a_copy_of_a_run_folder_serves_as_well(undisturbed, place, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    shutil.copytree(undisturbed[1], tmp_path / "copy")
    command = ["run_experiment.py", "--mode=export", f"--run_dir={tmp_path / 'copy'}"]
    assert main([*command, f"--export_dir={tmp_path}"]) == 0
    assert (tmp_path / "gaussian_bars/1/saved_model.pb").exists()
