"""SVHN's flagfile on made-up data of its shape (the real data has to be downloaded)."""

from unittest import mock

import flagfile
import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds

from aae_tf.cli.main import main
from aae_tf.data import load
from aae_tf.errors import SettingsError
from aae_tf.settings import DataSettings

SIZES = {"train": 240, "test": 60, "extra": 240}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """The data set, prepared from made-up files in the upstream format."""
    folder = tmp_path_factory.mktemp("svhn")
    files, random = {}, np.random.RandomState(0)
    for name, size in SIZES.items():
        files[name] = str(folder / f"{name}_32x32.mat")
        pixels = random.randint(0, 256, (32, 32, 3, size), dtype=np.uint8)
        labels = (np.arange(size) % 10 + 1)[:, None].astype(np.uint8)  # 10 stands for the digit 0
        scipy.io.savemat(files[name], {"X": pixels, "y": labels})
    manager = "tensorflow_datasets.core.download.DownloadManager.download"
    with mock.patch(manager, lambda self, urls: files):
        tfds.builder("svhn_cropped", data_dir=folder).download_and_prepare()
    return folder


def test_train_and_extra_are_read_together(data_dir):
    one, both = (
        load(DataSettings(dataset="svhn_cropped", train_split=split, data_dir=str(data_dir)))
        for split in ("train", "train+extra")
    )
    assert one.image_shape == both.image_shape == (32, 32, 3)
    assert len(both.train) + len(both.validation) == 2 * (len(one.train) + len(one.validation))


def test_split_that_the_data_set_has_not_is_refused(data_dir):
    with pytest.raises(SettingsError, match="--train_split=train\\+more: expected of extra, test"):
        load(DataSettings(dataset="svhn_cropped", train_split="train+more", data_dir=str(data_dir)))


@pytest.mark.parametrize("recipe", ["practical", "paper_svhn"])
def test_row_trains_evaluates_draws_and_exports(recipe, data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    units = [f"--{net}_units=16" for net in ("encoder", "decoder", "discriminator")]
    sizes = ["--num_labels=20", "--labelled_batch_size=10", "--batch_size=40", "--epochs=1"]
    status = main(
        [
            "run_experiment.py",
            f"--flagfile={flagfile.FOLDER}/aae/table2_svhn_1000.flags",
            f"--recipe={recipe}",
            *units,
            *sizes,
            "--noxla",
            f"--data_dir={data_dir}",
            "--run_dir=run",
            "--export_dir=models",
        ]
    )
    assert status == 0, capsys.readouterr().err
    assert (tmp_path / "run/figures/style_grid.png").exists()
    assert (tmp_path / "models/semi_supervised_svhn_cropped/1/saved_model.pb").exists()
