"""Which runs may continue in a folder, what it holds of its run; metrics.csv, exact to the bit."""

import dataclasses
import json
import logging
import os
import socket

import numpy as np
import pytest
import tiny

from aae_tf import experiments
from aae_tf.cli import flags
from aae_tf.cli.modes import MODES
from aae_tf.errors import RunFolderError
from aae_tf.results.run_folder import RunFolder, check_folder, identity
from aae_tf.settings import flatten, override


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(tmp_path / "run")
    made.start(tiny.settings(), tiny.data())
    return made


def _refusal(folder, settings):
    with pytest.raises(RunFolderError) as caught:
        folder.check(settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_new_and_empty_folders_are_fine(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new", "deep/new"):
        RunFolder(tmp_path / name).check(tiny.settings())
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_the_same_settings_may_go_on(folder):
    assert folder.holds_run
    folder.check(tiny.settings())
    assert folder.read_settings() == tiny.settings()


def test_settings_that_change_no_result_may_differ(folder):
    folder.check(
        tiny.settings(steps_per_call=3, xla=False, checkpoint_minutes=1, strategy="one_device")
    )


def test_other_settings_are_refused_and_every_one_is_named(folder):
    message = _refusal(folder, tiny.settings(seed=3, encoder_units="9", prior_scale=2.0))
    for part in ("--seed: 0, now 3", "--encoder_units: 16,8, now 9", "--prior_scale: 1.0, now 2.0"):
        assert part in message
    assert message.count(", now ") == 3
    assert str(folder.path) in message


def test_another_experiment_or_recipe_is_refused(folder):
    other = {"discriminator_noise": 0.0, "latent_dim": 2}
    message = _refusal(folder, tiny.settings("uniform", **other))
    assert "--experiment: gaussian, now uniform" in message
    assert "--recipe: practical, now paper" in _refusal(folder, tiny.settings(recipe="paper"))


@pytest.mark.parametrize("schedule", ["constant", "2:0.1"])
def test_more_epochs_are_fine_where_no_rate_hangs_on_their_number(tmp_path, schedule):
    folder = RunFolder(tmp_path / "run")
    folder.start(tiny.settings(epochs=3, generator_schedule=schedule), tiny.data())
    folder.check(tiny.settings(epochs=5, generator_schedule=schedule))
    message = _refusal(folder, tiny.settings(epochs=2, generator_schedule=schedule))
    assert "--epochs: 3, now 2" in message


@pytest.mark.parametrize("phase", ["reconstruction", "discriminator", "generator"])
def test_more_epochs_are_refused_where_a_cosine_would_bend(tmp_path, phase):
    folder, cosine = RunFolder(tmp_path / "run"), {f"{phase}_schedule": "cosine"}
    folder.start(tiny.settings(epochs=3, **cosine), tiny.data())
    assert "--epochs: 3, now 5" in _refusal(folder, tiny.settings(epochs=5, **cosine))


def test_a_folder_of_foreign_files_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    (tmp_path / "figures").mkdir()
    message = _refusal(RunFolder(tmp_path), tiny.settings())
    assert "holds no run" in message
    assert {p.name for p in tmp_path.iterdir()} == {"thesis.tex", "figures"}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "run").write_text("a file")
    _refusal(RunFolder(tmp_path / "run"), tiny.settings())


def test_what_a_run_killed_at_its_start_leaves_is_no_obstacle(folder):
    (folder.path / "settings.json").unlink()
    (folder.path / ".settings.json.123.tmp").write_text('{"expe')
    folder.check(tiny.settings())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"experiment": "gaussian"}',
        '{"experiment": "no", "recipe": "paper"}',
        "\x00\x01",
    ],
)
def test_unreadable_settings_are_one_line(folder, content):
    (folder.path / "settings.json").write_text(content)
    assert "settings.json" in _refusal(folder, tiny.settings())


def test_settings_with_a_wrong_value_are_one_line(folder):
    flat = flatten(tiny.settings()) | {"batch_size": -1}
    (folder.path / "settings.json").write_text(json.dumps(flat))
    assert "batch_size" in _refusal(folder, tiny.settings())


