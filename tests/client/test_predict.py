"""The whole by the command line: a user's files, a model behind a server or not, and new files."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from aae_tf.cli.main import main


@pytest.fixture(params=["model", "grpc", "rest"])
def ask(request, models, server, empty_folder, capsys):
    """Asks a model by each way; gives the exit status, standard output and standard error."""

    def predict(name, *flags):
        if request.param == "model":
            where = [f"--model={models / name}"]
        else:
            where = [f"--server={getattr(server, request.param)}", f"--model_name={name}"]
        status = main(["aae-tf", "--mode=predict", *where, *flags])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return predict


def _answered(ask, *flags):
    status, out, err = ask(*flags)
    assert (status, err) == (0, "")
    return out


def _refused(ask, *flags):
    status, out, err = ask(*flags)
    assert (status, out) == (1, "") and err.startswith("error: --") and err.count("\n") == 1
    return err


def _table(text):
    head, *lines = [line.split(",") for line in text.splitlines()]
    return head, lines


@pytest.mark.slow
def test_folder_of_pictures_becomes_a_table(ask, local, pictures):
    names = sorted(path.name for path in pictures.iterdir())
    content = np.array([(pictures / name).read_bytes() for name in names])
    expected = local["semi_supervised"].predict("classify_bytes", {"image_bytes": content})
    out = _answered(ask, "semi_supervised", "--signature=classify", f"--input={pictures}")
    head, lines = _table(out)
    assert head == ["file", "class", "probability_0", "probability_1", "probability_2"]
    assert [line[0] for line in lines] == names == ["a.jpg", "b.png", "c.png", "d.png", "e.jpg"]
    assert [int(line[1]) for line in lines] == expected["classes"].tolist()
    actual = np.array([line[2:] for line in lines], np.float32)
    np.testing.assert_array_equal(actual, expected["probabilities"])


@pytest.mark.slow
def test_pictures_of_another_size_are_told_once_the_answer_is_written(ask, pictures):
    Image.new("RGB", (9, 8)).save(pictures / "b.png")
    status, out, err = ask("gaussian", "--signature=encode", f"--input={pictures}")
    assert (status, len(out.splitlines())) == (0, 6)
    assert err == f"{pictures}: 1 of 5 pictures was resized to 8x8, 1 was in colour\n"
    assert ask("gaussian", "--signature=encode", f"--input={pictures / 'a.jpg'}")[2] == ""


@pytest.mark.slow
def test_small_requests_keep_the_order(ask, server, pictures):
    flags = ("gaussian", "--signature=encode", f"--input={pictures}")
    whole = _answered(ask, *flags)
    server.core.requests.clear()
    pieces = _answered(ask, *flags, "--predict_batch_size=2")
    rows = [rows for *_, rows in server.core.requests]
    assert rows in ([], [2, 2, 1])
    for one, other in zip(_table(whole)[1], _table(pieces)[1], strict=True):
        assert one[0] == other[0]
        np.testing.assert_allclose(np.float64(one[1:]), np.float64(other[1:]), atol=1e-6)


@pytest.mark.slow
def test_table_of_codes_is_decoded_to_pictures_of_the_same_names(ask, pictures, empty_folder):
    flags = ("gaussian", "--signature=encode", f"--input={pictures}", "--output=codes.csv")
    assert _answered(ask, *flags) == "written: codes.csv\n"
    flags = ("gaussian", "--signature=decode", "--input=codes.csv", "--output=decoded")
    assert _answered(ask, *flags) == "written: decoded\n"
    flags = ("gaussian", "--signature=reconstruct", f"--input={pictures}", "--output=rebuilt")
    _answered(ask, *flags, "--predict_batch_size=2")
    for folder in ("decoded", "rebuilt"):
        names = sorted(path.name for path in (empty_folder / folder).iterdir())
        assert names == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    for name in names:
        decoded, rebuilt = (
            np.asarray(Image.open(empty_folder / f / name), int) for f in ("decoded", "rebuilt")
        )
        assert decoded.shape == (8, 8) and np.abs(decoded - rebuilt).max() <= 1
    assert sorted(p.name for p in empty_folder.iterdir()) == ["codes.csv", "decoded", "rebuilt"]


def test_samples_are_a_function_of_the_seed(ask, local, empty_folder):
    for number, flags in enumerate((["--seed=3"], ["--seed=3"], [])):
        flags = ("--count=4", *flags, f"--output=out{number}")
        _answered(ask, "style", "--signature=sample", *flags)
    seed, count = np.int32([3, 0]), np.int32(4)
    expected = local["style"].predict("sample", {"seed": seed, "count": count})
    files = [
        {path.name: path.read_bytes() for path in (empty_folder / f"out{n}").iterdir()}
        for n in range(3)
    ]
    assert files[0] == files[1] != files[2]
    assert sorted(files[0]) == [*(f"{n:05}.png" for n in range(4)), "codes.csv"]
    head, lines = _table(files[0]["codes.csv"].decode())
    assert head == ["file", "code_0", "code_1", "code_2", "code_3", "label"]
    actual = np.array([line[1:5] for line in lines], np.float32)
    np.testing.assert_array_equal(actual, expected["codes"])
    assert [int(line[5]) for line in lines] == expected["labels"].tolist()
    image = np.asarray(Image.open(io.BytesIO(files[0]["00003.png"])), np.float32)
    np.testing.assert_allclose(image / 255, expected["images"][3, ..., 0], atol=0.51 / 255)


def test_arrays_in_arrays_out(ask, local, images, empty_folder):
    labels = np.array([2, 0, 1, 1, 0])
    np.savez("mine.npz", images=(images * 255).astype(np.uint8), labels=labels)
    flags = ("--signature=reconstruct_labelled", "--input=mine.npz", "--output=new.npz")
    _answered(ask, "style", *flags)
    expected = local["style"].predict("reconstruct_labelled", {"images": images, "labels": labels})
    with np.load("new.npz") as actual:
        assert actual.files == ["images"]
        np.testing.assert_array_equal(actual["images"], expected["images"])


def test_labels_and_styles_generate_pictures(ask, local, empty_folder):
    labels, styles = np.array([0, 2]), np.zeros((2, 4))
    np.savez("mine.npz", labels=labels, styles=styles)
    _answered(ask, "style", "--signature=generate", "--input=mine.npz", "--output=new")
    given = {"labels": labels, "styles": styles.astype(np.float32)}
    expected = local["style"].predict("generate", given)["images"]
    for number in range(2):
        actual = np.asarray(Image.open(f"new/0000{number}.png"), np.float32) / 255
        np.testing.assert_allclose(actual, expected[number, ..., 0], atol=0.51 / 255)


def test_signatures_are_named_where_none_or_a_wrong_one_is_chosen(ask, pictures):
    names = "classify, encode, generate, reconstruct, sample, score, serving_default"
    expected = f"expected one of {names}\n"
    assert f"--signature=: {expected}" in _refused(ask, "semi_supervised")
    assert f"=embed: {expected}" in _refused(ask, "semi_supervised", "--signature=embed")
    line = _refused(ask, "gaussian", "--signature=decode", f"--input={pictures}")
    assert "takes codes, no pictures; expected one of encode, reconstruct, score\n" in line
    line = _refused(ask, "gaussian", "--signature=decode")
    assert "--input=: expected codes for --signature=decode: a PNG, JPEG, BMP or GIF" in line
    line = _refused(ask, "gaussian", "--signature=sample", "--count=10001", "--output=new")
    assert "refused by the model: count: expected a number from 0 to 10000" in line


@pytest.mark.parametrize("size", [2, 100])
def test_picture_that_the_model_refuses_is_named_and_nothing_is_left(
    ask, pictures, empty_folder, size
):
    content = (pictures / "d.png").read_bytes()
    (pictures / "d.png").write_bytes(content[:16] + b"\xff" * 8 + content[24:])
    flags = ("gaussian", "--signature=reconstruct", f"--input={pictures}", "--output=new")
    line = _refused(ask, *flags, f"--predict_batch_size={size}")
    assert "d.png is refused by the model: images: expected 1 to 33554432 pixels" in line
    assert list(empty_folder.iterdir()) == []


def test_damaged_picture_is_named(ask, pictures):
    (pictures / "b.png").write_bytes((pictures / "b.png").read_bytes()[:60])
    line = _refused(ask, "gaussian", "--signature=encode", f"--input={pictures}")
    assert "b.png is refused by the model: " in line


def test_row_that_the_model_refuses_is_named(ask, images, empty_folder):
    images[3] += 1
    np.save("mine.npy", images)
    line = _refused(ask, "gaussian", "--signature=encode", "--input=mine.npy")
    expected = "row 3 is refused by the model: images: expected finite values from 0 to 1\n"
    assert line == f"error: --input=mine.npy: {expected}"


def test_what_is_there_is_kept(ask, images, empty_folder):
    np.save("mine.npy", images)
    before = (empty_folder / "mine.npy").read_bytes()
    flags = ("gaussian", "--signature=encode", "--input=mine.npy", "--output=mine.npy")
    assert "--output=mine.npy: is there already" in _refused(ask, *flags)
    assert (empty_folder / "mine.npy").read_bytes() == before


@pytest.mark.parametrize("flags", [["--input=none.png"], ["--input=there", "--output=there"]])
def test_files_are_looked_for_before_the_server_is(flags, empty_folder, capsys):
    (empty_folder / "there").mkdir()
    (empty_folder / "there" / "mine").touch()
    nobody = ["--server=http://127.0.0.1:1", "--model_name=gaussian", "--signature=encode"]
    assert main(["aae-tf", "--mode=predict", *nobody, *flags]) == 1
    assert capsys.readouterr().err.startswith(f"error: {flags[-1]}: ")


def test_server_that_fails_in_the_middle_leaves_nothing(server, pictures, empty_folder, capsys):
    from aae_tf.client.rest import RestModel

    ask = RestModel._ask

    def ask_and_slow_down(model, *arguments):
        answer = ask(model, *arguments)
        server.core.delay = 1
        return answer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RestModel, "_ask", ask_and_slow_down)
        flags = ["--signature=reconstruct", f"--input={pictures}", "--output=new", "--timeout=0.3"]
        where = [f"--server={server.rest}", "--model_name=gaussian", "--predict_batch_size=2"]
        assert main(["aae-tf", "--mode=predict", *where, *flags]) == 1
    assert "no answer within --timeout=0.3" in capsys.readouterr().err
    assert len(server.core.requests) == 1 and list(empty_folder.iterdir()) == []


@pytest.mark.parametrize(
    "flags, expected",
    [
        ([], "--server=: expected HOST:PORT or http://HOST:PORT, or instead --model"),
        (["--server=h:1", "--model=m"], "--server=h:1: expected HOST:PORT or http"),
        (["--server=h"], "--server=h: expected HOST:PORT for gRPC, or http"),
        (["--server=h:1"], "--model_name=: expected the model's name"),
        (["--model=m", "--model_label=canary"], "--model=m: expected none of the flags that"),
        (["--model=m", "--count=0"], "--count=0: expected from 1 to 1000000"),
        (["--model=m", "--seed=-1"], "--seed=-1: expected 0 to 2147483647"),
        (["--model=m", "--predict_batch_size=0"], "--predict_batch_size=0: expected from 1 to"),
        (["--server=h:1", "--model_name=m", "--timeout=0"], "--timeout=0.0: expected seconds"),
        (["--server=h:1", "--model_name=m", "--retries=-1"], "--retries=-1: expected 0 to 500"),
        (["--server=h:1", "--model_name=m", "--model_version=x"], "--model_version=x"),
    ],
)
def test_wrong_flags_are_refused_with_status_2(flags, expected, empty_folder, capsys):
    assert main(["aae-tf", "--mode=predict", *flags]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and expected in err and err.count("\n") == 1


def test_missing_model_is_named(empty_folder, capsys):
    assert main(["aae-tf", "--mode=predict", "--model=none", "--signature=sample"]) == 1
    assert capsys.readouterr().err.startswith("error: --model=none: expected a folder with a Saved")


WITHOUT_TENSORFLOW = """
import sys
from aae_tf.cli.main import main
status = main(sys.argv)
heavy = {"tensorflow", "keras", "grpc"}
sys.exit(f"status {status}, imported {sorted(heavy & sys.modules.keys())}")
"""


@pytest.mark.system
def test_rest_needs_no_tensorflow(server, pictures, tmp_path):
    flags = [f"--server={server.rest}", "--model_name=gaussian", "--signature=reconstruct"]
    flags += [f"--input={pictures}", f"--output={tmp_path / 'new'}", "--predict_batch_size=2"]
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "--mode=predict", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == "status 0, imported []\n"
    assert len(list((tmp_path / "new").iterdir())) == 5
