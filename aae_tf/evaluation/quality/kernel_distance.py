"""The kernel distance of two sets of features (Binkowski et al., 2018)."""

from __future__ import annotations

import numpy as np

FEATURES_PER_BLOCK = 1000


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The squared maximum mean discrepancy with the kernel (x.y / dim + 1)^3, unbiased.

    It is taken over the whole sets, not over subsets of them, so that nothing is drawn. As it is
    unbiased it scatters around 0 for two sets of one distribution and may be below.

    Args:
      first: features `(n, dim)`, two or more.
      second: features `(m, dim)`, two or more.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    cross = _kernel_sum(first, second) / (len(first) * len(second))
    return _mean_of_pairs(first) + _mean_of_pairs(second) - 2 * cross


def _mean_of_pairs(features):
    """The mean kernel of two different members."""
    count = len(features)
    own = _kernel(np.sum(features**2, 1), features.shape[1]).sum()
    return float((_kernel_sum(features, features) - own) / (count * (count - 1)))


def _kernel_sum(first, second):
    dim = first.shape[1]
    return sum(
        float(_kernel(first[start : start + FEATURES_PER_BLOCK] @ second.T, dim).sum())
        for start in range(0, len(first), FEATURES_PER_BLOCK)
    )


def _kernel(products, dim):
    return (products / dim + 1) ** 3
