"""Titles that tell runs apart, and the table of their numbers."""

import json
import os
import pathlib

import pytest
import results
import tiny

from aae_tf.experiments import CATALOGUE
from aae_tf.figures import compare as compare_module
from aae_tf.figures.compare import compare, titles_of
from aae_tf.results import comparison
from aae_tf.results.metrics_table import MetricsTable
from aae_tf.results.run_folder import RunFolder
from aae_tf.settings import flatten


def _titles(*settings, folders=None):
    folders = folders or [f"runs/{n}" for n in range(len(settings))]
    flats = [flatten(each, only_changing_run=True) for each in settings]
    return titles_of(flats, [pathlib.Path(folder) for folder in folders])


def test_experiments_are_told_by_their_names_however_much_else_differs():
    found = _titles(*(tiny.settings(name) for name in ("gaussian", "mixture", "style")))
    assert found == ["AAE, Gaussian", "AAE, ring of Gaussians", "supervised AAE"]


def test_data_given_in_python_are_shown_so():
    found = _titles(tiny.settings(), tiny.settings(dataset="__python__:x"))
    assert found == ["dataset=mnist", "dataset=x, given in Python"]


def test_runs_of_one_experiment_are_told_by_the_settings_that_differ():
    found = _titles(tiny.settings(seed=3), tiny.settings(encoder="gaussian"))
    assert found == ["seed=3, encoder=deterministic", "seed=0, encoder=gaussian"]
    found = _titles(tiny.settings(seed=1), tiny.settings(), tiny.settings("mixture"))
    assert found == ["AAE, Gaussian, seed=1", "AAE, Gaussian, seed=0", "AAE, ring of Gaussians"]


def test_recipes_are_told_where_they_differ():
    found = _titles(
        tiny.settings(), tiny.settings(recipe="paper"), tiny.settings("mixture", recipe="paper")
    )
    assert found == [
        "AAE, Gaussian, practical recipe",
        "AAE, Gaussian, paper recipe",
        "AAE, ring of Gaussians",
    ]


def test_where_many_settings_differ_or_none_the_folder_tells():
    many = {"seed": 1, "encoder": "gaussian", "activation": "tanh", "batch_size": 5}
    assert _titles(tiny.settings(), tiny.settings(**many)) == ["0", "1"]
    same = [tiny.settings(), tiny.settings()]
    assert _titles(*same, folders=["a/first", "a/second"]) == ["first", "second"]
    found = _titles(*same, tiny.settings("mixture"), folders=["a/x", "b/x", "c/x"])
    assert found == ["AAE, Gaussian (a/x)", "AAE, Gaussian (b/x)", "AAE, ring of Gaussians"]


def test_settings_that_change_no_result_are_not_told():
    assert _titles(tiny.settings(xla=False), tiny.settings(), folders=["a", "b"]) == ["a", "b"]


MATCH = {
    "reconstruction_error": 5.0,
    "sliced_wasserstein": 0.05,
    "sliced_wasserstein_of_prior": 0.02,
}


@pytest.fixture
def runs(tmp_path):
    """Two finished runs, without checkpoints."""
    gaussian = {**MATCH, "mean_error": 0.1, "error_percent": 3.25}
    mixture = {**MATCH, "reconstruction_error": 6.0, "error_percent": 4.5, "nmi": 0.5}
    folders = [
        results.write(tmp_path / "a", "gaussian", metrics=gaussian),
        results.write(tmp_path / "b", "mixture", seed=2, metrics=mixture),
    ]
    for number, folder in enumerate(folders):
        table = MetricsTable(folder / "metrics.csv")
        for epoch in (1, 2):
            table.add(epoch, epoch, {"validation/reconstruction_error": number + 1 / epoch})
    return [RunFolder(folder) for folder in folders]


def _compare(runs, target):
    return compare(runs, [run.read_settings() for run in runs], [], target)


def test_without_checkpoints_curves_and_numbers_are_left(runs, tmp_path):
    paths = _compare(runs, tmp_path / "both")
    assert [path.name for path in paths] == [
        "learning_curves.png",
        "comparison.md",
        "comparison.json",
    ]
    assert {path.name for path in (tmp_path / "both").iterdir()} == {path.name for path in paths}


def test_table_has_match_first_then_what_all_runs_have(runs, tmp_path):
    page = _compare(runs, tmp_path / "both")[1].read_text()
    head, _, first, second = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in page.splitlines()
        if line.startswith("|")
    ]
    measures = ["reconstruction_error", "sliced_wasserstein", "mean_error", "error_percent"]
    assert head == ["run", "experiment", "recipe", "seed", "epochs", *measures]
    assert first[5:] == ["5.000", "0.05000 (0.02)", "0.1000", "3.250"]
    assert second == [
        "AAE, ring of Gaussians",
        "mixture",
        "practical",
        "2",
        "3",
        "6.000",
        "0.05000 (0.02)",
        "",
        "4.500",
    ]
    assert "![learning_curves](learning_curves.png)" in page


def test_json_has_every_number_and_the_settings_that_differ(runs, tmp_path):
    first, second = json.loads(_compare(runs, tmp_path / "both")[2].read_text())
    assert first["metrics"]["error_percent"] == 3.25 and second["metrics"]["nmi"] == 0.5
    assert second["settings"] == {"experiment": "mixture", "seed": 2, "prior": "mixture"}
    assert second["folder"] == os.path.relpath(runs[1].path, tmp_path / "both")


def test_a_run_without_a_result_has_an_empty_row(runs, tmp_path):
    (runs[0].path / "result.json").unlink()
    paths = _compare(runs, tmp_path / "both")
    assert json.loads(paths[2].read_text())[0]["metrics"] == {}
    assert "| AAE, Gaussian | gaussian | practical | 0 |  |  |" in paths[1].read_text()


def test_shown_metrics_of_a_run_alone_are_all_but_those_of_the_prior():
    assert comparison.shown_metrics([{"nmi": 1.0, **MATCH}]) == [
        "reconstruction_error",
        "sliced_wasserstein",
        "nmi",
    ]


def test_every_experiment_has_a_title_of_its_own():
    titles = [experiment.title for experiment in CATALOGUE.values()]
    assert len(set(titles)) == len(titles)
    assert not set(CATALOGUE) & set(titles)


@pytest.mark.parametrize(
    ("count", "shape"),
    [(2, (1, 2)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3)), (7, (2, 4)), (9, (3, 3))],
)
def test_panels_stand_in_rows_as_full_as_can_be(count, shape):
    _, grid = compare_module._panels(count, 3.0, [None] * count)
    specs = [axes.get_subplotspec().get_gridspec() for axes in grid]
    assert {(spec.nrows, spec.ncols) for spec in specs} == {shape}
