"""Improved precision and recall (Kynkäänniemi et al., 2019)."""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 3  # as the authors choose
FEATURES_PER_BLOCK = 1000


def precision_recall(
    samples: np.ndarray, images: np.ndarray, neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """How much of each set lies in the other's manifold.

    A set's manifold is the union of balls around its members, each reaching to its k-th nearest
    neighbour in the set. Distances are found in blocks of 1000 rows.

    Args:
      samples: features `(n, dim)`, more than `neighbours`.
      images: features of real images `(m, dim)`, more than `neighbours`.
      neighbours: k.

    Returns:
      Precision: the share of samples in the images' manifold; recall: the share of images in that
      of the samples. Both in 0..1.
    """
    samples, images = np.asarray(samples, np.float64), np.asarray(images, np.float64)
    precision = _inside(samples, images, _squared_radii(images, neighbours)).mean()
    recall = _inside(images, samples, _squared_radii(samples, neighbours)).mean()
    return float(precision), float(recall)


def _squared_radii(features, neighbours):
    """The squared distance of each member to its k-th nearest other one, `(n,)`."""
    found = []
    for start in range(0, len(features), FEATURES_PER_BLOCK):
        distances = squared_distances(features[start : start + FEATURES_PER_BLOCK], features)
        rows = np.arange(len(distances))
        distances[rows, start + rows] = np.inf  # a member is no neighbour of its own
        found.append(np.partition(distances, neighbours - 1, 1)[:, neighbours - 1])
    return np.concatenate(found)


def _inside(points, centres, squared_radii):
    """Whether each point lies in one of the balls, `(n,)`."""
    blocks = [
        points[start : start + FEATURES_PER_BLOCK]
        for start in range(0, len(points), FEATURES_PER_BLOCK)
    ]
    return np.concatenate(
        [(squared_distances(block, centres) <= squared_radii).any(1) for block in blocks]
    )


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances `(n, m)` of rows, by one matrix product."""
    lengths = np.sum(first**2, 1)[:, None] + np.sum(second**2, 1)
    return np.maximum(lengths - 2 * (first @ second.T), 0)
