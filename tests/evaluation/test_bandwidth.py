"""The choice of sigma on a grid, and between its points."""

import numpy as np
import pytest

from aae_tf.evaluation import parzen
from aae_tf.evaluation.parzen import SIGMAS, best_sigma, is_at_an_end, moved

DIM = 784


def _gaussian(sigmas, distance):
    """Log densities at a mean squared distance per pixel of `distance`^2: best at that sigma."""
    return -DIM * (distance**2 / (2 * sigmas**2) + np.log(sigmas))


@pytest.mark.parametrize("best", [0.05, 0.11, 0.15, 0.2345, 0.36])
def test_the_best_sigma_lies_between_the_grids_points(best):
    found = best_sigma(SIGMAS, _gaussian(SIGMAS, best))
    assert found == pytest.approx(best, rel=5e-3)
    # What the choice costs at 784 pixels.
    assert _gaussian(np.array(best), best) - _gaussian(np.array(found), best) < 0.05


def test_a_best_sigma_beyond_the_grid_is_looked_for_there():
    for best in (0.004, 0.03, 0.8, 5.0):
        sigmas = SIGMAS
        for _ in range(parzen.SHIFTS):
            values = _gaussian(sigmas, best)
            if not is_at_an_end(values):
                break
            sigmas = moved(sigmas, values)
        assert best_sigma(sigmas, _gaussian(sigmas, best)) == pytest.approx(best, rel=5e-3)


def test_at_an_end_the_end_itself_is_taken():
    rising = np.arange(len(SIGMAS), dtype=float)
    assert is_at_an_end(rising) and is_at_an_end(-rising)
    assert best_sigma(SIGMAS, rising) == SIGMAS[-1]
    assert best_sigma(SIGMAS, -rising) == SIGMAS[0]
    np.testing.assert_allclose(moved(SIGMAS, rising)[len(SIGMAS) // 2], SIGMAS[-1])


def test_grid_is_the_same_ratio_apart_and_holds_what_the_literature_finds():
    ratios = SIGMAS[1:] / SIGMAS[:-1]
    np.testing.assert_allclose(ratios, ratios[0])
    assert SIGMAS[2] < 0.1 and SIGMAS[-3] > 0.25
