"""How a categorical code is used: how sharp q(y|x) is, and how evenly categories occur."""

from __future__ import annotations

import numpy as np

BINS = 20


def entropies(probabilities: np.ndarray) -> np.ndarray:
    """Entropy of each q(y|x), `(n,)`, in nats; 0 for a one-hot one."""
    wide = np.asarray(probabilities, np.float64)
    return -np.sum(np.where(wide > 0, wide * np.log(np.where(wide > 0, wide, 1)), 0), 1)


def usage(probabilities: np.ndarray) -> np.ndarray:
    """The share of images whose most probable category each one is, `(categories,)`."""
    size = probabilities.shape[1]
    return np.bincount(probabilities.argmax(1), minlength=size) / len(probabilities)


def category_measures(probabilities: np.ndarray) -> dict[str, float]:
    """What a categorical code looks like over a split.

    Args:
      probabilities: q(y|x), `(n, categories)`.

    Returns:
      'largest_probability': its mean, 1 for one-hot codes; 'category_entropy': the mean entropy of
      q(y|x) in nats; 'categories_in_use': e to the entropy of `usage`, which is the number of
      categories if all are used alike.
    """
    shares = usage(probabilities)
    return {
        "largest_probability": float(probabilities.max(1).mean()),
        "category_entropy": float(entropies(probabilities).mean()),
        "categories_in_use": float(np.exp(entropies(shares[None])[0])),
    }


def histograms(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Shares of images by largest probability and by entropy, in equal bins, and `usage`.

    Returns:
      'largest_probability': `(BINS,)` from 0 to 1; 'entropy': `(BINS,)` from 0 to log(categories);
      'usage': `(categories,)`.
    """
    top = np.log(probabilities.shape[1])
    largest, _ = np.histogram(probabilities.max(1), BINS, (0, 1))
    entropy, _ = np.histogram(np.clip(entropies(probabilities), 0, top), BINS, (0, top))
    count = len(probabilities)
    return {
        "largest_probability": largest / count,
        "entropy": entropy / count,
        "usage": usage(probabilities),
    }
