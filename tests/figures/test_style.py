"""Ten classes are told apart: in colour, without red or green cones, and in grey."""

import itertools

import numpy as np
import pytest
from matplotlib import colors

from aae_tf.figures.style import CLASS_COLOURS, MARKERS, line_of

# Of linear RGB, for people without one kind of cones (Machado et al., 2009, severity 1).
VISION = {
    "all cones": np.eye(3),
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def _lab(linear):
    """CIELAB `(n, 3)` of linear RGB."""
    xyz = linear @ TO_XYZ.T / TO_XYZ.sum(1)
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _linear(names):
    rgb = np.array([colors.to_rgb(name) for name in names])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _nearest(points):
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(points, 2))


@pytest.mark.parametrize("vision", VISION)
def test_any_two_classes_are_far_apart(vision):
    seen = np.clip(_linear(CLASS_COLOURS) @ np.transpose(VISION[vision]), 0, 1)
    # The popular palettes of ten have 5 to 16 here.
    assert _nearest(_lab(seen)) > 25


def test_any_two_classes_differ_in_grey():
    assert _nearest(_lab(_linear(CLASS_COLOURS))[:, :1]) > 5


def test_every_class_of_ten_has_a_shape_of_its_own():
    assert len(set(MARKERS)) == len(MARKERS) == len(CLASS_COLOURS) == 10


def test_forty_runs_have_lines_of_their_own():
    assert len({tuple(line_of(number).values()) for number in range(40)}) == 40
