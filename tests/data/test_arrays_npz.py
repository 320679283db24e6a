"""A user's .npz: what is taken, what is refused, and that nothing is ever unpickled."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from aae_tf.data import arrays, load, streamed
from aae_tf.data.streamed import FileImages
from aae_tf.errors import DataError
from aae_tf.settings import DataSettings

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (42, 5, 4), np.uint8)
LABELS = (IMAGES[:, 0, 0] % 3).astype(np.int32)
ROWS = sorted((image.tobytes(), int(label)) for image, label in zip(IMAGES, LABELS, strict=True))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.npz"


def _load(path):
    return load(DataSettings(dataset=str(path)))


def _refused(path, expected, **arrays):
    if arrays:
        np.savez(path, **arrays)
    with pytest.raises(DataError, match=expected) as caught:
        _load(path)
    assert str(caught.value).startswith(f"--dataset={path}: ")


def _rows(*splits):
    """Pixels and label of each image of all splits, sorted."""
    return sorted(
        (image.tobytes(), int(label))
        for split in splits
        for image, label in zip(split.images, split.labels, strict=True)
    )


def test_images_without_a_test_split_are_split_in_three(path):
    np.savez(path, images=IMAGES, labels=LABELS)
    data = _load(path)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [30, 6, 6]
    assert data.image_shape == (5, 4, 1)
    assert data.train.images.dtype == np.uint8
    assert data.train.labels.dtype == np.int64
    assert _rows(data.train, data.validation, data.test) == ROWS
    np.testing.assert_array_equal(_load(path).train.images, data.train.images)


def test_sorted_classes_are_mixed_before_splitting(path):
    np.savez(path, images=np.zeros((140, 2, 2), np.uint8), labels=np.repeat([0, 1], 70))
    data = _load(path)
    for split in (data.train, data.validation, data.test):
        assert 0.2 < split.labels.mean() < 0.8


def test_labels_may_be_absent(path):
    np.savez(path, images=IMAGES)
    assert _load(path).train.labels is None


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_are_kept(path, channels):
    np.savez(path, images=np.repeat(IMAGES[..., None], channels, -1))
    assert _load(path).image_shape == (5, 4, channels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_intensities_from_0_to_1_stay_what_they_are(path, dtype):
    np.savez(path, images=(IMAGES / 255).astype(dtype))
    data = _load(path)
    assert data.train.images.dtype == np.float32
    found = np.sort(
        np.concatenate([s.images.ravel() for s in (data.train, data.validation, data.test)])
    )
    np.testing.assert_allclose(found, np.sort(IMAGES.ravel() / 255), atol=1e-3)
    assert (found.min(), found.max()) == (0, 1)


def test_keras_arrays_fix_the_test_split(path):
    test = IMAGES[:7] // 2
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=test, y_test=LABELS[:7])
    data = _load(path)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [35, 7, 7]
    np.testing.assert_array_equal(data.test.images[..., 0], test)
    np.testing.assert_array_equal(data.test.labels, LABELS[:7])
    assert _rows(data.train, data.validation) == ROWS


@pytest.mark.parametrize(
    "arrays, expected",
    [
        ({"images": IMAGES[0]}, r"'images' has shape \(5, 4\), expected \(n, height, width\)"),
        ({"images": np.zeros((40, 5, 4, 3, 1), np.uint8)}, "'images' has shape"),
        ({"images": IMAGES[:0]}, "'images' has shape"),
        ({"images": IMAGES[:29]}, "29 images, expected 30 or more"),
        ({"images": IMAGES.astype(np.int32) - 9}, r"int32 and values in -9\.\.246, expected uint8"),
        ({"images": IMAGES.astype(np.uint16) * 16}, r"uint16 and values in 0\.\.4080, expected"),
        ({"images": IMAGES.astype(np.complex64)}, "dtype complex64, expected uint8"),
        ({"images": IMAGES * 1.5}, r"values in 0\.\.382\.5, expected uint8"),
        ({"images": IMAGES / 2}, r"values in 0\.\.127\.5, expected uint8"),
        ({"images": IMAGES / 255 - 0.5}, r"values in -0\.5\.\.0\.5, expected uint8"),
        ({"images": np.where(IMAGES > 200, np.nan, 0.5)}, "holds NaN or infinity"),
        ({"images": np.where(IMAGES > 200, np.inf, 0.5)}, "holds NaN or infinity"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "expected 42 integers from 0"),
        ({"images": IMAGES, "labels": np.eye(3)[LABELS]}, r"'labels' wants argmax\(1\)"),
        ({"images": IMAGES, "labels": LABELS - 1}, "expected 42 integers from 0"),
        ({"images": IMAGES, "labels": LABELS / 2}, "expected 42 integers from 0"),
        ({"images": IMAGES, "labels": np.array(["a"] * 42)}, "no array of numbers but of <U1"),
        ({"pictures": IMAGES}, r"has \['pictures'\], expected arrays 'images'"),
        ({"x_train": IMAGES}, r"has \['x_train'\], expected arrays 'images'"),
        ({"x_train": IMAGES, "x_test": IMAGES[:, :4]}, "differ in shape or dtype"),
        ({"x_train": IMAGES, "x_test": IMAGES / 255}, "differ in shape or dtype"),
        ({"x_train": IMAGES[:29], "x_test": IMAGES}, "29 images in x_train, expected 30 or more"),
        ({"x_train": IMAGES, "x_test": IMAGES[:0]}, "'x_test' has shape"),
    ],
)
def test_arrays_of_another_kind_are_refused(path, arrays, expected):
    _refused(path, expected, **arrays)


class _LeavesAMark:
    """An object whose unpickling makes a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


