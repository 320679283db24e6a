"""Metrics of samples, from their features or their pixels, as functions of numpy arrays.

In features: the Fréchet distance (Heusel et al., 2017), the kernel distance (Binkowski et al.,
2018), precision and recall (Kynkäänniemi et al., 2019). In pixels: sharpness (WAE, section 4) and
the distance to the nearest training image.
"""

from __future__ import annotations

import numpy as np

from aae_tf.data import Split
from aae_tf.data.images import shrunk

NEIGHBOURS = 3  # of precision and recall, as the authors choose
FEATURES_PER_BLOCK = 1000  # rows whose products with all others are in memory at once
BLOCK_BYTES = 2**26  # of a block of pixels that a matrix product takes
GREY = (0.2989, 0.5870, 0.1140)  # what tf.image.rgb_to_grayscale weighs red, green and blue with
SIDE = 16  # of coarse pixels


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
    same = _kernel(np.sum(features**2, 1), features.shape[1]).sum()
    return float((_kernel_sum(features, features) - same) / (count * (count - 1)))


def _kernel_sum(first, second):
    dim = first.shape[1]
    return sum(
        float(_kernel(first[start : start + FEATURES_PER_BLOCK] @ second.T, dim).sum())
        for start in range(0, len(first), FEATURES_PER_BLOCK)
    )


def _kernel(products, dim):
    return (products / dim + 1) ** 3


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
    radii = []
    for start in range(0, len(features), FEATURES_PER_BLOCK):
        distances = squared_distances(features[start : start + FEATURES_PER_BLOCK], features)
        rows = np.arange(len(distances))
        distances[rows, start + rows] = np.inf  # a member is no neighbour of itself
        radii.append(np.partition(distances, neighbours - 1, 1)[:, neighbours - 1])
    return np.concatenate(radii)


def _inside(points, centres, squared_radii):
    """Whether each point lies in one of the balls, `(n,)`."""
    starts = range(0, len(points), FEATURES_PER_BLOCK)
    blocks = (points[start : start + FEATURES_PER_BLOCK] for start in starts)
    return np.concatenate(
        [(squared_distances(block, centres) <= squared_radii).any(1) for block in blocks]
    )


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances `(n, m)` of rows, by one matrix product."""
    lengths = np.sum(first**2, 1)[:, None] + np.sum(second**2, 1)
    return np.maximum(lengths - 2 * (first @ second.T), 0)


def sharpness(images: np.ndarray) -> np.ndarray:
    """The variance of each image's responses to the 3 x 3 Laplace filter; small if it is blurred.

    Responses are taken where the whole filter [[0, 1, 0], [1, -4, 1], [0, 1, 0]] lies within the
    grey image.

    Args:
      images: `(n, height, width, channels)` in 0..1, of 3 x 3 pixels or more. (On intensities in
        -1..1, which the paper has on CelebA, it is four times as large.)

    Returns:
      `(n,)`, in squared intensity.
    """
    grey = images @ np.float32(GREY) if images.shape[-1] == 3 else images.mean(-1)
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return (around - 4 * grey[:, 1:-1, 1:-1]).var((1, 2), dtype=np.float64)


def nearest_images(images: np.ndarray, train: Split) -> tuple[np.ndarray, np.ndarray]:
    """Finds each image's nearest training image, by Euclidean distance of the pixels.

    Args:
      images: `(n, height, width, channels)` in 0..1.
      train: where to look; read in blocks, in order.

    Returns:
      Its row `(n,)`, and the distance `(n,)` in intensity, over all pixels.
    """
    flat = np.asarray(images, np.float32).reshape(len(images), -1)
    best = np.full(len(flat), np.inf, np.float32)
    rows, start = np.zeros(len(flat), np.int64), 0
    size = max(1, BLOCK_BYTES // (4 * flat.shape[1]))
    for block in train.blocks("nearest training images", size=size):
        distances = squared_distances(flat, block.reshape(len(block), -1))
        closest = distances.argmin(1)
        squared = distances[np.arange(len(flat)), closest]
        nearer = squared < best
        best[nearer], rows[nearer] = squared[nearer], start + closest[nearer]
        start += len(block)
    # The product above loses the digits of a distance that is near 0; the difference doesn't.
    near = train.blocks("nearest training images", rows, size)
    gaps = zip(np.split(flat, range(size, len(flat), size)), near, strict=True)
    norms = [
        np.linalg.norm(some.astype(np.float64) - block.reshape(some.shape), axis=1)
        for some, block in gaps
    ]
    return rows, np.concatenate(norms)


def coarse(images: np.ndarray, side: int) -> np.ndarray:
    """Images whose sides of more pixels than `side` are averaged down to it."""
    height, width = images.shape[1:3]
    return shrunk(images, min(height, side), min(width, side))


def coarse_pixels(images: np.ndarray, side: int = SIDE) -> np.ndarray:
    """The pixels of `coarse` images, `(n, dim)`."""
    return coarse(images, side).reshape(len(images), -1)
