"""Runs that share all settings but the seed are one group, with the command that repeats them."""

import json

import pytest
import results

from aae_tf.cli import flags
from aae_tf.cli.modes import MODES
from aae_tf.experiments import settings_of
from aae_tf.results import report
from aae_tf.results.groups import groups_below
from aae_tf.settings import flatten, override

OWN = ("experiment", "recipe", "seed", "epochs")


LONG = {
    "encoder_units": "1000,900,800,700,600",
    "decoder_units": "1000,900,800,700,600",
    "discriminator_units": "1000,900",
    "generator_schedule": "50:0.1,1000:0.01",
    "dataset": "my images.npz",
}


@pytest.fixture
def folder(tmp_path):
    """Four seeds of one row, and runs that differ in more than the seed."""
    for seed in (3, 2, 1, 0):
        results.write(tmp_path / f"semi{seed}", "semi_supervised", seed=seed)
    results.write(tmp_path / "k", "semi_supervised", num_labels="1000")
    results.write(tmp_path / "wide", "gaussian")
    results.write(tmp_path / "paper", "gaussian", "paper")
    for clusters in (16, 30):
        results.write(tmp_path / str(clusters), "clustering", num_clusters=clusters)
    return tmp_path


def test_data_given_in_python_are_shown_so(tmp_path):
    results.write(tmp_path / "run", "gaussian", dataset="__python__:x")
    (group,) = groups_below(tmp_path)
    assert group.settings_text == "dataset=x, given in Python"
    assert "__python__" not in report.group_markdown(group)


def test_the_best_of_restarts_is_apart_from_plain_runs(folder):
    begun = {"epochs": 2, "score": "nmi", "scores": {"0": 0.5, "2": None, "3": 0.4}, "best": 0}
    (folder / "semi0" / "begun.json").write_text(json.dumps(begun))
    groups = [group for group in groups_below(folder) if group.seeds == [0]]
    settings = {"best_of": 3, "best_after": 2, "score": "nmi"}
    (group,) = [group for group in groups if group.settings == settings]
    assert group.experiment == "semi_supervised" and group.settings_text.startswith("best_of=3")
    # By the seed alone the run would be the same, and chosen among nothing.
    (command,) = group.commands
    assert command[-3:] == ["--seeds=0,2,3", "--best_after=2", "--score=nmi"]
    others = [group for group in groups_below(folder) if group.seeds == [1, 2, 3]]
    assert [group.settings for group in others] == [{}]


def test_runs_whose_samples_were_evaluated_otherwise_are_another_group(tmp_path):
    ways = [
        {},
        {"quality_samples": 500},
        {"inception_weights": "imagenet"},
        {"sampler": "kde"},
        {"sampler": "gmm", "sampler_components": 20},
    ]
    for seed, way in enumerate(ways * 2):
        results.write(tmp_path / f"run{seed}", seed=seed, sample_quality=True, **way)
    groups = [(dict(group.settings), group.seeds) for group in groups_below(tmp_path)]
    assert sorted(groups, key=lambda row: row[1]) == [
        (way, [number, number + len(ways)]) for number, way in enumerate(ways)
    ]
    commands = [group.commands[0] for group in groups_below(tmp_path)]
    assert sum("--sampler=gmm" in flags and "--sample_quality" in flags for flags in commands) == 1


def test_flags_of_an_evaluation_that_was_not_made_part_no_runs(tmp_path):
    for seed, count in enumerate((500, 600)):
        results.write(tmp_path / f"run{seed}", seed=seed, quality_samples=count)
    assert [group.seeds for group in groups_below(tmp_path)] == [[0, 1]]


def test_the_flags_of_a_later_evaluation_count(tmp_path):
    for seed in (0, 1):
        file = results.write(tmp_path / f"run{seed}", seed=seed) / "result.json"
        flags = {"sample_quality": True, "quality_samples": 500 * (seed + 1)}
        file.write_text(json.dumps({**json.loads(file.read_text()), "evaluation": flags}))
    groups = groups_below(tmp_path)
    assert [group.seeds for group in groups] == [[0], [1]]
    assert "--quality_samples=500" in groups[0].commands[0]


def test_settings_by_flags_are_in_the_group_of_the_recipe_that_they_are(tmp_path):
    of_recipe = flatten(settings_of("semi_supervised", "averaged"))
    by_flags = {flag: value for flag, value in of_recipe.items() if flag not in OWN}
    results.write(tmp_path / "0", "semi_supervised", epochs=100.0, **by_flags)
    results.write(tmp_path / "1", "semi_supervised", "averaged", epochs=100.0, seed=1)
    changed = by_flags | {"input_noise": 0.2}
    results.write(tmp_path / "2", "semi_supervised", epochs=100.0, seed=2, **changed)
    results.write(tmp_path / "3", "semi_supervised", epochs=100.0, seed=3)
    groups = [(group.recipe, group.settings_text, group.seeds) for group in groups_below(tmp_path)]
    assert groups == [
        ("averaged", "", [0, 1]),
        ("averaged", "input_noise=0.2", [2]),
        ("practical", "", [3]),
    ]
    command = groups_below(tmp_path)[1].commands[0]
    assert "--recipe=averaged" in command and "--input_noise=0.2" in command
    assert not any(flag.startswith("--average_decay") for flag in command)


