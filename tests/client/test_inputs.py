"""What users give becomes what signatures take, or is refused in one line."""

import io

import numpy as np
import pytest
import scipy.io
from PIL import Image

from aae_tf.client import inputs, picture_files
from aae_tf.client.inputs import Inputs
from aae_tf.client.model import PredictionError, Signature, Tensor

IMAGES = Tensor("float32", (None, 8, 8, 1))
CODES = Tensor("float32", (None, 2))
LABELS = Tensor("int64", (None,))
ENCODE = Signature({"images": IMAGES}, {"codes": CODES})
ENCODE_BYTES = Signature({"image_bytes": Tensor("string", (None,))}, {"codes": CODES})
DECODE = Signature({"codes": CODES}, {"images": IMAGES})
GENERATE = Signature({"labels": LABELS, "styles": CODES}, {"images": IMAGES})
LABELLED = Signature({**ENCODE_BYTES.inputs, "labels": LABELS}, {"images": IMAGES})
SAMPLE = Signature({"seed": Tensor("int32", (2,)), "count": Tensor("int32", ())}, {"codes": CODES})


def _read(tmp_path, signature, *array, **arrays):
    """What becomes of an .npy or .npz."""
    path = tmp_path / ("given.npy" if array else "given.npz")
    if array:
        np.save(path, array[0])
    else:
        np.savez(path, **arrays)
    return inputs.of_arrays(path, "name", signature)


def _refused(call, *arguments, **named):
    with pytest.raises(PredictionError) as caught:
        call(*arguments, **named)
    line = str(caught.value)
    assert line.startswith("--input=") and "\n" not in line
    return line


