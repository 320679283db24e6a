"""Images a block at a time, with a bar where that takes long."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import numpy as np
import tqdm

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.methods import Method

IMAGES_PER_BLOCK = 250  # images that go through a network at once
BLOCK_BYTES = 2**26  # of a block of pixels that a matrix product takes


def block_bar(blocks: Iterable, label: str, total: int | None = None, done: int = 0) -> Iterable:
    """The same blocks, with a bar on standard error if they take longer than a few seconds.

    Args:
      blocks: to go through.
      label: that stands before the bar.
      total: of blocks, where they don't know it or `done` ones come before them.
      done: blocks that an earlier process has done.
    """
    interval = 0.2 if sys.stderr.isatty() else 60
    return tqdm.tqdm(
        blocks,
        label,
        total,
        leave=False,
        delay=3,
        initial=done,
        mininterval=interval,
        maxinterval=interval,
        bar_format="{desc}: {percentage:3.0f}%|{bar:12}| [{remaining} left]",
    )


def note(line: str) -> None:
    """Tells the user something that the numbers don't, on standard error."""
    tqdm.tqdm.write(line, file=sys.stderr)


def rows_in_a_block(image_shape: tuple[int, ...]) -> int:
    """How many images of float32 fit into `BLOCK_BYTES`."""
    return max(1, BLOCK_BYTES // (4 * int(np.prod(image_shape))))


def evenly_spaced(size: int, count: int) -> np.ndarray:
    """`count` evenly spaced rows of `size`, ascending, or all: sorted data stays mixed."""
    some = min(size, count)
    return np.arange(some) * size // some


def each_block(split: Split, step: int, label: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (first row, intensities) of all images of a split."""
    for start in block_bar(range(0, len(split), step), label):
        yield start, split.intensities(slice(start, start + step))


def blocks_of_split(
    split: Split, label: str, rows: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yields intensities `(block, height, width, channels)` of a split, or of some rows of it."""
    if rows is None:
        for _, block in each_block(split, IMAGES_PER_BLOCK, label):
            yield block
        return
    for start in block_bar(range(0, len(rows), IMAGES_PER_BLOCK), label):
        yield split.take(rows[start : start + IMAGES_PER_BLOCK]).intensities()


def blocks_of_samples(
    method: Method, seed: seeds.Seed, count: int, label: str
) -> Iterator[np.ndarray]:
    """Yields decoded samples of the prior, clipped to 0..1.

    The same ones for the same seed, fewer being the first of more.
    """
    for start in block_bar(range(0, count, IMAGES_PER_BLOCK), label):
        drawn = method.sample(seeds.fold(seed, "sample_quality", start), IMAGES_PER_BLOCK)["images"]
        yield np.clip(np.asarray(drawn[: count - start], np.float32), 0, 1)
