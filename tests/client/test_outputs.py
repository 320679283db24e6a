"""Answers become pictures, tables or arrays, whole or not at all."""

import io
import pathlib

import numpy as np
import pytest
from PIL import Image

from aae_tf.client import inputs, outputs
from aae_tf.client.model import PredictionError, Signature, Tensor
from aae_tf.utils import to_bytes

RANDOM = np.random.default_rng(0)
CODES, IMAGES = Tensor("float32", (None, 2)), Tensor("float32", (None, 4, 3, 1))
SAMPLE = Signature({}, {"codes": CODES, "images": IMAGES})
DECODE = Signature({}, {"images": IMAGES})
CLASSIFY = Signature({}, {"classes": Tensor("int64", (None,)), "probabilities": CODES})


def _writer(output, signature, names=None):
    return outputs.writer_for(output, "name", signature, names)


def _refused(call, *arguments):
    with pytest.raises(PredictionError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_holds_the_pixels(channels):
    pixels = RANDOM.integers(0, 256, (5, 7, channels), np.uint8)
    actual = np.asarray(Image.open(io.BytesIO(outputs.png(pixels))))
    np.testing.assert_array_equal(actual.reshape(pixels.shape), pixels)


def test_pictures_appear_as_a_whole_with_numbers_beside_them(tmp_path):
    writer = _writer(tmp_path / "new" / "out", SAMPLE)
    images = RANDOM.random((3, 4, 3, 1), np.float32)
    codes = RANDOM.normal(size=(3, 2)).astype(np.float32)
    writer.add({"codes": codes[:2], "images": images[:2]})
    writer.add({"codes": codes[2:], "images": images[2:]})
    assert not (tmp_path / "new" / "out").exists()
    writer.finish()
    writer.discard()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]
    actual = sorted(path.name for path in (tmp_path / "new" / "out").iterdir())
    assert actual == ["00000.png", "00001.png", "00002.png", "codes.csv"]
    pixels = np.asarray(Image.open(tmp_path / "new" / "out" / "00002.png"))
    np.testing.assert_array_equal(pixels, to_bytes(images)[2, ..., 0])
    read, names = inputs.read_table(tmp_path / "new" / "out" / "codes.csv", {"codes": CODES})
    assert names == actual[:3]
    np.testing.assert_array_equal(read["codes"].astype(np.float32), codes)


def test_discarded_pictures_leave_nothing(tmp_path):
    writer = _writer(tmp_path / "out", DECODE)
    writer.add({"images": np.zeros((2, 4, 3, 1), np.float32)})
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "names, files",
    [
        (["a.png", "b.jpg"], ["a.png", "b.png"]),
        (["a.png", "a.jpg"], ["a.jpg.png", "a.png.png"]),
        (["a.png", "A.png"], ["00000.png", "00001.png"]),
        (["../a.png", "/tmp/b.png"], ["a.png", "b.png"]),
        (["a.png", ""], ["00000.png", "00001.png"]),
        (["a\0.png", "b.png"], ["00000.png", "00001.png"]),
    ],
)
def test_pictures_are_called_as_their_inputs_where_that_tells_them_apart(tmp_path, names, files):
    writer = _writer(tmp_path / "out", DECODE, names)
    writer.add({"images": np.zeros((2, 4, 3, 1), np.float32)})
    writer.finish()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files


def test_numbers_are_printed_or_written(tmp_path, capsys):
    answer = {"classes": np.int64([1, 0]), "probabilities": np.float32([[0.1, 0.9], [1, 0]])}
    text = "file,class,probability_0,probability_1\na.png,1,0.1,0.9\nb.png,0,1.0,0.0\n"
    for output in (None, tmp_path / "new" / "table.csv"):
        writer = _writer(output, CLASSIFY, ["a.png", "b.png"])
        for row in (slice(0, 1), slice(1, 2)):
            writer.add({name: array[row] for name, array in answer.items()})
        assert capsys.readouterr().out == ""
        writer.finish()
        assert capsys.readouterr().out == ("" if output else text)
    assert (tmp_path / "new" / "table.csv").read_text() == text


@pytest.mark.parametrize("name, shown", [("é.png", "é.png"), ("\udce9.png", "\\udce9.png")])
def test_tables_are_utf8_whatever_files_are_called(tmp_path, name, shown, capsys):
    for output in (None, tmp_path / "table.csv"):
        writer = _writer(output, CLASSIFY, [name])
        writer.add({"classes": np.int64([1])})
        writer.finish()
    text = f"file,class\n{shown},1\n"
    assert capsys.readouterr().out == text
    assert (tmp_path / "table.csv").read_bytes() == text.encode()


def test_npz_holds_everything(tmp_path):
    writer = _writer(tmp_path / "out.npz", SAMPLE, ["a", "b", "c"])
    images, codes = np.float32(RANDOM.random((3, 4, 3, 1))), np.float32(RANDOM.random((3, 2)))
    writer.add({"codes": codes[:1], "images": images[:1]})
    writer.add({"codes": codes[1:], "images": images[1:]})
    writer.finish()
    with np.load(tmp_path / "out.npz", allow_pickle=False) as actual:
        np.testing.assert_array_equal(actual["images"], images)
        np.testing.assert_array_equal(actual["codes"], codes)
        assert actual["files"].tolist() == ["a", "b", "c"]


def test_images_need_an_output_and_channels_of_pictures(tmp_path):
    assert "--output=: expected a new folder" in _refused(_writer, None, DECODE)
    odd = Signature({}, {"images": Tensor("float32", (None, 4, 3, 2))})
    assert "images of 2 channels" in _refused(_writer, tmp_path / "out", odd)
    assert isinstance(_writer(tmp_path / "out.npz", odd), outputs.Arrays)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_kept(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file.csv").touch()
    outputs.check_free(tmp_path / "empty")
    outputs.check_free(tmp_path / "new")
    for name in ("full", "file.csv"):
        line = _refused(outputs.check_free, tmp_path / name)
        assert line == f"--output={tmp_path / name}: is there already; expected a new name"


@pytest.mark.parametrize("output", [".", "..", "/", "empty/.."])
def test_output_that_is_no_name_is_refused(tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    line = _refused(outputs.check_free, pathlib.Path(output))
    assert line == f"--output={output}: expected the name of a new file or folder"


def test_output_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    line = _refused(_writer, tmp_path / "file" / "out", DECODE)
    assert line == f"--output={tmp_path / 'file' / 'out'}: File exists"
    writer = _writer(tmp_path / "file" / "out.csv", CLASSIFY)
    writer.add({"classes": np.int64([1])})
    assert "out.csv: File exists" in _refused(writer.finish)


def test_classes_have_their_names_in_a_table(capsys):
    answer = {
        "classes": np.array([1, 0]),
        "probabilities": np.array([[0.25, 0.75], [1, 0]], np.float32),
    }
    table = outputs.Table(None, ["a.png", "b.png"], ["tabby, cat", "dog"])
    table.add(answer)
    table.finish()
    assert capsys.readouterr().out.splitlines() == [
        'file,class,class_name,"probability_tabby, cat",probability_dog',
        "a.png,1,dog,0.25,0.75",
        'b.png,0,"tabby, cat",1.0,0.0',
    ]
