"""Event files hold what TensorBoard shows, and a resumed run takes orphaned points back."""

import re
import resource
import socket

import events
import numpy as np
import pytest
import tensorflow as tf
import tiny
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from aae_tf.data import Split
from aae_tf.figures.style import new_figure, to_png
from aae_tf.runs import tensorboard
from aae_tf.runs.tensorboard import EventWriter
from aae_tf.settings import flatten


def test_scalars_come_back(tmp_path):
    writer = EventWriter(tmp_path, 0)
    for step in (5, 10):
        writer.scalars(step, {"loss/generator": (1 / step, "what it is"), "mmd": (-step, "")})
    writer.close()
    found = events.read(tmp_path)
    assert [step for step, _ in events.curve(found, "mmd")] == [5, 10]
    np.testing.assert_allclose(
        [value for _, value in events.curve(found, "loss/generator")], [0.2, 0.1], rtol=1e-6
    )
    assert events.plugin(found, "mmd") == "scalars"
    assert found.SummaryMetadata("loss/generator").summary_description == "what it is"


def test_a_description_is_written_once_a_file(tmp_path):
    writer = EventWriter(tmp_path, 0)
    for step in range(20):
        writer.scalars(step, {"loss": (1.0, "a long description")})
    writer.close()
    [file] = tmp_path.iterdir()
    assert file.read_bytes().count(b"a long description") == 1


def test_the_layout_has_charts_of_the_curves_that_there_are(tmp_path):
    writer = EventWriter(tmp_path, 0)
    tags = ("loss/reconstruction", "loss/generator", "loss/discriminator", "match/mmd")
    writer.layout(tags)
    writer.close()
    found = events.read(tmp_path)
    assert events.plugin(found, custom_scalar.CONFIG_SUMMARY_TAG) == "custom_scalars"
    [event] = found.Tensors(custom_scalar.CONFIG_SUMMARY_TAG)
    page = layout_pb2.Layout.FromString(tensor_util.make_ndarray(event.tensor_proto).item())
    charts = {
        (category.title, chart.title): [
            [tag for tag in tags if re.match(pattern, tag)] for pattern in chart.multiline.tag
        ]
        for category in page.category
        for chart in category.chart
    }
    assert charts == {
        ("Losses", "Reconstruction, training and held-out"): [["loss/reconstruction"]],
        ("Losses", "Adversaries"): [["loss/discriminator"], ["loss/generator"]],
        ("Match with the prior", "mmd"): [["match/mmd"]],
    }


def test_histograms_come_back(tmp_path):
    writer = EventWriter(tmp_path, 0)
    values = np.linspace(-2, 3, 1000)
    writer.histograms(7, {"codes/z_1": values})
    writer.close()
    found = events.read(tmp_path)
    assert events.plugin(found, "codes/z_1") == "histograms"
    buckets = tensor_util.make_ndarray(found.Tensors("codes/z_1")[0].tensor_proto)
    assert buckets[:, 2].sum() == 1000
    assert (buckets[0, 0], buckets[-1, 1]) == (-2, 3)


def test_pictures_come_back(tmp_path):
    content = to_png(new_figure(2, 1))
    writer = EventWriter(tmp_path, 0)
    writer.png(3, "samples", content)
    writer.close()
    found = events.read(tmp_path)
    assert events.plugin(found, "samples") == "images"
    width, height, png = tensor_util.make_ndarray(found.Tensors("samples")[0].tensor_proto)
    assert (int(width), int(height), png) == (300, 150, content)


def test_hyperparameters_come_back(tmp_path):
    writer = EventWriter(tmp_path, 0)
    writer.hyperparameters(tiny.settings(seed=9))
    writer.close()
    found = events.read(tmp_path)
    tag = "_hparams_/session_start_info"
    content = found.SummaryMetadata(tag).plugin_data.content
    told = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert told["seed"].number_value == 9
    assert told["encoder_units"].string_value == "16,8"
    assert told["prior"].string_value == "gaussian"
    assert set(told) == set(flatten(tiny.settings(), only_changing_run=True))


@pytest.mark.parametrize("checkpoint", [20, 25])
def test_resuming_purges_points_beyond_the_checkpoint(tmp_path, checkpoint):
    killed = EventWriter(tmp_path, 0)
    for step in (10, 20, 30, 40):
        killed.scalars(step, {"loss": (step, "")})
        killed.png(step, "samples", to_png(new_figure(1, 1)))
    killed.close()
    resumed = EventWriter(tmp_path, checkpoint)
    resumed.scalars(30, {"loss": (-30, "")})
    resumed.close()
    found = events.read(tmp_path)
    assert events.curve(found, "loss") == [(10, 10), (20, 20), (30, -30)]
    assert events.steps(found, "samples") == [10, 20]


