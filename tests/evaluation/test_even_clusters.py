"""The least error of clusters of one size, against all divisions."""

import itertools
import pathlib
import runpy

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks/even_clusters.py"
least_error = runpy.run_path(str(SCRIPT))["least_error"]


@pytest.mark.parametrize("clusters", [3, 4, 5, 7, 10])
def test_least_error_is_that_of_the_best_of_all_divisions(clusters):
    shares = (0.47, 0.31, 0.22)
    wrong = [
        1 - sum(min(share, own / clusters) for share, own in zip(shares, division, strict=True))
        for division in itertools.product(range(clusters + 1), repeat=3)
        if sum(division) == clusters
    ]
    assert least_error(shares, clusters) == pytest.approx(min(wrong))


def test_classes_of_whole_clusters_need_not_err():
    assert least_error((0.5, 0.3, 0.2), 10) == pytest.approx(0)
    # Six of ten even classes have a second cluster and err in nothing.
    assert least_error(10 * [0.1], 16) == pytest.approx(4 * (0.1 - 1 / 16))
