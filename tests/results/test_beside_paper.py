"""The table that sets our numbers beside the paper's."""

import math

import pytest
import results

from aae_tf.results import report
from aae_tf.results.groups import groups_below
from aae_tf.results.report import collate

ROW = dict(zip(report.PAPER_HEAD, range(len(report.PAPER_HEAD)), strict=True))


def _run(folder, error, seed, experiment="semi_supervised", **settings):
    results.write(folder, experiment, seed=seed, metrics={"error_percent": error}, **settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("runs")
    for seed, error in enumerate((1.8, 2.0, 2.2)):
        _run(top / f"hundred_{seed}", error, seed)
    _run(top / "fashion", 20.0, 0, dataset="fashion_mnist", input_noise=0.5)
    _run(top / "clusters", 5.0, 0, "clustering")
    results.write(top / "gaussian", metrics={"reconstruction_error": 15.0})
    return top


def test_seeds_become_mean_and_deviation_beside_the_papers_number(folder):
    row = report.paper_rows(groups_below(folder))[0]
    assert row[0] == "semi_supervised, num_labels=100"
    assert row[ROW["ours"]] == f"2.00 ± {math.sqrt(0.04):.2f}"
    assert row[ROW["n"]] == "3"
    assert row[ROW["paper"]] == "1.90 ± 0.10 (AAE, table 2)"
    assert row[ROW["minutes"]] == "2"  # 90 seconds


def test_a_row_that_the_paper_lacks_has_no_number_of_it_and_tells_its_settings(folder):
    row = report.paper_rows(groups_below(folder))[1]
    told = "semi_supervised, num_labels=100, dataset=fashion_mnist, input_noise=0.5"
    assert (row[0], row[ROW["ours"]], row[ROW["paper"]]) == (told, "20.00", "")


def test_a_row_of_the_likelihood_tells_the_number_of_samples_by_its_measure_alone(tmp_path):
    metrics = {"log_likelihood_10000": 340.0, "log_likelihood_10000000": 427.0}
    results.write(tmp_path / "run", "likelihood", metrics=metrics)
    rows = report.paper_rows(groups_below(tmp_path))
    assert [row[ROW["measure"]] for row in rows] == list(metrics)
    assert {row[0] for row in rows} == {"likelihood, latent_dim=8, prior_scale=5.0"}


def test_experiments_without_numbers_in_the_paper_are_left_out(folder):
    names = [row[0].split(",")[0] for row in report.paper_rows(groups_below(folder))]
    assert names == ["semi_supervised", "semi_supervised", "clustering"]


@pytest.mark.parametrize("form", ["markdown", "text"])
def test_report_begins_with_the_table_unless_measures_are_chosen(folder, form):
    assert report.PAPER_CAPTION in collate(folder, form)
    assert report.PAPER_CAPTION not in collate(folder, form, ["error_percent"])
