"""From --dataset to the right source."""

import numpy as np
import pytest
import scipy.io

from aae_tf.data import load
from aae_tf.errors import DataError, SettingsError
from aae_tf.settings import DataSettings


def _save(path):
    np.savez(path, images=np.zeros((42, 4, 4), np.uint8))


def test_npz_is_found_relative_to_here_to_home_and_absolutely(empty_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(empty_folder))
    _save("mine.npz")
    for name in ("mine.npz", "./mine.npz", "~/mine.npz", str(empty_folder / "mine.npz")):
        data = load(DataSettings(dataset=name))
        assert len(data.test) == 6
        assert data.image_shape == (4, 4, 1)


@pytest.mark.parametrize(
    "name", ["./nothing", "/nothing", "~/nothing", "nothing.npz", "nothing.mat", "../nothing"]
)
def test_path_to_nothing_is_refused_as_such(empty_folder, name):
    with pytest.raises(DataError, match=f"--dataset={name}: no such file or folder"):
        load(DataSettings(dataset=name))


def test_home_of_an_unknown_user_is_refused(empty_folder):
    with pytest.raises(DataError, match="no such file or folder"):
        load(DataSettings(dataset="~no_such_user/images"))


def test_mnist_is_the_packages_even_beside_a_folder_of_that_name(empty_folder):
    (empty_folder / "mnist").mkdir()
    assert len(load(DataSettings(dataset="mnist")).train) == 50_000


@pytest.mark.parametrize(
    "setting, expected",
    [
        ({"image_size": 8}, r"--image_size=8: expected 0 unless .* a folder or a TensorFlow"),
        (
            {"resize_filter": "bicubic"},
            r"--resize_filter=bicubic: expected auto unless .* a fol",
        ),
        ({"crop_size": 8}, r"--crop_size=8: expected 0 unless .* a folder or a TensorFlow"),
        (
            {"skip_broken_images": True},
            r"--skip_broken_images=True: expected False unless .* a fol",
        ),
    ],
)
@pytest.mark.parametrize("folder_beside", [False, True])
def test_settings_are_refused_where_they_would_do_nothing(
    empty_folder, folder_beside, setting, expected
):
    if folder_beside:
        (empty_folder / "mnist").mkdir()
    _save("mine.npz")
    for name in ("mnist", "mine.npz"):
        with pytest.raises(SettingsError, match=expected):
            load(DataSettings(dataset=name, **setting))


def test_mnist_and_packed_arrays_are_not_streamed(empty_folder):
    np.savez_compressed("packed.npz", images=np.zeros((40, 4, 4), np.uint8))
    np.savez("real.npz", images=np.zeros((40, 4, 4), np.float32))
    np.savez("columns.npz", images=np.zeros((40, 4, 4), np.uint8, order="F"))
    for name in ("mnist", "packed.npz", "real.npz", "columns.npz"):
        with pytest.raises(SettingsError, match="--stream=always: expected auto or never"):
            load(DataSettings(dataset=name, stream="always"))


def test_one_test_image_is_too_few_to_evaluate_on(tmp_path):
    images = np.zeros((40, 4, 4), np.uint8)
    np.savez(tmp_path / "few.npz", x_train=images, x_test=images[:1])
    with pytest.raises(DataError, match="1 test images, expected 2 or more"):
        load(DataSettings(dataset=str(tmp_path / "few.npz")))


NAMES = ["lr[0.1]*.npz", " a b .npz", "line\nbreak.npz", "$x$.npz", "猫.NPZ"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_name(empty_folder, name):
    with open(name, "wb") as file:
        np.savez(file, images=np.zeros((42, 4, 4), np.uint8))
    assert len(load(DataSettings(dataset=name)).test) == 6


@pytest.mark.parametrize("ending", ["npz", "npy", "mat"])
def test_arrays_are_the_same_from_every_kind_of_file(empty_folder, ending):
    images = np.random.default_rng(0).integers(0, 256, (42, 4, 4), np.uint8)
    if ending == "npy":
        np.save("mine.npy", images)
    elif ending == "npz":
        np.savez("mine.npz", images=images)
    else:
        scipy.io.savemat("mine.mat", {"images": images})
    np.savez("other.npz", images=images.astype(np.float32))
    found = load(DataSettings(dataset=f"mine.{ending}")).describe()
    assert found | {"name": "other.npz"} == load(DataSettings(dataset="other.npz")).describe()


def test_other_kinds_of_file_are_refused(empty_folder):
    (empty_folder / "mine.txt").write_text("words")
    with pytest.raises(DataError, match=r"kinds \.npz, \.npy, \.mat, \.csv, \.parquet$"):
        load(DataSettings(dataset="mine.txt"))
