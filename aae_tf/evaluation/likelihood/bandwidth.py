"""The sigma of a Parzen window, chosen on validation images."""

from __future__ import annotations

import numpy as np

# Neighbours differ by a sixth, which a spline bridges to well below 0.1 nats on MNIST.
SIGMAS = np.geomspace(0.04, 0.4, 16)
SHIFTS = 4  # how often the grid is moved, by its half, to get around the best sigma


def best_sigma(sigmas: np.ndarray, log_likelihoods: np.ndarray) -> float:
    """The sigma of the largest log-likelihood, between a grid's points by a cubic spline.

    Args:
      sigmas: ascending, evenly spaced in their logarithm, `(n,)`.
      log_likelihoods: means over images, in nats, `(n,)`.

    Returns:
      A sigma between the neighbours of the grid's best one; at the grid's ends that end itself.
    """
    from scipy.interpolate import CubicSpline

    best = int(np.argmax(log_likelihoods))
    if is_at_an_end(log_likelihoods):
        return float(sigmas[best])
    logs = np.log(sigmas)
    fine = np.linspace(logs[best - 1], logs[best + 1], 2001)
    return float(np.exp(fine[np.argmax(CubicSpline(logs, log_likelihoods)(fine))]))


def is_at_an_end(log_likelihoods: np.ndarray) -> bool:
    """Whether the best sigma may lie beyond the grid."""
    return int(np.argmax(log_likelihoods)) in (0, len(log_likelihoods) - 1)


def moved(sigmas: np.ndarray, log_likelihoods: np.ndarray) -> np.ndarray:
    """The grid moved so that the end that is best becomes its middle."""
    return sigmas * (sigmas[int(np.argmax(log_likelihoods))] / sigmas[len(sigmas) // 2])