def _projector(folder, count, labels, class_names=("a", "b"), side=6):
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(count, 3))
    images = generator.random((count, side, side + 2, 1), np.float32)
    tensorboard.write_projector(folder, codes, Split(images, labels), class_names)
    return codes, images


@pytest.mark.parametrize("count", [1, 4, 10])
def test_projector_files_agree_in_length(tmp_path, count):
    labels = np.arange(count) % 3
    codes, images = _projector(tmp_path, count, labels)
    table = [line.split("\t") for line in (tmp_path / "codes.tsv").read_text().splitlines()]
    np.testing.assert_allclose(np.float64(table), codes, rtol=1e-5)
    names = (tmp_path / "labels.tsv").read_text().splitlines()
    assert names == [("a", "b", "2")[label] for label in labels]
    sprite = tf.io.decode_png((tmp_path / "sprite.png").read_bytes()).numpy()
    side = int(np.ceil(np.sqrt(count)))
    assert sprite.shape == (side * 6, side * 8, 3)
    last = count - 1
    place = sprite[6 * (last // side) :, 8 * (last % side) :][:6, :8, :1]
    np.testing.assert_array_equal(place, np.round(images[last] * 255))
    config = (tmp_path / "projector_config.pbtxt").read_text()
    for part in ('"codes.tsv"', '"labels.tsv"', '"sprite.png"', "single_image_dim: 8"):
        assert part in config


@pytest.mark.parametrize("dim", [1, 2, 8])
def test_projector_gets_three_dimensions_or_more(tmp_path, dim):
    codes = np.random.default_rng(0).normal(size=(5, dim))
    tensorboard.write_projector(tmp_path, codes, Split(np.zeros((5, 4, 4, 1))), ())
    table = np.loadtxt(tmp_path / "codes.tsv", delimiter="\t")
    assert table.shape == (5, max(dim, 3))
    np.testing.assert_allclose(table[:, :dim], codes, rtol=1e-5)
    assert not table[:, dim:].any()


def test_projector_without_labels_names_no_labels(tmp_path):
    _projector(tmp_path, 4, None)
    assert not (tmp_path / "labels.tsv").exists()
    assert "labels.tsv" not in (tmp_path / "projector_config.pbtxt").read_text()


def test_a_full_disk_is_one_error_that_names_the_file(tmp_path):
    writer = EventWriter(tmp_path, 0)
    [file] = tmp_path.iterdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 100, before[1]))
    try:
        writer.histograms(1, {"codes": np.arange(1000.0)})
        for method in (writer.flush, writer.close):
            with pytest.raises(OSError, match="File too large") as caught:
                method()
            assert caught.value.filename == str(file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_files_names_have_no_host(tmp_path):
    EventWriter(tmp_path, 0).close()
    [file] = tmp_path.iterdir()
    assert socket.gethostname() not in file.name.split(".")


def test_a_name_that_is_no_line_is_escaped_in_the_projectors_labels(tmp_path):
    names = ("a\nb", "c\td", "e\udcff", "ö \\ f")
    _projector(tmp_path, 4, np.arange(4), names)
    lines = (tmp_path / "labels.tsv").read_text(encoding="utf-8").split("\n")
    assert lines == ["a\\nb", "c\\td", "e\\udcff", "ö \\ f", ""]


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(100, 95, 3), (500, 1, 1), (1, 4000, 1)], ids=str)
def test_the_projectors_sprite_is_bounded_whatever_the_images(tmp_path, shape):
    images = np.broadcast_to(np.uint8(200), (tensorboard.PROJECTOR_POINTS, *shape))
    codes = np.zeros((len(images), 3))
    tensorboard.write_projector(tmp_path, codes, Split(images), ())
    sprite = tf.io.decode_png((tmp_path / "sprite.png").read_bytes()).numpy()
    assert max(sprite.shape) <= 4096 and sprite[0, 0, 0] == 200
    config = (tmp_path / "projector_config.pbtxt").read_text()
    width, height = (side // 45 for side in sprite.shape[1::-1])
    assert f"single_image_dim: {width}\n" in config and f"single_image_dim: {height}\n" in config