def test_two_processes_cannot_run_in_one_folder(folder):
    with folder.locked():
        with pytest.raises(RunFolderError, match="another process"), folder.locked():
            pass
        with pytest.raises(RunFolderError, match="another process"), folder.locked():
            pass
    with folder.locked():
        folder.check(tiny.settings())


def test_the_refusal_names_process_and_host(folder):
    with folder.locked():
        (folder.path / ".lock").unlink()  # which lets nobody in
        with pytest.raises(RunFolderError, match="another process runs in it"), folder.locked():
            pass
    who = f"process {os.getpid()} on {socket.gethostname()}"
    with folder.locked(), pytest.raises(RunFolderError, match=who), folder.locked():
        pass


def test_leftovers_of_killed_processes_go(folder):
    names = {p.relative_to(folder.path) for p in folder.path.rglob("*")}
    (folder.checkpoints / "ckpt-20_temp").mkdir()
    (folder.checkpoints / ".unfinished-20").mkdir()
    for name in (".result.json.7.tmp", "figures/.codes.png.7.tmp", "checkpoints/ckpt-x.index"):
        (folder.path / name).write_text("")
    folder.remove_leftovers()
    assert {p.relative_to(folder.path) for p in folder.path.rglob("*")} == names


TRACES = {
    "result.json": '{"epochs": 1, "metrics": {}}',
    "provenance.json": '{"step": 20}',
    "metrics.csv": "step,epoch\n10,1\n",
}


@pytest.mark.parametrize("name", TRACES)
def test_without_a_checkpoint_a_run_that_was_trained_is_not_begun_anew(folder, name):
    folder.check_progress(None)
    (folder.path / name).write_text(TRACES[name])
    with pytest.raises(RunFolderError, match=f"has no checkpoint, but {name}"):
        folder.check_progress(None)
    folder.check_progress(20)


def test_an_older_checkpoint_than_the_provenance_tells_is_noted(folder, caplog):
    (folder.path / "provenance.json").write_text('{"step": 40}')
    with caplog.at_level(logging.INFO, "aae_tf"):
        folder.check_progress(40)
        assert caplog.messages == []
        folder.check_progress(20)
    assert "the checkpoint of step 40 is gone" in caplog.text


@pytest.mark.parametrize("name", ["result.json", "provenance.json"])
@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"metrics": 3}',
        '{"metrics": {"test/mmd": "low"}}',
        '{"step": "20"}',
        '{"earlier": [3]}',
        '{"earlier": [{"step": {}}]}',
        '{"epochs": null}',
        "\x00",
    ],
)
def test_files_of_nonsense_are_one_line_and_stay(folder, name, content):
    (folder.path / name).write_text(content)
    with pytest.raises(RunFolderError, match=rf"{name} can't be used \(") as caught:
        folder.read_json(name)
    assert len(str(caught.value).splitlines()) == 1
    assert (folder.path / name).read_text() == content


def test_a_run_is_known_by_what_changes_it(folder):
    described = tiny.data().describe()
    known = identity(tiny.settings(), described)
    for same in ({"epochs": 9}, {"steps_per_call": 3}):
        assert identity(tiny.settings(**same), described) == known
    for other in ({"seed": 5}, {"generator_learning_rate": 1e-5}, {"encoder_units": "16,9"}):
        assert identity(tiny.settings(**other), described) != known
    assert identity(tiny.settings(), tiny.data(train=63).describe()) != known


@pytest.mark.parametrize("name", ["a file", "a file/below", "x" * 300])
def test_a_place_that_can_hold_no_folder_is_refused(tmp_path, name):
    (tmp_path / "a file").write_text("content")
    with pytest.raises(RunFolderError, match="--export_dir="):
        check_folder("export_dir", tmp_path / name)
    check_folder("export_dir", tmp_path / "new/deep")
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_other_images_than_the_runs_are_refused(folder):
    folder.check_data(tiny.data())
    with pytest.raises(RunFolderError, match="other images"):
        folder.check_data(tiny.data(train=63))
    RunFolder(folder.path.parent / "new").check_data(tiny.data(train=63))


