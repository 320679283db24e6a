"""Scales that differ much, or are large, are told with the flag that levels them."""

import numpy as np
import pytest

from aae_tf.networks.standardizer import note_on_scales

ROWS = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
ROWS = (ROWS - ROWS.mean(0)) / ROWS.std(0)


@pytest.mark.parametrize(
    ("scales", "said"),
    [
        ([0.1, 1, 315, 0], "from 0.1 to 315"),
        ([0.01, 0.2, 0, 0], "from 0.01 to 0.2"),
        ([11, 11, 11, 0], "of 11"),
        ([0, 0, 0, 40], "of 40"),
        ([1, 2, 9.9, 0], ""),
        ([0, 0, 0, 0], ""),
    ],
)
@pytest.mark.parametrize("mean", [0, 3])
def test_scales_that_differ_by_ten_or_are_above_ten_are_told(scales, said, mean):
    note = note_on_scales(ROWS * np.float32(scales) + np.float32(mean))
    told = f"note: features have standard deviations {said}; --standardize brings them to 1"
    assert note == (told if said else "")


def test_pictures_scales_are_not_told():
    assert note_on_scales(np.arange(90, dtype=np.float32).reshape(10, 3, 3, 1) / 9) == ""
