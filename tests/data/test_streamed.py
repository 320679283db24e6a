"""Streamed images: slices and rows as of an array, packed files, and files that change."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.data import ImageData, Split
from aae_tf.data.folder import FolderImages
from aae_tf.data.images import Framing
from aae_tf.data.streamed import HEADER, blocks, packed
from aae_tf.errors import DataError
from aae_tf.networks import Standardizer

PIXELS = np.random.default_rng(0).integers(0, 256, (23, 6, 5, 3), np.uint8)
LABELS = np.arange(23) % 4


def _batches(images=PIXELS, labels=LABELS):
    for start in range(0, len(images), 7):
        rows = slice(start, start + 7)
        yield images[rows], None if labels is None else labels[rows]


def _pack(folder, content=None, examples=None, count=23):
    path = folder / "packed" / "some.images"
    examples = _batches() if examples is None else examples
    return packed(path, content or {"dataset": "some"}, PIXELS.shape[1:], count, examples)


def _no_examples():
    raise AssertionError("read again")
    yield


@pytest.fixture(params=["folder", "packed"])
def images(request, tmp_path):
    if request.param == "packed":
        return _pack(tmp_path)
    files = []
    for number, pixels in enumerate(PIXELS):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(tf.io.encode_png(pixels).numpy())
    return FolderImages(files, PIXELS.shape[1:], Framing())


ROWS = [
    slice(None),
    slice(3, 9),
    slice(-4, None),
    slice(20, 40),
    slice(5, 5),
    np.array([7, 0, 7, 22]),
    np.array([], int),
    np.arange(23) % 3 == 1,
]


@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_rows_are_those_of_the_array(images, rows):
    found = images[rows]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, PIXELS[rows])


def test_they_look_like_an_array(images):
    assert (images.shape, len(images)) == (PIXELS.shape, 23)
    assert (images.dtype, images.ndim) == (PIXELS.dtype, PIXELS.ndim)
    np.testing.assert_array_equal(images[4], PIXELS[4])
    np.testing.assert_array_equal(images[-1], PIXELS[-1])
    with pytest.raises(IndexError):
        images[23]


def test_they_are_not_all_read_by_mistake(images):
    with pytest.raises(TypeError, match="streamed; read them in slices"):
        np.asarray(images)


def test_views_of_views_read_the_rows_they_say(images):
    order = np.random.default_rng(1).permutation(23)
    view = images.view(order).view(np.arange(4, 20))
    np.testing.assert_array_equal(view[:], PIXELS[order][4:20])
    np.testing.assert_array_equal(view[np.array([3, 1])], PIXELS[order][4:20][[3, 1]])
    np.testing.assert_array_equal(images[:], PIXELS)


def test_served_batches_are_the_rows_in_order(images):
    view, expected = images.view(np.arange(23)[::-1]), PIXELS[::-1]
    rows = np.random.default_rng(2).integers(0, 23, (9, 5))
    served = view.serve(tf.data.Dataset.from_tensor_slices(rows))
    assert served.element_spec[1].shape == (5, 6, 5, 3)
    for chosen, (found, batch) in zip(rows, served, strict=True):
        np.testing.assert_array_equal(found, chosen)
        np.testing.assert_array_equal(batch, expected[chosen])


def test_checksum_moments_and_intensities_are_those_of_the_array(images, monkeypatch):
    monkeypatch.setattr("aae_tf.data.streamed.BLOCK", 4 * 90)
    assert [len(block) for block in blocks(images)] == [4, 4, 4, 4, 4, 3]
    held_out = Split(PIXELS[:3])
    described = [
        ImageData("some", Split(kind), held_out, held_out).describe() for kind in (images, PIXELS)
    ]
    assert described[0] == described[1]
    networks = [Standardizer(PIXELS.shape[1:], "float64") for _ in range(2)]
    for network, kind in zip(networks, (images, PIXELS), strict=True):
        network.adapt(kind)
    for name in ("mean", "deviation"):
        one, other = (getattr(network, name).numpy() for network in networks)
        np.testing.assert_array_equal(one, other)
    scaled = PIXELS / 255
    np.testing.assert_allclose(networks[0].mean.numpy(), scaled.mean(0), rtol=1e-12)
    np.testing.assert_allclose(networks[0].deviation.numpy(), scaled.std(0), rtol=1e-9)
    some = Split(images).intensities(slice(2, 5))
    np.testing.assert_array_equal(some, Split(PIXELS).intensities(slice(2, 5)))
    np.testing.assert_array_equal(Split(images, LABELS).take(np.array([1, 9])).labels, [1, 1])


def test_moments_hang_on_no_block(monkeypatch):
    from aae_tf.networks import standardizer

    monkeypatch.setattr(standardizer, "BLOCK", 5 * 64)
    network, images = Standardizer((8, 8, 1), "float64"), tiny.images(33)
    network.adapt(images)
    np.testing.assert_allclose(network.mean.numpy(), (images / 255).mean(0), rtol=1e-12)
    np.testing.assert_allclose(network.deviation.numpy(), (images / 255).std(0), rtol=1e-9)


def test_packed_labels_go_with_the_rows(tmp_path):
    rows = np.array([5, 0, 22])
    np.testing.assert_array_equal(_pack(tmp_path).view(rows).labels, LABELS[rows])
    unlabelled = _pack(tmp_path, {"dataset": "other"}, _batches(labels=None))
    assert unlabelled.labels is None


def test_packed_file_is_made_once(tmp_path):
    _pack(tmp_path)
    again = _pack(tmp_path, examples=_no_examples())
    np.testing.assert_array_equal(again[:], PIXELS)
    assert sorted(p.name for p in (tmp_path / "packed").iterdir()) == [".lock", "some.images"]


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def _alter_header(path):
    content = path.read_bytes()
    header = {**json.loads(content[:HEADER]), "split": "other"}
    path.write_bytes(
        json.dumps(header | {"dataset": "x"}).encode().ljust(HEADER) + content[HEADER:]
    )


def _garble(path):
    path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.parametrize("harm", [_cut, _alter_header, _garble])
def test_packed_file_that_is_not_what_was_asked_for_is_made_again(tmp_path, harm):
    _pack(tmp_path)
    harm(tmp_path / "packed" / "some.images")
    with pytest.raises(AssertionError, match="read again"):
        _pack(tmp_path, examples=_no_examples())
    np.testing.assert_array_equal(_pack(tmp_path)[:], PIXELS)


def test_what_a_killed_packing_left_does_no_harm(tmp_path):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / ".some.images.tmp").write_bytes(b"half" * 10_000)
    np.testing.assert_array_equal(_pack(tmp_path)[:], PIXELS)
    assert not (tmp_path / "packed" / ".some.images.tmp").exists()


@pytest.mark.parametrize("count", [22, 24])
def test_other_number_of_images_than_promised_is_refused_and_nothing_left(tmp_path, count):
    with pytest.raises(DataError, match=f"23 images came, expected {count}"):
        _pack(tmp_path, count=count)
    assert [p.name for p in (tmp_path / "packed").iterdir()] == [".lock"]


def test_folder_that_cannot_be_written_is_named_with_the_space_needed(tmp_path):
    (tmp_path / "packed").write_text("a file in its place")
    with pytest.raises(DataError, match=r"some\.images can't be written .*GiB there"):
        _pack(tmp_path)


def test_file_cut_short_while_it_is_read_is_noticed(tmp_path):
    images = _pack(tmp_path)
    path = tmp_path / "packed" / "some.images"
    with open(path, "r+b") as file:
        file.truncate(HEADER + 5 * 90)
    np.testing.assert_array_equal(images[:5], PIXELS[:5])
    with pytest.raises(DataError, match="was cut short"):
        images[:6]
