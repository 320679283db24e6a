"""Several seeds: which runs they are, which of them are finished, and what is refused."""

import json

import pytest

from aae_tf.cli.main import main
from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.experiments import settings_of
from aae_tf.results.run_folder import RunFolder
from aae_tf.settings import flatten, override
from aae_tf.sweep import seeds


@pytest.fixture
def settings():
    return override(settings_of("gaussian"), {"epochs": 3, "xla": False})


def _finish(run, epochs=3.0, state="ab"):
    """The files that a finished run leaves, as far as they are looked at."""
    run.folder.path.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("settings", flatten(run.settings)),
        ("result", {"epochs": epochs}),
        ("provenance", {"state_sha256": state}),
    ):
        (run.folder.path / f"{name}.json").write_text(json.dumps(content))


def _export(folder, state="ab"):
    extra = folder / "gaussian" / "1" / "assets.extra"
    extra.mkdir(parents=True)
    card = {"provenance": {"state_sha256": state}}
    (extra / "model_card.json").write_text(json.dumps(card))


@pytest.mark.parametrize("text, listed", [("0", (0,)), ("2,0,1", (2, 0, 1)), ("3, 4", (3, 4))])
def test_seeds_are_read_in_the_order_given(text, listed):
    assert seeds.parse_seeds(text) == listed


@pytest.mark.parametrize("text", ["", "a", "1,,2", "1,", "-1", "0,1,0", "1,01", "1.5", "9" * 5000])
def test_no_list_of_different_seeds_is_refused(text):
    with pytest.raises(SettingsError, match=r"--seeds=.*: expected different whole numbers"):
        seeds.parse_seeds(text)


@pytest.mark.parametrize(
    "flags, expected",
    [
        (["--seeds=1,1"], "--seeds=1,1: expected different whole numbers"),
        (["--seeds=0,1", "--seed=2"], "--seeds=0,1: expected no --seed with it"),
        (["--seed", "2", "--seeds=0,1"], "--seeds=0,1: expected no --seed with it"),
        (["--seeds=0,1", "--mode=evaluate"], "--seeds=0,1: expected --mode=train"),
        (["--seeds=4294967296"], "--seed=4294967296: expected from 0"),
    ],
)
def test_what_goes_with_no_seeds_is_told_in_one_line(empty_folder, capsys, flags, expected):
    assert main(["x", "--experiment=gaussian", *flags]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and expected in said.err
    assert not list(empty_folder.iterdir())


def test_no_two_processes_train_seeds_in_one_folder(settings, tmp_path):
    runs = seeds.runs_of(settings, (0, 1), tmp_path / "runs", None)
    (tmp_path / "runs").mkdir()
    alone = RunFolder(tmp_path / "runs").locked()
    with alone, pytest.raises(RunFolderError, match="another process runs in it"):
        seeds.train(runs)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".lock"]


def test_a_seed_in_a_flagfile_gives_way(empty_folder, capsys):
    (empty_folder / "run.flags").write_text("--experiment=gaussian\n--seed=5\n")
    (empty_folder / "taken" / "seed_1").mkdir(parents=True)
    (empty_folder / "taken" / "seed_1" / "thesis.txt").write_text("three years of work")
    assert main(["x", "--flagfile=run.flags", "--seeds=0,1", "--run_dir=taken"]) == 1
    assert "taken/seed_1: not empty and holds no run" in capsys.readouterr().err
    assert [path.name for path in (empty_folder / "taken").iterdir()] == ["seed_1"]


def test_each_seed_has_its_folder_and_the_first_is_exported(settings, tmp_path):
    runs = seeds.runs_of(settings, (4, 0), tmp_path / "runs", tmp_path / "models" / "mine")
    assert [run.folder.path.name for run in runs] == ["seed_4", "seed_0"]
    assert [run.seed for run in runs] == [4, 0]
    assert [run.model for run in runs] == [tmp_path / "models" / "mine", None]
    assert runs[1].arguments() == [
        "--experiment=gaussian",
        "--recipe=practical",
        "--epochs=3",
        "--xla=off",
        "--seed=0",
        f"--run_dir={tmp_path}/runs/seed_0",
        "--export_dir=",
    ]
    assert not (tmp_path / "runs").exists()