@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_other_pixels_or_labels_in_any_split_are_refused_by_name(folder, name, part):
    data = tiny.data()
    split = data.splits[name]
    other = dataclasses.replace(split, **{part: np.roll(getattr(split, part), 1, axis=0)})
    key = "sha256_of_labels" if part == "labels" else f"sha256_of_{name}"
    with pytest.raises(RunFolderError, match=rf"other images or labels than in .*\({key}\)"):
        folder.check_data(dataclasses.replace(data, **{name: other}))


def test_older_data_json_is_compared_on_what_it_has(folder):
    told = folder.read_data()
    for key in ("sha256_of_validation", "sha256_of_test", "sha256_of_labels"):
        del told[key]
    (folder.path / "data.json").write_text(json.dumps(told))
    data = tiny.data()
    folder.check_data(data)
    other = dataclasses.replace(data.test, images=data.test.images ^ 1)
    folder.check_data(dataclasses.replace(data, test=other))
    other = dataclasses.replace(data.train, images=data.train.images ^ 1)
    with pytest.raises(RunFolderError, match=r"\(sha256_of_train\)"):
        folder.check_data(dataclasses.replace(data, train=other))


def test_the_same_file_in_other_words_is_the_same_data(folder, empty_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(empty_folder))
    (empty_folder / "a.npz").write_bytes(b"")
    (empty_folder / "b.npz").write_bytes(b"")
    settings = [
        tiny.settings(dataset=name)
        for name in ("a.npz", "./a.npz", "~/a.npz", str(empty_folder / "a.npz"))
    ]
    data = [dataclasses.replace(tiny.data(), name=some.data.dataset) for some in settings]
    folder.start(settings[0], data[0])
    for some, of_it in zip(settings, data, strict=True):
        folder.check(some)
        folder.check_data(of_it)
    with pytest.raises(RunFolderError, match=r"--dataset: a\.npz, now b\.npz"):
        folder.check(tiny.settings(dataset="b.npz"))


def test_data_json_tells_sizes_shape_and_classes(folder):
    told = folder.read_data()
    assert told["image_shape"] == [8, 8, 1]
    assert told["sizes"] == {"train": 64, "validation": 40, "test": 20}
    assert told["class_names"] == ["top", "middle", "bottom"]


@pytest.mark.parametrize(
    "content", ["", "{}", '{"image_shape": []}', '{"image_shape": [8, 0]}', '{"image_shape": 3}']
)
def test_unreadable_data_json_is_one_line(folder, content):
    (folder.path / "data.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"data\.json can't be used"):
        folder.read_data()


def test_run_flags_repeat_the_settings(folder):
    values = flags.define(dict.fromkeys(MODES, ""))
    values(["program", f"--flagfile={folder.path / 'run.flags'}"])
    given = flags.given(values)
    assert {**given, "experiment": values.experiment, "recipe": values.recipe} == flatten(
        tiny.settings()
    )


def test_a_setting_that_an_older_run_did_not_know_is_not_the_recipes(folder):
    file = folder.path / "settings.json"
    flat = json.loads(file.read_text())
    recipe = experiments.settings_of(flat["experiment"], flat["recipe"])
    assert recipe.training.discriminator_noise != 0
    del flat["discriminator_noise"]
    file.write_text(json.dumps(flat))
    assert folder.read_settings().training.discriminator_noise == 0


def test_result_json_has_how_samples_were_evaluated(folder):
    settings = override(tiny.settings(), {"sample_quality": True, "inception_weights": "imagenet"})
    folder.write_result(settings, 3.0, {}, 1.0)
    result = json.loads((folder.path / "result.json").read_text())
    assert result["evaluation"]["sample_quality"] is True
    assert result["evaluation"]["inception_weights"] == "imagenet"


def test_result_json_has_what_a_report_collates(folder):
    folder.write_result(tiny.settings(seed=4), 3.0, {"test/mmd": 0.25}, 12.345)
    assert json.loads((folder.path / "result.json").read_text()) == {
        "experiment": "gaussian",
        "recipe": "practical",
        "seed": 4,
        "epochs": 3.0,
        "metrics": {"test/mmd": 0.25},
        "evaluation": {
            "sample_quality": False,
            "quality_samples": 10000,
            "inception_weights": "",
            "sampler": "prior",
            "sampler_components": 10,
            "likelihood_samples": "0",
        },
        "paper": {},
        "wall_seconds": 12.3,
    }
