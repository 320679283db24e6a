"""What arrays of images and labels may hold: accepted by one rule, or refused in words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aae_tf.arrays import values
from aae_tf.arrays.files import Header
from aae_tf.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (42, 5, 4), np.uint8)
LABELS = np.arange(42) % 3


def _layout(shape, dtype=np.uint8, labels=None):
    values.check_layout("--dataset=x", "images", Header(np.dtype(dtype), shape), labels)


@pytest.mark.parametrize("shape", [(40, 28, 28), (40, 28, 28, 1), (40, 3, 32, 3), (40, 1, 1, 3)])
def test_images_one_in_each_row_are_taken(shape):
    _layout(shape, labels=40)


@pytest.mark.parametrize(
    "shape, labels, words",
    [
        ((100, 3, 32, 32), None, "channels first? Then 'images' wants transpose(0, 2, 3, 1)"),
        ((40, 1, 28, 28), 40, "channels first?"),
        ((40, 4, 32, 32), None, "with 1 or 3 channels"),
        ((32, 32, 3, 5000), None, "images last, as in MATLAB? Then 'images' wants transpose(3, 0"),
        ((64, 64, 1000), 1000, "images last, as in MATLAB? Then 'images' wants transpose(2, 0, 1)"),
        ((40, 28, 28, 2), None, "with 1 or 3 channels; one of transparency last?"),
        ((40, 28, 28, 4), None, "Then 'images' wants [..., :-1]"),
        ((40, 28, 28, 5), None, "expected (n, height, width) or"),
        ((40, 784), None, "rows of pixels? Then reshape(-1, 28, 28, 1)"),
        ((40, 3072), None, "rows of pixels? Then reshape(-1, 32, 32, 3)"),
        ((40, 7), None, "expected (n, height, width)"),
        ((0, 28, 28), None, "has shape (0, 28, 28)"),
    ],
)
def test_other_layouts_are_refused_with_what_they_seem_to_be(shape, labels, words):
    with pytest.raises(DataError) as caught:
        _layout(shape, labels=labels)
    assert words in str(caught.value)


def _pixels(images):
    return values.pixels("--dataset=x", "images", images)


def test_bytes_stay_what_they_are_in_integers_of_any_type_and_whole_floats():
    assert _pixels(IMAGES[..., None]).base is not None  # not copied
    for dtype in (np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64):
        found = _pixels(IMAGES.astype(dtype))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found[..., 0], IMAGES)


def test_black_and_white_is_the_ends_of_the_range():
    assert set(_pixels(IMAGES > 99).ravel()) == {0, 255}
    assert set(_pixels((IMAGES > 99).astype(float)).ravel()) == {0, 1}


def test_intensities_that_miss_the_range_by_rounding_are_clipped():
    found = _pixels(np.linspace(-1e-9, 1 + 1e-9, 42 * 20).reshape(42, 5, 4))
    assert found.dtype == np.float32 and (found.min(), found.max()) == (0, 1)


@pytest.mark.parametrize("scale", [1 / 200, 1 / 2, 16, -1])
def test_other_ranges_are_refused_with_what_they_are(scale):
    with pytest.raises(DataError, match=r"and values in .*expected uint8"):
        _pixels(IMAGES.astype(np.float64) * scale)


def _labels(given, count=42):
    return values.labels("--dataset=x", "labels", given, count)


def test_labels_of_any_type_and_shape_of_a_vector_are_the_same():
    for dtype in (bool, np.uint8, np.int32, np.uint64, np.float16, np.float64):
        for shape in ((42,), (42, 1), (1, 42)):
            found = _labels((LABELS % 2).astype(dtype).reshape(shape))
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, LABELS % 2)
    np.testing.assert_array_equal(_labels(LABELS + 1e-9), LABELS)


@pytest.mark.parametrize(
    "given, words",
    [
        (LABELS - 1, "labels count from 0; yours are -1..1"),
        (np.where(LABELS, LABELS, 8_000_000), "yours are 1..8000000"),
        (np.where(LABELS, LABELS, 2**40), "yours are 1..1099511627776"),
        (np.where(LABELS, 0, 2**64 - 1).astype(np.uint64), "yours are 0..1.845e+19"),
        (np.where(LABELS, 0.0, 1e300), "yours are 0..1e+300"),
        (np.where(LABELS, 0.0, -1e300), "yours are -1e+300..0"),
        (LABELS + 1e-3, "holds 0.001, expected 42 integers from 0"),
        (np.where(LABELS, LABELS, np.nan), "NaN or infinity"),
        (LABELS[:-1], "has shape (41,)"),
        (np.eye(3)[LABELS], "a column a class? Then 'labels' wants argmax(1)"),
        (np.array(["a"] * 42), "dtype <U1, expected 42 integers"),
        (LABELS + 0j, "dtype complex128"),
    ],
)
def test_labels_that_number_no_classes_are_refused_in_the_users_terms(given, words):
    with pytest.raises(DataError) as caught:
        _labels(given)
    assert words in str(caught.value) and len(str(caught.value)) < 200


KINDS = st.sampled_from([np.uint8, np.int8, np.uint64, np.int64, np.float16, np.float64, bool])


@given(KINDS.flatmap(lambda d: arrays.arrays(d, st.sampled_from([(3,), (3, 1), (1, 3), (3, 2)]))))
def test_any_labels_are_class_numbers_or_refused(given):
    try:
        found = _labels(given, 3)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert found.min() >= 0 and found.max() < values.MOST_CLASSES
        np.testing.assert_allclose(found, given.reshape(-1).astype(float), atol=1e-6)


@given(KINDS.flatmap(lambda d: arrays.arrays(d, (2, 2, 2))))
def test_any_pixels_come_into_their_range_or_are_refused(given):
    try:
        found = _pixels(given)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert found.dtype == np.uint8 or (found.dtype == np.float32 and 0 <= found.min() <= 1)