def test_groups_are_in_the_papers_order(folder):
    rows = [(g.experiment, g.recipe, g.settings_text) for g in groups_below(folder)]
    assert rows == [
        ("gaussian", "paper", ""),
        ("gaussian", "practical", ""),
        ("semi_supervised", "practical", ""),
        ("semi_supervised", "practical", "num_labels=1000"),
        ("clustering", "practical", "num_clusters=16"),
        ("clustering", "practical", ""),
    ]


def test_numbers_in_settings_are_in_order_of_their_size(tmp_path):
    for units in (8, 16, 100, 2):
        results.write(tmp_path / str(units), prior_scale=float(units))
    texts = [group.settings_text for group in groups_below(tmp_path)]
    assert texts == [f"prior_scale={units}" for units in (2.0, 8.0, 16.0, 100.0)]


def _evaluated(folder, seed, count, weights=None, **settings):
    """A run whose samples were evaluated, in training or by --mode=evaluate with other weights."""
    metrics = {"quality_samples": float(count), "fid": 10.0 + seed}
    run = results.write(folder / f"{seed}", seed=seed, metrics=metrics, **settings)
    if weights is not None:
        result = json.loads((run / "result.json").read_text())
        evaluation = {"evaluation": {"inception_weights": weights}}
        (run / "result.json").write_text(json.dumps({**result, **evaluation}))


def test_the_number_of_samples_and_the_weights_part_runs(tmp_path):
    _evaluated(tmp_path, 0, 10_000)
    _evaluated(tmp_path, 1, 10_000, sample_quality=True)
    _evaluated(tmp_path, 2, 1000)
    _evaluated(tmp_path, 3, 1000, sample_quality=True, quality_samples=1000)
    _evaluated(tmp_path, 4, 10_000, inception_weights="/a/place/w.h5", sample_quality=True)
    _evaluated(tmp_path, 5, 10_000, "/other/w.h5")
    results.write(tmp_path / "none", seed=6, inception_weights="/a/w.h5", quality_samples=500)
    groups = {tuple(group.seeds): group for group in groups_below(tmp_path)}
    assert {seeds: group.settings_text for seeds, group in groups.items()} == {
        (0, 1, 6): "",
        (2, 3): "quality_samples=1000",
        (4, 5): "inception_weights=w.h5",
    }
    assert "--sample_quality" in groups[2, 3].commands[0]
    assert "--quality_samples=1000" in groups[2, 3].commands[0]
    assert "--inception_weights=/a/place/w.h5" in groups[4, 5].commands[0]


@pytest.mark.parametrize(
    "changes", [{}, LONG, {"xla": False, "batch_size": 7, "data_dir": "/a/place"}]
)
def test_the_command_gives_the_settings_again(tmp_path, changes):
    settings = override(settings_of("gaussian", "paper"), {**changes, "seed": 5})
    results.write(tmp_path / "run", "gaussian", "paper", seed=5, metrics={"mmd": 1.0}, **changes)
    (group,) = groups_below(tmp_path)
    values = flags.define(dict.fromkeys(MODES, ""))
    flags.parse(values, group.commands[0])
    again = override(settings_of(values.experiment, values.recipe), flags.given(values))
    assert flatten(again) == {**flatten(settings), "data_dir": ""}


def test_the_command_of_several_runs_names_their_seeds(tmp_path):
    for seed in range(3):
        results.write(tmp_path / str(seed), "semi_supervised", seed=seed)
    (group,) = groups_below(tmp_path)
    assert group.commands == [
        ["aae-tf", "--experiment=semi_supervised", "--recipe=practical", "--seeds=0,1,2"]
    ]


def test_each_choice_among_restarts_has_its_command(tmp_path):
    for seed, others in ((2, "0,1,2"), (3, "3,4,5")):
        results.write(tmp_path / str(seed), "clustering", seed=seed, metrics={"nmi": 0.5})
        scores = dict.fromkeys(others.split(","), 1.0)
        begun = {"epochs": 4, "score": "error_percent", "scores": scores, "best": seed}
        (tmp_path / str(seed) / "begun.json").write_text(json.dumps(begun))
    # The same choice on another machine, and one by another metric, which is a group of its own.
    results.write(tmp_path / "1", "clustering", seed=1, metrics={"nmi": 0.4})
    again = json.loads((tmp_path / "2" / "begun.json").read_text()) | {"best": 1}
    (tmp_path / "1" / "begun.json").write_text(json.dumps(again))
    results.write(tmp_path / "5", "clustering", seed=5, metrics={"nmi": 0.4})
    (tmp_path / "5" / "begun.json").write_text(json.dumps(begun | {"score": "nmi"}))
    group, other = sorted(groups_below(tmp_path), key=lambda group: group.seeds)
    assert (group.seeds, other.seeds) == ([1, 2, 3], [5])
    assert [command[-3:] for command in group.commands] == [
        [f"--seeds={seeds}", "--best_after=4", "--score=error_percent"]
        for seeds in ("0,1,2", "3,4,5")
    ]


def test_the_command_asks_for_the_samples_of_any_runs_later_evaluation(tmp_path):
    """That a run was evaluated by more samples stands in its result, not in its settings."""
    asked = ({10_000_000: 427.0, 10_000: 340.0}, {10_000: 341.0})
    for seed, numbers in enumerate(asked):
        metrics = {f"log_likelihood_{count}": value for count, value in numbers.items()}
        results.write(tmp_path / str(seed), "likelihood", seed=seed, metrics=metrics)
    (group,) = groups_below(tmp_path)
    assert "--likelihood_samples=10000,10000000" in group.commands[0]