def test_the_folder_of_a_single_run_is_refused(settings, tmp_path):
    (run,) = seeds.runs_of(settings, (0,), tmp_path, None)
    _finish(run)
    with pytest.raises(RunFolderError, match="holds a single run"):
        seeds.runs_of(settings, (0,), run.folder.path, None)


def test_a_seed_of_other_settings_is_refused(settings, tmp_path):
    runs = seeds.runs_of(settings, (0, 1), tmp_path, None)
    _finish(runs[1])
    others = override(settings, {"latent_dim": 3})
    with pytest.raises(RunFolderError, match=r"seed_1: .*--latent_dim: 2, now 3"):
        seeds.runs_of(others, (0, 1), tmp_path, None)


def test_a_run_is_finished_with_the_result_of_all_its_epochs(settings, tmp_path):
    (run,) = seeds.runs_of(settings, (0,), tmp_path, None)
    assert not run.is_finished
    _finish(run, epochs=2.0)
    assert not run.is_finished
    _finish(run)
    assert run.is_finished
    (run.folder.path / "result.json").write_text("{")
    assert not run.is_finished


def _finished(settings, tmp_path, result=None, **asked):
    """Whether a run of these settings is finished for one who asks for others."""
    (finished,) = seeds.runs_of(settings, (0,), tmp_path, None)
    _finish(finished)
    if result is not None:
        (finished.folder.path / "result.json").write_text(json.dumps({"epochs": 3.0, **result}))
    (run,) = seeds.runs_of(override(settings, asked), (0,), tmp_path, None)
    return run.is_finished


def test_a_run_is_not_finished_without_the_metrics_asked_for(settings, tmp_path):
    asked = {"sample_quality": True}
    assert not _finished(settings, tmp_path, likelihood_samples="10000")
    assert not _finished(settings, tmp_path, **asked)
    assert _finished(settings, tmp_path, cache_dir="/elsewhere")
    evaluated = override(settings, {**asked, "likelihood_samples": "100,10000"})
    for same in ({}, asked, {"likelihood_samples": "10000"}, {"sample_quality": False}):
        assert _finished(evaluated, tmp_path, **same)
    for other in (
        {"quality_samples": 500},
        {"inception_weights": "imagenet"},
        {"likelihood_samples": "100,500"},
        {"sampler": "kde"},
    ):
        assert not _finished(evaluated, tmp_path, **other)


def test_what_the_result_was_evaluated_by_counts_not_what_the_settings_ask_for(settings, tmp_path):
    flags = {"sample_quality": True, "quality_samples": 500}
    assert _finished(settings, tmp_path, {"evaluation": flags}, **flags)
    evaluated = override(settings, flags)
    assert not _finished(evaluated, tmp_path, {"evaluation": {"sample_quality": False}})


@pytest.mark.parametrize(
    "result", [{"epochs": "3"}, {"epochs": None}, {"evaluation": []}, {"evaluation": {"no": 1}}]
)
def test_a_result_that_can_not_be_read_is_made_again(settings, tmp_path, result):
    assert not _finished(settings, tmp_path, result)


def test_a_run_to_be_exported_is_finished_with_its_own_export(settings, tmp_path):
    (run,) = seeds.runs_of(settings, (0,), tmp_path / "runs", tmp_path / "models" / "gaussian")
    _finish(run)
    assert not run.is_finished
    _export(tmp_path / "models", state="of another run")
    assert not run.is_finished
    _finish(run, state="of another run")
    assert run.is_finished
    (version,) = (tmp_path / "models").glob("*/[0-9]*")
    version.rename(version.with_name(".unfinished-0123"))  # as by an export that was killed
    assert not run.is_finished
