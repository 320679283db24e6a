"""What convert can't do gets one line, and nothing is left behind."""

import dataclasses
import importlib.util
import shutil

import converted
import numpy as np
import pytest

from aae_tf.cli.main import main
from aae_tf.errors import DataError, SettingsError, UserError
from aae_tf.serving.convert import convert as converting
from aae_tf.serving.convert.convert import convert, difference
from aae_tf.serving.convert.signature import ConversionError
from aae_tf.serving.local import newest


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return converted.export("normalized", tmp_path_factory.mktemp("models"))


@pytest.fixture
def refused(model, tmp_path):
    def check(message, form="tflite", signatures=(), folder=model, kind=UserError):
        with pytest.raises(kind, match=message) as caught:
            convert(folder, form, tmp_path / "made", signatures)
        assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    return check


def test_unknown_format(refused):
    refused("^--format=h5: expected one of onnx, tflite, tflite_quantized, tfjs$", form="h5")


def test_unknown_signature(refused):
    refused(
        "^--signatures=decode,classify: expected some of decode, encode, reconstruct, score$",
        signatures=("decode", "classify"),
    )


def test_sample_has_a_line_of_its_own(refused):
    refused("^--signatures=sample: .*draw codes yourself", signatures=("sample",))


def test_no_model(refused, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    refused("^--model=.*: expected a folder with a SavedModel", folder=empty, kind=DataError)


def test_broken_model(refused, model, tmp_path_factory):
    broken = tmp_path_factory.mktemp("broken") / "1"
    shutil.copytree(model, broken)
    (broken / "saved_model.pb").write_bytes(b"not a graph")
    refused("^--model=.*: expected a whole SavedModel", folder=broken, kind=DataError)


def test_missing_extra(refused, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "tf2onnx" else find(name)
    )
    refused(
        r"^--format=onnx: expected tf2onnx to be installed: pip install -e '\.\[onnx\]'$", "onnx"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "form, precision",
    [("tflite", "float64"), ("tfjs", "mixed_bfloat16"), ("onnx", "mixed_float16")],
)
def test_types_that_a_format_lacks(form, precision, refused, tmp_path_factory):
    folder = converted.export("normalized", tmp_path_factory.mktemp("wide"), precision=precision)
    name = precision.removeprefix("mixed_")
    refused(f"computes in {name}, which --format={form} can't", form, folder=folder)


@pytest.mark.slow
def test_answers_too_far_apart(refused, monkeypatch):
    strict = dataclasses.replace(converting._ALL["tflite_quantized"], bound=-1.0)
    monkeypatch.setitem(converting._ALL, "tflite_quantized", strict)
    refused("differs from the SavedModel by", "tflite_quantized", kind=ConversionError)


def test_folder_that_holds_something(model, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "kept").write_text("mine")
    with pytest.raises(SettingsError, match=r"^--output=.*: expected a folder"):
        convert(model, "tflite", tmp_path / "made")
    assert [path.name for path in tmp_path.rglob("*")] == ["made", "kept"]


def test_newest_version_is_taken(model, tmp_path):
    for version in ("9", "10"):
        shutil.copytree(model, tmp_path / version)
    (tmp_path / ".unfinished-1").mkdir()
    assert newest(tmp_path) == tmp_path / "10"
    assert newest(tmp_path / "9") == tmp_path / "9"


def test_difference_counts_relative_to_large_outputs_and_sees_all():
    expected = {"codes": np.float32([[1.0, -20.0]]), "classes": np.int64([1])}
    near = {"codes": np.float32([[1.5, -20.0]]), "classes": np.int64([1])}
    assert difference(expected, near) == pytest.approx(0.5 / 20)
    assert difference({"a": np.float32([0.5])}, {"a": np.float32([0.25])}) == 0.25
    assert difference(expected, {**near, "classes": np.int64([2])}) == 1.0
    assert difference(expected, {**near, "classes": np.int64([2])}, exact=False) < 0.1
    assert difference(expected, {**near, "codes": np.float32([[np.nan, 0]])}) == np.inf
    assert difference(expected, {**near, "codes": np.float32([1.0, -20.0])}) == np.inf


@pytest.mark.parametrize(
    "flags, status, message",
    [
        ((), 2, "--format=: expected one of onnx"),
        (("--format=onnx2",), 2, "flag --format=onnx2: value should be one of <onnx"),
        (("--format=tflite",), 2, "--model=: expected a folder of a SavedModel"),
        (("--format=tflite", "--model=there"), 2, "--output=: expected a new folder"),
        (
            ("--format=tflite", "--model=there", "--output=made"),
            1,
            "--model=there: expected a folder",
        ),
    ],
)
def test_wrong_flags_are_refused_in_one_line(flags, status, message, empty_folder, capsys):
    assert main(["run_experiment.py", "--mode=convert", *flags]) == status
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"error: {message}") and err.count("\n") == 1
    assert not any(empty_folder.iterdir())


@pytest.mark.slow
def test_the_command_prints_what_it_wrote(model, empty_folder, capsys):
    flags = ("--format=tflite", f"--model={model.parent}", "--output=made", "--signatures=decode")
    assert main(["run_experiment.py", "--mode=convert", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("decode: ") and "differs from the SavedModel by " in lines[0]
    assert lines[1:] == ["written: made"]
    names = [path.name for path in empty_folder.rglob("*")]
    assert sorted(names) == ["conversion.json", "decode.tflite", "made"]