@pytest.mark.parametrize("key", ["images", "labels", "more"])
def test_pickled_objects_are_never_unpickled_and_refused_where_they_are_asked_for(
    path, tmp_path, key
):
    mark = tmp_path / "unpickled"
    arrays = {"images": IMAGES, "labels": LABELS, key: np.array([_LeavesAMark(mark)], object)}
    if key == "more":
        np.savez(path, **arrays)
        assert len(_load(path).train) == 30
    else:
        _refused(path, "never unpickled", **arrays)
    assert not mark.exists()
    with np.load(path, allow_pickle=True) as file:
        _ = file[key]
    assert mark.exists()  # the trap works


def test_pickle_with_the_ending_of_an_npz_is_never_unpickled(path, tmp_path):
    mark = tmp_path / "unpickled"
    path.write_bytes(pickle.dumps(_LeavesAMark(mark)))
    _refused(path, "never unpickled|not a readable")
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"some text", b"PK\x03\x04 and no more"])
def test_file_that_is_no_npz_is_refused(path, content):
    path.write_bytes(content)
    _refused(path, "not a readable .npz|never unpickled")


def test_single_array_with_the_ending_of_an_npz_is_refused(path):
    with open(path, "wb") as file:
        np.save(file, IMAGES)
    _refused(path, "expected arrays 'images'|not a readable")


def test_archive_of_something_else_is_refused(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"text")
    _refused(path, "expected arrays 'images'|not a readable")


def test_truncated_file_is_refused(path):
    np.savez(path, images=IMAGES)
    path.write_bytes(path.read_bytes()[:-200])
    _refused(path, "not a readable .npz")


@pytest.mark.parametrize("position", [0.3, 0.5, 0.7])
def test_damaged_compressed_data_is_refused(path, position):
    content = io.BytesIO()
    np.savez_compressed(content, images=IMAGES // 64)
    damaged = bytearray(content.getvalue())
    start = int(position * len(damaged))
    damaged[start : start + 4] = bytes(255 - byte for byte in damaged[start : start + 4])
    path.write_bytes(damaged)
    _refused(path, "not a readable .npz")


def test_arrays_that_are_not_read_are_named(path):
    np.savez(path, images=IMAGES, labels=LABELS, x_val=IMAGES, y=LABELS)
    assert _load(path).notes()[0] == f"{path}: arrays that aren't read: ['x_val', 'y']"
    np.savez(path, x_train=IMAGES, x_test=IMAGES, y_test=LABELS)
    assert _load(path).notes() == []


def test_array_that_may_have_its_images_last_is_noted(path):
    np.savez(path, images=np.resize(IMAGES, (40, 40, 900)))
    (note,) = _load(path).notes()
    assert "taken as 40 images of 40 x 900 pixels; if they are 900 images of 40 x 40" in note
    images = np.resize(IMAGES, (28, 28, 900))
    _refused(path, "28 images, expected 30 or more; taken as 28 images of 28 x 900", images=images)


@pytest.mark.parametrize("kind", ["npz", "npy", "keras", "labelled"])
def test_streamed_arrays_are_those_in_memory(tmp_path, monkeypatch, kind):
    path = tmp_path / f"mine.{'npy' if kind == 'npy' else 'npz'}"
    coloured = RNG.integers(0, 256, (80, 5, 4, 3), np.uint8)
    with open(path, "wb") as file:
        if kind == "npy":
            np.save(file, coloured)
        elif kind == "keras":
            np.savez(file, x_train=coloured, x_test=coloured[:9])
        elif kind == "labelled":
            np.savez(file, labels=LABELS, images=IMAGES)
        else:
            np.savez(file, images=IMAGES, others=np.zeros(3))
    monkeypatch.setattr(streamed, "HELD_OUT_IN_MEMORY", 100)
    held, read = (
        load(DataSettings(dataset=str(path), stream=stream)) for stream in ("never", "always")
    )
    assert held.describe() == read.describe()
    for name, split in held.splits.items():
        other = read.splits[name]
        assert isinstance(other.images, FileImages) and isinstance(split.images, np.ndarray)
        assert np.array_equal(other.images[:], split.images)
        assert (other.labels is None) == (split.labels is None)


def test_held_out_images_are_streamed_where_they_are_many(path, monkeypatch):
    np.savez(path, images=IMAGES)
    monkeypatch.setattr(arrays, "HELD_OUT_IN_MEMORY", 100)
    monkeypatch.setattr(streamed, "HELD_OUT_IN_MEMORY", 100)
    data = _load(path)
    assert isinstance(data.train.images, np.ndarray)
    assert len(data.validation) == len(data.test) == 6
    assert isinstance(data.validation.images, FileImages)
    monkeypatch.setattr(streamed, "HELD_OUT_IN_MEMORY", 120)
    assert isinstance(_load(path).validation.images, np.ndarray)


def test_damaged_bytes_are_refused_where_they_would_be_streamed(path):
    np.savez(path, images=np.zeros((40, 64, 64), np.uint8))
    content = bytearray(path.read_bytes())
    content[len(content) - 1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"not a readable \.npz .*CRC"):
        load(DataSettings(dataset=str(path), stream="always"))