def test_bytes_and_wide_floats_become_what_the_model_takes(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    expected = pixels.astype(np.float32) / np.float32(255)
    for array in (pixels, pixels[..., 0], expected, expected[..., 0], expected.astype(np.float64)):
        actual = _read(tmp_path, ENCODE, array)
        assert actual.rows == 3 and actual.columns["images"].dtype == np.float32
        np.testing.assert_array_equal(actual.columns["images"], expected)


def test_images_and_labels_are_taken_as_in_training(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    expected = pixels.astype(np.float32) / np.float32(255)
    for dtype in (np.int64, np.float32):
        actual = _read(tmp_path, ENCODE, pixels.astype(dtype))
        np.testing.assert_array_equal(actual.columns["images"], expected)
    for labels in (np.array([[1], [0], [2]]), np.array([[1.0, 0, 2]])):
        actual = _read(tmp_path, GENERATE, styles=np.zeros((3, 2)), labels=labels)
        assert actual.columns["labels"].tolist() == [1, 0, 2]
    wrong = np.full((3, 8, 8, 1), 1.5)  # the model names the row that it refuses
    np.testing.assert_array_equal(_read(tmp_path, ENCODE, wrong).columns["images"], wrong)


def test_mat_is_read_as_an_npz_is(tmp_path):
    scipy.io.savemat(tmp_path / "given.mat", {"codes": np.ones((3, 2)), "more": "text"})
    actual = inputs.of_arrays(tmp_path / "given.mat", "decode", DECODE)
    np.testing.assert_array_equal(actual.columns["codes"], np.ones((3, 2), np.float32))
    assert not picture_files.are_pictures(tmp_path / "given.mat")


def test_npz_is_read_by_the_names_of_inputs_and_others_are_left(tmp_path):
    styles = np.arange(6.0).reshape(3, 2)
    actual = _read(tmp_path, GENERATE, styles=styles, labels=np.uint8([1, 0, 2]), more=np.zeros(7))
    assert set(actual.columns) == {"labels", "styles"} and actual.fixed == {}
    assert actual.columns["labels"].dtype == np.int64
    only = _read(tmp_path, DECODE, anything=styles)
    np.testing.assert_array_equal(only.columns["codes"], styles.astype(np.float32))


def test_inputs_without_a_batch_go_into_every_request(tmp_path):
    actual = _read(tmp_path, SAMPLE, seed=np.array([1, 2]), count=np.array(5))
    assert actual.columns == {} and actual.rows is None
    assert list(actual.pieces(2, 100)) == [(0, 0)]
    request = actual.request(0, 0)
    assert request["count"].dtype == np.int32 and request["count"] == 5


def test_encoded_pictures_can_stand_in_an_npz(tmp_path):
    content = [b"\x89PNG\r\n\x1a\n one", b"\xff\xd8\xff\0two"]
    actual = _read(tmp_path, LABELLED, image_bytes=np.array(content), labels=np.array([1, 2]))
    assert actual.columns["image_bytes"].tolist() == content


@pytest.mark.parametrize(
    "signature, arrays, words",
    [
        (ENCODE, {"images": np.zeros((2, 7, 8, 1))}, "images is float64 [2, 7, 8, 1], expected"),
        (ENCODE, {"images": np.zeros((8, 8, 1))}, "expected float32 [n, 8, 8, 1] or uint8"),
        (ENCODE, {"images": np.full((2, 8, 8, 1), -1)}, "values in -1..-1, expected uint8"),
        (ENCODE, {"images": np.full((2, 8, 8, 1), 300)}, "values in 300..300, expected uint8"),
        (ENCODE, {"images": np.array(["a"])}, "images is <U1 [1]"),
        (ENCODE, {"images": np.zeros((0, 8, 8, 1))}, "holds nothing"),
        (DECODE, {"codes": np.zeros((2, 3))}, "codes is float64 [2, 3], expected float32 [n, 2]"),
        (DECODE, {"codes": np.zeros((2, 2), bool)}, "codes is bool"),
        (DECODE, {"a": np.zeros(2), "b": np.zeros(2)}, "has the arrays a, b; expected codes for"),
        (DECODE, {}, "has no arrays; expected codes"),
        (GENERATE, {"labels": np.full(2, 0.5), "styles": np.zeros((2, 2))}, "'labels' holds 0.5"),
        (
            GENERATE,
            {"labels": np.uint64([2**63]), "styles": np.zeros((1, 2))},
            "labels count from 0; yours are 9.223e+18..9.223e+18",
        ),
        (GENERATE, {"labels": np.zeros((2, 2)), "styles": np.zeros((2, 2))}, "labels is float64"),
        (
            GENERATE,
            {"labels": np.zeros(3, int), "styles": np.zeros((2, 2))},
            "3 labels, 2 styles; expected as many of each",
        ),
        (GENERATE, {"styles": np.zeros((2, 2))}, "expected labels, styles for --signature=name"),
        (SAMPLE, {"seed": np.array([1, 2]), "count": np.array([5])}, "count is int64 [1]"),
        (ENCODE_BYTES, {"image_bytes": np.array([1, 2])}, "image_bytes is int64 [2], expected str"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, signature, arrays, words):
    assert words in _refused(_read, tmp_path, signature, **arrays)


def test_one_array_for_several_inputs_is_refused(tmp_path):
    line = _refused(_read, tmp_path, GENERATE, np.zeros((2, 2)))
    assert line.endswith("--signature=name takes labels, styles; expected an .npz of them")


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_nothing_is_unpickled_and_damage_is_named(tmp_path, ending):
    path = tmp_path / f"given{ending}"
    objects = np.array([{}], object)
    if ending == ".npy":
        np.save(path, objects, allow_pickle=True)
    else:
        np.savez(path, codes=objects)
    assert "never unpickled" in _refused(inputs.of_arrays, path, "decode", DECODE)
    for content in (b"", b"garbage", path.read_bytes()[:100]):
        path.write_bytes(content)
        line = _refused(inputs.of_arrays, path, "decode", DECODE)
        assert "given" in line


def test_pictures_of_a_folder_come_by_name(pictures, caplog):
    caplog.set_level("INFO", "aae_tf")
    (pictures / ".hidden.png").write_text("not seen")
    (pictures / "notes.txt").write_text("nor this")
    (pictures / "f.JPEG").write_bytes((pictures / "a.jpg").read_bytes())
    actual = inputs.of_pictures(pictures, "encode_bytes", ENCODE_BYTES)
    assert actual.names == ["a.jpg", "b.png", "c.png", "d.png", "e.jpg", "f.JPEG"]
    assert "read 6 of 8 files and folders, not .hidden.png, notes.txt" in caplog.text
    sent = actual.request(1, 3)["image_bytes"]
    assert sent.dtype == object and sent.tolist() == [
        (pictures / name).read_bytes() for name in ("b.png", "c.png")
    ]
    alone = inputs.of_pictures(pictures / "a.jpg", "encode_bytes", ENCODE_BYTES)
    assert alone.names == ["a.jpg"] and alone.rows == 1


def test_pictures_that_cannot_be_used_are_named(pictures, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "expected PNG, JPEG, BMP or GIF files in it" in _refused(
        picture_files.find, tmp_path / "empty"
    )
    (pictures / "bad.png").write_bytes(b"RIFF")
    line = _refused(picture_files.find, pictures)
    assert line == f"--input={pictures / 'bad.png'}: not a PNG, JPEG, BMP or GIF picture"
    (pictures / "bad.png").unlink()
    (pictures / "dir.png").mkdir()
    assert "dir.png: Is a directory" in _refused(picture_files.find, pictures)
    (pictures / "dir.png").rmdir()
    line = _refused(inputs.of_pictures, pictures, "reconstruct_labelled_bytes", LABELLED)
    assert "takes labels too; expected an .npz with the arrays image_bytes, labels" in line


def test_folders_with_pictures_below_a_folder_without_are_named(pictures, caplog):
    caplog.set_level("INFO", "aae_tf")
    for name in ("circle", "square/red", "square/blue", "triangle"):
        (pictures.parent / "shapes" / name).mkdir(parents=True)
    for name in ("circle", "square/red"):
        (pictures.parent / "shapes" / name / "1.png").write_bytes(b"")
    shapes = pictures.parent / "shapes"
    line = _refused(picture_files.find, shapes)
    below = f"{shapes}/circle, {shapes}/square/red"
    expected = f"expected PNG, JPEG, BMP or GIF files in it; there are some in {below}"
    assert line == f"--input={shapes}: {expected}" and not caplog.messages
    for name in ("square/blue", "triangle"):
        (shapes / name / "1.png").write_bytes(b"")
    line = _refused(picture_files.find, shapes)
    assert line.endswith(f"in {shapes}/circle, {shapes}/square/blue, {shapes}/square/red and more")


def _picture(size, mode, orientation=1, kind="png"):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        (3, "3 of 5 pictures were resized to 8x6, 2 were grey"),
        (1, "3 of 5 pictures were resized to 8x6, 2 were in colour"),
    ],
)
def test_pictures_of_another_size_or_colour_are_counted(tmp_path, channels, said):
    given = [
        _picture((6, 8), "RGB"),
        _picture((8, 6), "L", orientation=6, kind="jpeg"),
        _picture((8, 6), "RGB"),
        _picture((12, 16), "L"),
        _picture((1, 1), "P"),
    ]
    files = []
    for number, content in enumerate(given):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(content)
    found = picture_files.PictureFiles(files)
    assert picture_files.unlike(found, (8, 6, channels)) == said
    assert picture_files.unlike(picture_files.PictureFiles(files[:1]), (8, 6, 3)) == ""
    (tmp_path / "0.png").write_bytes(picture_files.HEADS[0])  # what Pillow can't read isn't told of
    assert picture_files.unlike(picture_files.PictureFiles(files[:1]), (8, 6, 3)) == ""


@pytest.mark.parametrize("name", ["missing", "missing.npz", "text.txt", "text"])
def test_other_files_are_refused(tmp_path, name):
    (tmp_path / "text.txt").write_text("words")
    (tmp_path / "text").write_text("words")
    assert "a PNG, JPEG, BMP or GIF picture, a folder" in _refused(
        picture_files.are_pictures, tmp_path / name
    )


def test_picture_is_known_without_its_ending(pictures, tmp_path):
    (pictures / "a.jpg").rename(tmp_path / "picture")
    assert picture_files.are_pictures(tmp_path / "picture")


def _pieces(rows, size, most_bytes, nbytes=4):
    column = np.zeros((rows, nbytes), np.uint8)
    return list(Inputs({"a": column}, {}).pieces(size, most_bytes))


def test_pieces_cover_all_rows_in_order_and_keep_to_both_limits():
    assert _pieces(7, 3, 1000) == [(0, 3), (3, 6), (6, 7)]
    assert _pieces(6, 3, 1000) == [(0, 3), (3, 6)]
    assert _pieces(1, 3, 1000) == [(0, 1)]
    assert _pieces(5, 100, 8) == [(0, 2), (2, 4), (4, 5)]
    assert _pieces(3, 100, 1) == [(0, 1), (1, 2), (2, 3)]  # a row goes, however large


def test_large_pictures_go_in_smaller_pieces(tmp_path):
    for number, size in enumerate((10, 5000, 10, 10)):
        (tmp_path / f"{number}.png").write_bytes(picture_files.HEADS[0] + bytes(size))
    actual = inputs.of_pictures(tmp_path, "encode_bytes", ENCODE_BYTES)
    assert list(actual.pieces(3, 1000)) == [(0, 1), (1, 2), (2, 4)]


def test_large_pictures_of_an_npz_go_in_smaller_pieces(tmp_path):
    content = np.array([b"a" * size for size in (10, 5000, 10, 10)])
    actual = _read(tmp_path, LABELLED, image_bytes=content, labels=np.arange(4))
    assert list(actual.pieces(3, 1000)) == [(0, 1), (1, 2), (2, 4)]
    assert list(actual.pieces(3, 5030)) == [(0, 2), (2, 4)]  # a label weighs 8 bytes


def _csv(tmp_path, text, tensors):
    path = tmp_path / "given.csv"
    path.write_text(text)
    return inputs.read_table(path, tensors)


def test_what_encode_and_classify_write_feeds_decode_and_generate(tmp_path):
    codes = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    arrays = {"classes": np.int64([2, 0, 1, 1]), "codes": codes}
    head = inputs.table_header(arrays, named=True)
    assert head == ["file", "class", "code_0", "code_1"]
    names = ["a.png", 'b,"b.png', "c.png", "d.png"]
    text = inputs.render_table([head, *inputs.table_rows(arrays, names)])
    actual, found_names = _csv(tmp_path, text, GENERATE.inputs)
    assert found_names == names
    np.testing.assert_array_equal(actual["labels"], [2, 0, 1, 1])
    np.testing.assert_array_equal(actual["styles"].astype(np.float32), codes)
    plain, nameless = _csv(tmp_path, "code_0,code_1\n1,2e-3\n\n-0.5,3\n", DECODE.inputs)
    assert _csv(tmp_path, "code_0,file,code_1\n1,a.png,2\n", DECODE.inputs)[1] == ["a.png"]
    assert nameless is None and plain["codes"].tolist() == [[1, 0.002], [-0.5, 3]]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "expected a header and rows"),
        ("code_0,code_1\n", "expected a header and rows"),
        ("code_0,code_1\n1,2\n3\n", "row 3 has 1 cells, expected 2"),
        ("code_0,code_1\n1,x\n", "expected numbers (could not convert string"),
        ("a,b\n1,2\n", "has the columns a, b; expected code_0 to code_1"),
        ("code_1,code_2\n1,2\n", "expected code_0 to code_1"),
        ("0.5,-1\n1,2\n", "expected a first row of names; yours is of numbers"),
    ],
)
def test_wrong_tables_are_named(tmp_path, text, words):
    assert words in _refused(_csv, tmp_path, text, DECODE.inputs)


def test_labels_of_a_table_are_whole_numbers(tmp_path):
    text = "label,style_0,style_1\n1.5,2,3\n"
    assert "expected numbers" in _refused(_csv, tmp_path, text, GENERATE.inputs)
    too_large = text.replace("1.5", "9" * 30)
    assert "expected numbers" in _refused(_csv, tmp_path, too_large, GENERATE.inputs)
