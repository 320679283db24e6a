"""A user's .mat: plain arrays of images, and a made-up file of the Toronto Face Database's form."""

import io

import h5py
import numpy as np
import pytest
import scipy.io

from aae_tf.data import load
from aae_tf.errors import DataError
from aae_tf.settings import DataSettings

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (70, 5, 4), np.uint8)
LABELS = (IMAGES[:, 0, 0] % 3).astype(np.int32)
ROWS = sorted(zip([image.tobytes() for image in IMAGES], LABELS.tolist(), strict=True))
# Unlabelled, training, validation and test images in the first fold; the others differ.
FOLDS = np.stack([np.roll(np.repeat([0, 1, 2, 3], [30, 20, 12, 8]), 7 * n) for n in range(5)], 1)
CLASSES = np.where(FOLDS[:, :1] == 0, -1, LABELS[:, None] + 1).astype(np.int16)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.mat"


def _load(path, **arrays):
    if arrays:
        save = scipy.io.savemat if path.suffix == ".mat" else lambda p, a: np.savez(p, **a)
        save(path, arrays)
    return load(DataSettings(dataset=str(path)))


def _refused(path, expected, **arrays):
    with pytest.raises(DataError, match=expected) as caught:
        _load(path, **arrays)
    assert str(caught.value).startswith(f"--dataset={path}: ")
    assert "\n" not in str(caught.value)


def _rows(*splits):
    return sorted(
        (image.tobytes(), int(label))
        for split in splits
        for image, label in zip(split.images, split.labels, strict=True)
    )


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], LABELS[None], LABELS.astype(float)])
def test_images_and_labels_are_taken_as_from_an_npz(path, labels):
    data = _load(path, images=IMAGES, labels=labels)
    of_npz = _load(path.with_suffix(".npz"), images=IMAGES, labels=LABELS)
    assert data.image_shape == (5, 4, 1)
    assert _rows(data.train, data.validation, data.test) == ROWS
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(data, name).images, getattr(of_npz, name).images)
        np.testing.assert_array_equal(getattr(data, name).labels, getattr(of_npz, name).labels)
    assert {**data.describe(), "name": ""} == {**of_npz.describe(), "name": ""}


def test_floating_point_images_and_given_test_images_are_taken(path):
    data = _load(path, x_train=IMAGES / 255, x_test=IMAGES[:9] / 255)
    assert len(data.test) == 9 and data.train.labels is None
    np.testing.assert_allclose(data.test.intensities()[..., 0], IMAGES[:9] / 255, atol=1e-6)


@pytest.mark.parametrize("ending", [".mat", ".npz"])
def test_first_fold_of_the_toronto_face_database_fixes_the_splits(path, ending):
    data = _load(
        path.with_suffix(ending), images=IMAGES, folds=FOLDS.astype(np.uint8), labs_ex=CLASSES
    )
    np.testing.assert_array_equal(data.train.images[..., 0], IMAGES[:50])
    np.testing.assert_array_equal(data.validation.images[..., 0], IMAGES[50:62])
    np.testing.assert_array_equal(data.test.images[..., 0], IMAGES[62:])
    assert all(split.labels is None for split in (data.train, data.validation, data.test))


def test_classes_of_the_toronto_face_database_count_where_all_are_known(path):
    folds = np.where(FOLDS == 0, 1, FOLDS)
    data = _load(path, images=IMAGES, folds=folds, labs_ex=LABELS[:, None] + 1)
    np.testing.assert_array_equal(data.validation.labels, LABELS[50:62])
    assert data.num_classes == 3


def test_a_single_fold_may_be_a_vector(path):
    data = _load(path, images=IMAGES, folds=FOLDS[:, 0])
    assert [len(s) for s in (data.train, data.validation, data.test)] == [50, 12, 8]


@pytest.mark.parametrize(
    "arrays, expected",
    [
        ({"pictures": IMAGES}, r"has \['pictures'\], expected arrays 'images'"),
        ({"images": IMAGES / 2}, r"values in 0\.\.127\.5, expected uint8"),
        ({"images": IMAGES, "labels": LABELS + 0.5}, "expected 70 integers from 0"),
        ({"images": IMAGES, "labels": np.full(70, np.inf)}, "expected 70 integers from 0"),
        ({"images": IMAGES, "labels": LABELS[:9]}, "expected 70 integers from 0"),
        ({"images": IMAGES, "labels": "text"}, "'labels' is no array of numbers"),
        ({"images": {"field": IMAGES}}, "'images' is no array of numbers"),
        ({"images": np.array([IMAGES[0], "text"], object)}, "'images' is no array of numbers"),
        ({"images": IMAGES, "folds": FOLDS[:9]}, r"'folds' has shape \(9, 5\), expected 70 rows"),
        ({"images": IMAGES, "folds": FOLDS + 1}, "expected 70 rows of 0"),
        ({"images": IMAGES, "folds": FOLDS * 0}, "gives 70 training, 0 validation and 0 test"),
        ({"images": IMAGES, "folds": FOLDS, "labs_ex": CLASSES[:9]}, "9 labels for 70 images"),
    ],
)
def test_arrays_of_another_kind_are_refused(path, arrays, expected):
    _refused(path, expected, **arrays)


def test_file_of_version_7_3_is_refused_with_what_would_be_right(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["images"] = IMAGES
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    _refused(path, "a .mat of version 7.3, expected one of version 7 or older")


@pytest.mark.parametrize("content", [b"", b"some text", bytes(200), b"\x80\x04pickle" * 90])
def test_file_that_is_no_mat_is_refused(path, content):
    path.write_bytes(content)
    _refused(path, "not a readable .mat|expected arrays 'images'")


@pytest.mark.parametrize("position", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("cut", [True, False])
def test_damaged_file_is_refused(path, position, cut):
    content = io.BytesIO()
    scipy.io.savemat(content, {"images": IMAGES // 64}, do_compression=True)
    damaged = bytearray(content.getvalue())
    start = int(position * len(damaged))
    damaged[start : None if cut else start + 8] = b"" if cut else b"\xff" * 8
    path.write_bytes(damaged)
    _refused(path, "not a readable .mat")
