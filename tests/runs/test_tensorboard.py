"""Event files hold what TensorBoard shows, and a resumed run takes orphaned points back."""

import dataclasses
import re
import resource
import shlex
import socket

import events
import numpy as np
import pytest
import tiny
from tensorboard.compat.proto import graph_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from aae_tf import experiments
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
        ("Losses", "Adversaries"): [["loss/generator", "loss/discriminator"]],
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


def test_hyperparameters_are_those_that_differ_from_the_recipe(tmp_path):
    writer = EventWriter(tmp_path, 0)
    chosen = tensorboard.distinguishing(
        tiny.settings(seed=9, dataset="/somewhere/bars.npz", init_from="/home/me/runs/first")
    )
    writer.hyperparameters(chosen, "runs/first")
    writer.close()
    found = events.read(tmp_path)
    tag = "_hparams_/session_start_info"
    content = found.SummaryMetadata(tag).plugin_data.content
    told = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert told.group_name == "runs/first"
    assert told.hparams["seed"].number_value == 9
    assert told.hparams["encoder_units"].string_value == "16,8"
    assert told.hparams["dataset"].string_value == "bars.npz"
    assert told.hparams["init_from"].string_value == "first"
    recipe = experiments.settings_of("gaussian")
    assert tensorboard.distinguishing(recipe) == {
        "experiment": "gaussian",
        "recipe": "practical",
        "seed": 0,
    }
    assert "prior" not in told.hparams and len(told.hparams) < 20


def test_a_trial_is_named_by_folders_without_the_users_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "alice"))
    assert tensorboard.trial_name(tmp_path / "alice" / "run") == "~/run"
    assert tensorboard.trial_name(tmp_path / "alice" / "runs" / "first") == "runs/first"


def test_the_text_page_has_a_command_that_gives_the_settings():
    chosen = tiny.settings(seed=9, encoder_units="7,5")
    pages = tensorboard.pages_about(chosen, tiny.data())
    command = pages["run/1_command"]
    assert max(map(len, command.split("\n"))) < 80
    program, *flags = shlex.split(command.replace("\\\n", ""))
    assert program == "aae-tf" and flags[0] == "--experiment=gaussian"
    given = dict(flag.removeprefix("--").split("=") for flag in flags)
    changed = {key: value for key, value in given.items() if key not in ("experiment", "recipe")}
    assert changed["encoder_units"] == "7,5" and changed["seed"] == "9"
    table = _cells(pages["run/2_settings"])
    usual = flatten(experiments.settings_of("gaussian"))
    assert table == [[flag, value, str(usual[flag])] for flag, value in changed.items()]
    facts = dict(_cells(pages["run/3_data"]))
    assert (facts["name"], facts["shape"], facts["train"]) == ("bars", "8 x 8 x 1", "64")


def test_what_was_given_in_python_is_shown_so():
    data = dataclasses.replace(tiny.data(), name="__python__:x")
    chosen = tiny.settings(dataset="__python__:x", encoder_network="__python__:encoder")
    pages = tensorboard.pages_about(chosen, data)
    assert dict(_cells(pages["run/3_data"]))["name"] == "x, given in Python"
    assert all("__python__" not in page for page in pages.values())


def _cells(table):
    """The rows below the head of a table in Markdown."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.split("\n")[2:]]


def test_settings_of_the_recipe_are_said_to_be_so():
    pages = tensorboard.pages_about(experiments.settings_of("gaussian", "paper"), tiny.data())
    assert pages["run/2_settings"] == "as the recipe paper says"
    command = pages["run/1_command"].replace("\\\n", "").split()
    assert command == ["aae-tf", "--experiment=gaussian", "--recipe=paper"]


def test_the_result_has_the_priors_values_in_brackets():
    metrics = {
        "validation/mmd": 0.5,
        "validation/mmd_of_prior": 0.25,
        "test/mmd": 0.125,
        "test/nmi": 1.0,
    }
    assert _cells(tensorboard.page_of_result(metrics)) == [
        ["mmd", "0.5 (0.25)", "0.125"],
        ["nmi", "", "1"],
    ]


def test_text_comes_back_once_however_often_a_run_was_resumed(tmp_path):
    for _ in range(3):
        writer = EventWriter(tmp_path, -1)
        writer.text(0, "run/1_command", "    aae-tf")
        writer.close()
    found = events.read(tmp_path)
    assert events.plugin(found, "run/1_command") == "text"
    [event] = found.Tensors("run/1_command")
    assert tensor_util.make_ndarray(event.tensor_proto).item() == b"    aae-tf"


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


@pytest.mark.parametrize("experiment", ["gaussian", "style", "semi_supervised", "vae_gaussian"])
def test_the_graph_has_every_network_that_scores_or_rebuilds_images(tmp_path, experiment):
    method = tiny.method(experiment=experiment)
    method.phases(steps_per_epoch=3)
    writer = EventWriter(tmp_path, 0)
    writer.graph(tensorboard.graph_of(method))
    writer.close()
    nodes = [node.name for node in graph_pb2.GraphDef.FromString(events.graph(tmp_path)).node]
    for name in ("encoder", "decoder"):
        assert any(name in node for node in nodes), (name, nodes[:20])
    assert any("discriminator" in node for node in nodes) == (
        experiment in ("gaussian", "semi_supervised")
    )
    assert "images" in nodes and ("labels" in nodes) == (experiment == "style")
