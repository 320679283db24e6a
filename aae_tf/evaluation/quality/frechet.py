"""The Fréchet distance of two sets of features (Heusel et al., 2017)."""

from __future__ import annotations

import numpy as np


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The squared Fréchet (2-Wasserstein) distance of the Gaussians fitted to two sets.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), with unbiased covariances, in float64.

    Args:
      first: features `(n, dim)`, two or more.
      second: features `(m, dim)`, two or more.
    """
    means, covariances = zip(*(_moments(features) for features in (first, second)), strict=True)
    gap = np.sum((means[0] - means[1]) ** 2)
    traces = sum(np.trace(covariance) for covariance in covariances)
    # The root of C1 C2 has the trace of the root of C1^(1/2) C2 C1^(1/2), which is symmetric: so
    # neither a singular covariance nor rounding makes it complex.
    half = _root(covariances[0])
    crossed = np.linalg.eigvalsh(half @ covariances[1] @ half)
    overlap = np.sqrt(np.clip(crossed, 0, None)).sum()
    return max(0.0, float(gap + traces - 2 * overlap))


def _moments(features):
    wide = np.asarray(features, np.float64)
    return wide.mean(0), np.atleast_2d(np.cov(wide, rowvar=False))


def _root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
