"""The MNIST of the package: sizes, labels, checksums, and files that were tampered with."""

import gzip
import hashlib

import numpy as np
import pytest

from aae_tf.data import load
from aae_tf.data.load import FOLDER, MD5_OF_UNPACKED, load_mnist
from aae_tf.errors import DataError
from aae_tf.settings import DataSettings

NAMES = list(MD5_OF_UNPACKED)


@pytest.fixture(scope="module")
def mnist():
    return load(DataSettings())


@pytest.fixture
def folder(tmp_path):
    """A folder with the real files, as links."""
    for name in NAMES:
        (tmp_path / name).symlink_to(FOLDER / name)
    return tmp_path


def test_sizes_and_types(mnist):
    assert [len(s) for s in (mnist.train, mnist.validation, mnist.test)] == [50_000, 10_000, 10_000]
    for split in (mnist.train, mnist.validation, mnist.test):
        assert split.images.shape == (len(split), 28, 28, 1)
        assert split.images.dtype == np.uint8
        assert split.labels.shape == (len(split),)
        assert split.labels.dtype == np.int64
    assert mnist.class_names == tuple("0123456789")
    assert mnist.image_shape == (28, 28, 1)


def test_official_order_is_kept(mnist):
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    official = np.concatenate([mnist.train.images, mnist.validation.images])
    with gzip.open(FOLDER / "train-images-idx3-ubyte.gz") as file:
        assert official.tobytes() == file.read()[16:]


def test_classes_have_their_published_sizes(mnist):
    official = np.concatenate([mnist.train.labels, mnist.validation.labels])
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(official).tolist() == counts
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.test.labels).tolist() == counts


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_labels_belong_to_their_images(mnist, name):
    def flat(split):
        return split.intensities().reshape(len(split), -1)

    train = flat(mnist.train)
    means = np.stack([train[mnist.train.labels == digit].mean(0) for digit in range(10)])
    split = getattr(mnist, name).take(slice(0, 10_000))
    squared = (means**2).sum(1) - 2 * flat(split) @ means.T
    assert np.mean(squared.argmin(1) == split.labels) > 0.8  # 0.82 is the published figure


def test_files_have_the_well_known_checksums():
    for name, md5 in MD5_OF_UNPACKED.items():
        content = gzip.decompress((FOLDER / name).read_bytes())
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5


def _replace(path, content):
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("name", NAMES)
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing; reinstall"):
        load_mnist(folder)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_truncated_file_is_refused(folder, share):
    path = folder / NAMES[-1]
    content = path.read_bytes()
    _replace(path, content[: int(share * len(content))])
    with pytest.raises(DataError, match=NAMES[-1]):
        load_mnist(folder)


def test_file_that_is_no_gzip_is_refused(folder):
    _replace(folder / NAMES[0], b"<html>not found</html>")
    with pytest.raises(DataError, match=f"{NAMES[0]} can't be unpacked"):
        load_mnist(folder)


@pytest.mark.parametrize("offset", [20, 2000, 4000])
def test_flipped_bits_are_noticed(folder, offset):
    path = folder / NAMES[-1]
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    _replace(path, bytes(content))
    with pytest.raises(DataError, match=NAMES[-1]):
        load_mnist(folder)


def test_valid_gzip_of_other_labels_is_noticed(folder):
    path = folder / NAMES[-1]
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] = (content[-1] + 1) % 10
    _replace(path, gzip.compress(bytes(content)))
    with pytest.raises(DataError, match=f"{NAMES[-1]} was altered .*expected {'.' * 32}"):
        load_mnist(folder)
