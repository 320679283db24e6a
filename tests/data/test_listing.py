"""What people have in folders is read as they mean it or refused; no file goes missing unsaid."""

import os

import numpy as np
import pytest
from PIL import Image

from aae_tf.data import load
from aae_tf.data.listing import list_files
from aae_tf.errors import DataError
from aae_tf.settings import DataSettings


def _write(file, number=0):
    """A picture that tells its number."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(number).integers(0, 256, (6, 5), np.uint8)
    image[0, 0] = number
    Image.fromarray(image).save(file, "png")


def _load(folder, **settings):
    return load(DataSettings(dataset=str(folder), **settings))


def _numbers(*splits):
    return sorted(n for split in splits for n in split.images[:, 0, 0, 0].tolist())


def _everything(data):
    return _numbers(data.train, data.validation, data.test)


def _refused(folder, **settings):
    with pytest.raises(DataError) as caught:
        _load(folder, **settings)
    line = str(caught.value)
    assert line.startswith(f"--dataset={folder}: ") and line.isprintable()
    return line


def test_folder_of_a_class_that_is_a_link_is_a_class_like_the_others(tmp_path):
    for number in range(42):
        _write(tmp_path / "data" / "ant" / f"{number}.png", number)
        _write(tmp_path / "elsewhere" / f"{number}.png", 100 + number)
    (tmp_path / "data" / "bee").symlink_to(tmp_path / "elsewhere")
    data = _load(tmp_path / "data")
    assert data.class_names == ("ant", "bee") and data.notes() == []
    assert _everything(data) == [*range(42), *range(100, 142)]
    for split in (data.train, data.validation, data.test):
        assert ((split.images[:, 0, 0, 0] >= 100) == split.labels).all()


def test_links_to_files_are_read_under_their_own_names(tmp_path):
    for number in range(42):
        _write(tmp_path / "elsewhere" / f"{number}.data", number)
    (tmp_path / "data").mkdir()
    for number in range(42):
        (tmp_path / "data" / f"{number}.PNG").symlink_to(f"../elsewhere/{number}.data")
    assert _everything(_load(tmp_path / "data")) == list(range(42))


@pytest.mark.parametrize("to", [".", "..", "../../data"])
def test_links_in_a_circle_are_refused(tmp_path, to):
    for number in range(42):
        _write(tmp_path / "data" / "ant" / f"{number}.png", number)
    (tmp_path / "data" / "ant" / "more").symlink_to(to)
    assert "more is a link to a folder that it lies in" in _refused(tmp_path / "data")


def test_folders_that_multiply_by_links_end_in_a_line(tmp_path):
    (tmp_path / "data").mkdir()
    folders = [tmp_path / f"{number}" for number in range(12)]
    for folder in folders:
        folder.mkdir()
    for upper, lower in zip([tmp_path / "data", *folders], folders, strict=False):
        for name in "abcd":
            (upper / name).symlink_to(lower)
    assert "lies too deep" in _refused(tmp_path / "data")


def test_links_to_nothing_and_to_themselves_and_pipes_are_named(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number}.png", number)
    (tmp_path / "nothing.png").symlink_to("nowhere")
    (tmp_path / "self.png").symlink_to("self.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert "(and 2 more) is not an image" in _refused(tmp_path)
    data = _load(tmp_path, skip_broken_images=True)
    assert data.notes() == [f"{tmp_path}: read 42 of 45 files: 2 dangling, 1 special"]


def test_every_file_that_is_not_read_is_counted_by_its_kind(tmp_path):
    for number in range(42):
        _write(tmp_path / f"{number}.png", number)
    for number in range(3):
        (tmp_path / f"{number}.webp").write_bytes(b"RIFF")
        (tmp_path / f".{number}.png").write_bytes(b"hidden")
    for name in ("Thumbs.db", "notes", "41b.PNG"):
        (tmp_path / name).write_bytes(b"no picture")
    line = _refused(tmp_path)
    assert "0.webp (and 3 more) is not an image" in line
    assert "beside 43 images: 3 .webp, 1 without an ending" in line
    data = _load(tmp_path, skip_broken_images=True)
    (note,) = data.notes()
    words = "read 42 of 51 files: 1 broken .png, 3 .webp, 1 without an ending, 4 hidden"
    assert note == f"{tmp_path}: {words}"


def test_hidden_files_alone_are_counted_and_change_nothing_else(tmp_path):
    for number in range(42):
        _write(tmp_path / "ant" / f"{number}.png", number)
    before = _load(tmp_path)
    (tmp_path / "ant" / ".DS_Store").write_bytes(b"")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "1.png").write_bytes(b"")
    after = _load(tmp_path)
    assert after.describe() == before.describe() and before.notes() == []
    assert after.notes() == [f"{tmp_path}: read 42 of 44 files: 2 hidden"]


def test_folder_of_a_class_without_images_is_named(tmp_path):
    for number in range(42):
        _write(tmp_path / "ab"[number % 2] / f"{number}.png", number)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "0.webp").write_bytes(b"")
    data = _load(tmp_path, skip_broken_images=True)
    assert data.class_names == ("a", "b")
    assert data.notes()[1] == f"{tmp_path}: no image in the folders empty, other"


SPLITS = [
    ("train", "test"),
    ("Train", "VAL", "Test"),
    ("training", "valid", "testing"),
    ("train", "validation", "test"),
]


@pytest.mark.parametrize("names", SPLITS)
@pytest.mark.parametrize("classes", ["ab", None])
def test_folders_of_splits_fix_them_with_and_without_classes(tmp_path, names, classes):
    sizes = (36, 8) if len(names) == 2 else (36, 9, 8)
    number = 0
    for name, size in zip(names, sizes, strict=True):
        for _ in range(size):
            place = tmp_path / name / (classes[number % 2] if classes else "")
            _write(place / f"{number}.png", number)
            number += 1
    data = _load(tmp_path)
    assert _numbers(data.test) == list(range(number - 8, number))
    if len(names) == 3:
        assert _numbers(data.train) == list(range(36))
    assert _everything(data) == list(range(number))
    assert data.class_names == (("a", "b") if classes else ())
    assert (data.train.labels is None) == (classes is None)


def test_one_folder_is_a_class_whatever_its_name(tmp_path):
    for number in range(42):
        _write(tmp_path / "train" / f"{number}.png", number)
    assert _load(tmp_path).class_names == ("train",)


@pytest.mark.parametrize(
    "places, words",
    [
        ({"train": 36, "val": 9}, "expected 'train' (of 30 images or more) and 'test'"),
        ({"train/a": 36, "test": 9}, "images at folder depths [1, 2] (9 in 1, 36 in 2)"),
        ({"a/b/c": 42}, "images at folder depths [3]"),
        ({"up/a": 42}, "split folders ['up'], expected 'train'"),
        ({"a/b/c/d/e": 42}, "lies too deep"),
    ],
)
def test_other_layouts_are_refused_in_words(tmp_path, places, words):
    for place, size in places.items():
        for number in range(size):
            _write(tmp_path / place / f"{number}.png", number)
    assert words in _refused(tmp_path)


NAMES = ["élan", "猫", " a b ", "line\nbreak", "tab\there", "$x$", "it's", "\x1b[31m", "a*[1]?"]


def test_any_name_of_a_folder_or_file_is_read_and_escaped_where_it_is_shown(tmp_path):
    raw = os.fsdecode(b"not\xff\xfeutf8")
    names = [*NAMES, raw]
    folder = tmp_path / "data [1] *"
    for number in range(60):
        _write(folder / names[number % 10] / f"{names[number % 7]}{number}.png", number)
    data = _load(folder)
    assert _everything(data) == list(range(60))
    assert len(data.class_names) == 10 and all(name.isprintable() for name in data.class_names)
    assert {"élan", "猫", " a b ", r"line\nbreak", r"tab\there", r"\x1b[31m"} <= {*data.class_names}
    "".join(data.class_names).encode()
    for split in (data.train, data.validation, data.test):
        shown = [data.class_names[label] for label in split.labels]
        for name, image in zip(shown, split.images, strict=True):
            original = names[image[0, 0, 0] % 10]
            assert name == original or "\\" in name
    (folder / NAMES[3] / "no\npicture.png").write_bytes(b"")
    assert r"line\nbreak/no\npicture.png can't be decoded" in _refused(folder)


def test_unreadable_folder_is_refused(tmp_path, monkeypatch):
    for number in range(42):
        _write(tmp_path / "ant" / f"{number}.png", number)
    scan = os.scandir

    def refuse(folder):
        if str(folder).endswith("ant"):
            raise PermissionError(13, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert "ant: Permission denied" in _refused(tmp_path)


def test_order_is_that_of_the_names_of_folders_then_files(tmp_path):
    for place in ("a b/1.png", "a/2.png", "a-c/3.png", "a/10.png"):
        _write(tmp_path / place)
    listing = list_files("--dataset=x", tmp_path)
    found = [str(file.relative_to(tmp_path)) for file in listing.images]
    assert found == ["a/10.png", "a/2.png", "a b/1.png", "a-c/3.png"]
