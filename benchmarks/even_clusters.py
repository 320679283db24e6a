#!/usr/bin/env python3
"""The least error of clusters that all have one size, as a uniform categorical prior asks.

    python benchmarks/even_clusters.py 10 16 20 30

If each of n clusters holds 1/n of the images and is named after one class, a class of share p with
k clusters of its own is right in at most min(p, k/n) of all images. For each n the best division of
the clusters among MNIST's classes is found (training images' shares), and what is left is printed.
"""

import argparse
import os
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def least_error(shares: Sequence[float], clusters: int) -> float:
    """Share of images that are wrong at the best division of equal clusters among classes."""
    right = [0.0] + clusters * [-np.inf]  # by clusters given away so far
    for share in shares:
        right = [
            max(
                right[before] + min(share, (given - before) / clusters)
                for before in range(given + 1)
            )
            for given in range(clusters + 1)
        ]
    return 1 - right[clusters]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clusters", type=int, nargs="+", help="how many clusters")
    counts = parser.parse_args().clusters

    from aae_tf import data
    from aae_tf.settings import DataSettings

    shares = np.bincount(data.load(DataSettings()).train.labels).astype(float)
    shares /= shares.sum()
    for count in counts:
        print(f"{count} clusters: {100 * least_error(shares, count):.2f} %")


if __name__ == "__main__":
    main()
