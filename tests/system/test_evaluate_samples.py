"""A finished run is judged by its samples afterwards; nothing else of it changes."""

import pathlib
import shutil

import program
import pytest

from aae_tf.cli.main import main

ASK = ("--sample_quality", "--quality_samples=200", "--cache_dir=cache")


@pytest.fixture(scope="module")
def judged(undisturbed, place, tmp_path_factory):
    """A copy of the finished run after it was evaluated with samples; what was said; its place."""
    folder = tmp_path_factory.mktemp("judged")
    shutil.copytree(undisturbed[1], folder / "run")
    shutil.copy(place / "bars.npz", folder)
    done = program.call(folder, "--mode=evaluate", "--run_dir=run", *ASK)
    assert done.returncode == 0, done.stderr[-3000:]
    return done, folder


def test_the_numbers_are_added_to_a_finished_run(judged, undisturbed):
    done, folder = judged
    before = program.read_json(undisturbed[1], "result.json")
    after = program.read_json(folder / "run", "result.json")
    old, new = before.pop("metrics"), after.pop("metrics")
    judged_by = {**before.pop("evaluation"), "sample_quality": True, "quality_samples": 200}
    assert after.pop("evaluation") == judged_by
    assert after == before
    assert {key: new[key] for key in old} == pytest.approx(old, rel=1e-6)
    for split in ("validation", "test"):
        for name in ("fid_classifier", "precision", "sharpness", "nearest_training_distance"):
            assert f"{split}/{name}" in new and f"{split}/{name}_of_data" in new
        assert new[f"{split}/quality_samples"] == 200
        assert new[f"{split}/classifier_accuracy"] > 0.95
    assert program.error_lines(done) == []


def test_the_table_has_the_datas_own_numbers_beside(judged):
    head, *rows = judged[0].stdout.splitlines()
    assert head.split("  ")[-1].strip() == "data itself"
    named = {row.split()[0]: row.split()[1:] for row in rows if row.strip()}
    assert len(named["fid_classifier"]) == 3 and len(named["classifier_accuracy"]) == 2
    assert not [name for name in named if name.endswith("_of_data")]
    row = next(row for row in rows if row.startswith("fid_classifier"))
    assert len(row) == len(head)


def test_settings_and_weights_of_the_run_stay(judged, undisturbed):
    for name in ("settings.json", "run.flags", "metrics.csv", "provenance.json", "data.json"):
        found = (judged[1] / "run" / name).read_bytes()
        assert found == (undisturbed[1] / name).read_bytes()
    assert len(list((judged[1] / "cache").rglob("*.npz"))) == 1


def test_a_run_that_is_there_can_be_gone_on_with_and_asked_for_samples(judged, flags):
    _, folder = judged
    shutil.copytree(folder / "run", folder / "again")
    (folder / "again" / "result.json").unlink()
    done = program.call(folder, *flags, "--run_dir=again", "--export_dir=models", *ASK)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resumed at step 600" in done.stderr
    assert program.state(folder / "again") == program.state(folder / "run")
    found, before = (
        program.read_json(folder / name, "result.json")["metrics"] for name in ("again", "run")
    )
    assert found == pytest.approx(before, rel=1e-4)
    assert (folder / "again/figures/nearest.png").stat().st_size > 3000


@pytest.mark.parametrize(
    "more, expected",
    [
        (["--quality_samples=99"], "--quality_samples=99: expected at least 100"),
        (["--inception_weights=a.npz"], "--inception_weights=a.npz: expected imagenet, a"),
        (["--inception_weights=a.h5"], "--inception_weights=a.h5: no such file; expected"),
        (["--cache_dir=bars.npz"], "bars.npz is not a folder that can be written to"),
        (["--epochs=9"], "expected no other flags than those of how to evaluate"),
    ],
)
def test_what_cannot_judge_is_refused_in_a_line(judged, monkeypatch, capsys, more, expected):
    monkeypatch.chdir(judged[1])
    before = pathlib.Path("run/result.json").read_bytes()
    command = ["run_experiment.py", "--mode=evaluate", "--run_dir=run", *ASK]
    assert main([*command, *more]) != 0
    said = capsys.readouterr().err
    assert expected in said and said.count("\n") == 1
    assert pathlib.Path("run/result.json").read_bytes() == before


def test_export_takes_no_flags_of_evaluation(judged, monkeypatch, capsys):
    monkeypatch.chdir(judged[1])
    assert main(["run_experiment.py", "--mode=export", "--run_dir=run", *ASK]) == 1
    assert "expected no other flags" in capsys.readouterr().err
