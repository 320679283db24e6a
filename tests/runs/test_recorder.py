"""What a run leaves behind while it trains: curves, pictures, metrics, and none of them twice."""

import contextlib
import csv

import events
import numpy as np
import pytest
import tiny
from matplotlib.figure import Figure
from tensorboard.plugins.custom_scalar import metadata as custom_scalar
from tensorboard.plugins.hparams import plugin_data_pb2

from aae_tf.evaluation import Evaluator
from aae_tf.figures import figures
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs.recorder import Recorder
from aae_tf.training import Stopped
from aae_tf.training.checkpoints import Checkpoints, CheckpointWriter

pytestmark = pytest.mark.slow

DATA = tiny.data(train=0, validation=40, test=20)
PER_EPOCH, EPOCHS = 100, 3
PHASES = ("reconstruction", "discriminator", "generator")
MEASURES = (
    "reconstruction_error",
    "sliced_wasserstein",
    "mmd",
    "coverage",
    "empty_region",
    "mean_error",
    "covariance_error",
    "mode_excess",
)


def _rig(count=10 * PER_EPOCH):
    return tiny.rig(count=count, encoder="gaussian", generator_schedule="1:0.5")


def _session(folder, rig, last_step, progress=None, epochs=EPOCHS, steps_per_call=20):
    """Trains up to a step as a session of a run does; returns its progress."""
    evaluator = Evaluator(rig.method, rig.root)
    checkpoints = Checkpoints(folder.checkpoints, {}, {})
    if progress:
        checkpoints.progress.deserialize(progress.serialize())
    standing = checkpoints.progress
    recorder = Recorder(folder, rig.method, rig.phases, DATA, evaluator, standing, epochs)

    def stop(report):
        rig.trainer.stop_requested = report.step >= last_step

    rig.trainer.stop_requested, total = False, epochs * rig.feed.steps_per_epoch
    with contextlib.closing(recorder):
        observers = (recorder, CheckpointWriter(checkpoints, 60.0), tiny.Notebook(stop))
        with contextlib.suppress(Stopped):
            rig.trainer.train(standing.step, total, steps_per_call, observers)
        if standing.step == total:
            recorder.finish(last_step)
    return standing


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder and trainer of a whole run."""
    folder, rig = RunFolder(tmp_path_factory.mktemp("run")), _rig()
    folder.start(rig.method.settings, DATA)
    _session(folder, rig, PER_EPOCH * EPOCHS)
    return folder, rig


def _rows(folder):
    with open(folder.path / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_train_has_every_phases_losses_and_rates(run):
    found = events.read(run[0].train_logs)
    wanted = {f"{group}/{phase}" for phase in PHASES for group in ("loss", "learning_rate")}
    wanted |= {f"critic/accuracy_on_{kind}" for kind in ("prior", "codes")}
    wanted |= {"time/steps_per_second"}
    assert set(found.Tags()["tensors"]) == wanted
    assert events.steps(found, "loss/generator")[-1] == PER_EPOCH * EPOCHS


def test_every_curve_is_in_a_group_and_says_what_it_is(run):
    for folder in (run[0].train_logs, run[0].eval_logs, run[0].prior_logs):
        found = events.read(folder)
        tags = [t for t in found.Tags()["tensors"] if events.plugin(found, t) == "scalars"]
        assert tags
        for tag in tags:
            assert tag.split("/")[0] in ("loss", "critic", "match", "learning_rate", "time"), tag
            assert len(found.SummaryMetadata(tag).summary_description) > 20, tag


def test_the_priors_curves_are_in_the_charts_of_the_codes(run):
    codes, prior = (events.read(each) for each in (run[0].eval_logs, run[0].prior_logs))
    tags = set(prior.Tags()["tensors"])
    assert tags == {f"match/{name}" for name in MEASURES[1:]} < set(codes.Tags()["tensors"])
    rows = _rows(run[0])
    for tag in tags:
        column = f"validation/{tag.removeprefix('match/')}_of_prior"
        assert [value for _, value in events.curve(prior, tag)] == [
            pytest.approx(float(row[column]), rel=1e-6) for row in rows
        ]


def test_training_and_held_out_reconstruction_share_a_tag_and_a_unit(run):
    rows = _rows(run[0])
    for folder, column in (
        (run[0].train_logs, "train/reconstruction/loss"),
        (run[0].eval_logs, "validation/reconstruction_error"),
    ):
        points = events.curve(events.read(folder), "loss/reconstruction")
        assert [step for step, _ in points] == [100, 200, 300]
        for (_, value), row in zip(points, rows, strict=True):
            assert value == pytest.approx(float(row[column]), rel=1e-5)


def test_learning_rate_curves_show_the_rate_that_was_used(run):
    found = events.read(run[0].train_logs)
    for step, rate in events.curve(found, "learning_rate/generator"):
        assert rate == pytest.approx(0.001 if step <= PER_EPOCH else 0.0005)
    assert {rate for _, rate in events.curve(found, "learning_rate/generator")} != {0.001}


def test_eval_has_measures_histograms_and_pictures(run):
    found = events.read(run[0].eval_logs)
    pictures = {f"figures/{name}" for name in (*run[1].method.figures, "learning_curves")}
    kinds = {tag: events.plugin(found, tag) for tag in found.Tags()["tensors"]}
    assert {tag for tag, kind in kinds.items() if kind == "images"} == pictures
    assert {t for t, kind in kinds.items() if kind == "histograms"} == {"codes/z_1", "codes/z_2"}
    scalars = {tag for tag, kind in kinds.items() if kind == "scalars"}
    assert scalars == {"loss/reconstruction", *(f"match/{name}" for name in MEASURES[1:])}
    for tag in (*scalars, "codes/z_1", *pictures):
        assert events.steps(found, tag) == [100, 200, 300], tag


def test_figures_are_in_the_folder_too(run):
    names = {path.name for path in run[0].figures.iterdir()}
    wanted = (*run[1].method.figures, "learning_curves")
    assert names == {f"{name}.png" for name in wanted}


def test_projector_files_are_beside_the_events(run):
    lengths = [
        len((run[0].eval_logs / name).read_text().splitlines())
        for name in ("codes.tsv", "metadata.tsv")
    ]
    assert lengths == [40, 41]  # with a head


def test_the_runs_own_folder_has_settings_command_and_data(run):
    found, beside_metrics = events.read(run[0].path), events.read(run[0].eval_logs)
    texts = {"run/1_command", "run/2_settings", "run/3_data"}
    beside = {"__run_graph__", "_hparams_/session_start_info"}
    assert set(found.Tags()["tensors"]) == {*texts, *beside}
    content = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    again = beside_metrics.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    told, same = (
        plugin_data_pb2.HParamsPluginData.FromString(each).session_start_info
        for each in (content, again)
    )
    assert told.hparams == same.hparams and told.group_name == same.group_name
    assert told.group_name == "/".join(run[0].path.parts[-2:])
    assert told.hparams["encoder"].string_value == "gaussian"


def test_metrics_have_a_row_an_epoch_with_the_means_of_its_steps(run):
    rows = _rows(run[0])
    assert [row["step"] for row in rows] == ["100", "200", "300"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    rig, note = _rig(), tiny.Notebook()
    rig.trainer.train(0, 2 * PER_EPOCH, 50, [note])
    for key in note.reports[0].values:
        expected = note.curve(key).reshape(2, PER_EPOCH).mean(1)
        np.testing.assert_allclose(
            [float(r[f"train/{key}"]) for r in rows[:2]], expected, rtol=1e-9
        )
    assert {f"validation/{name}" for name in MEASURES} < set(rows[0])


def test_resuming_within_an_epoch_gives_the_same_metrics_and_no_orphans(run, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "draw_all", lambda *_: {"samples": Figure()})
    folder, rig = RunFolder(tmp_path / "run"), _rig()
    folder.start(rig.method.settings, DATA)
    saved = _session(folder, rig, 120)
    weights = {name: value.numpy() for name, value in rig.variables.items()}
    _session(folder, rig, 300, saved)  # killed after this, before a checkpoint
    for name, variable in rig.variables.items():
        variable.assign(weights[name])
    _session(folder, rig, 300, saved, steps_per_call=30)
    assert _rows(folder) == _rows(run[0])
    found = events.read(folder.eval_logs)
    assert events.steps(found, "match/mmd") == [100, 200, 300]
    assert events.steps(found, "figures/samples") == [100, 200, 300]
    curves, undisturbed = (events.read(each.train_logs) for each in (folder, run[0]))
    for tag in undisturbed.Tags()["tensors"]:
        if tag.startswith(("loss", "learning_rate", "critic")):
            assert events.curve(curves, tag) == events.curve(undisturbed, tag), tag
    assert events.steps(curves, "loss/generator") == [100, 200, 300]


def test_what_was_drawn_last_is_not_shown_twice_if_the_run_was_killed_then(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr(figures, "draw_all", lambda *_: {"samples": Figure()})
    folder, rig = RunFolder(tmp_path / "run"), _rig(count=50)
    folder.start(rig.method.settings, DATA)
    saved = _session(folder, rig, 10, epochs=2)
    before = events.curve(events.read(folder.eval_logs), "match/mmd")
    _session(folder, rig, 10, saved, epochs=2)
    found = events.read(folder.eval_logs)
    assert events.curve(found, "match/mmd") == before
    assert events.steps(found, "figures/samples") == [5, 10]
    assert events.steps(found, "codes/z_1") == [5, 10]


def test_what_was_logged_outlives_a_kill(tmp_path):
    folder, rig = RunFolder(tmp_path / "run"), _rig(count=50)
    folder.start(rig.method.settings, DATA)
    progress = Checkpoints(folder.checkpoints, {}, {}).progress
    evaluator = Evaluator(rig.method, rig.root)
    recorder = Recorder(folder, rig.method, rig.phases, DATA, evaluator, progress, 2)
    with tiny.eagerly():
        rig.trainer.train(0, 10, 5, [recorder])
    assert events.steps(events.read(folder.train_logs), "loss/generator") == [10]
    assert events.steps(events.read(folder.eval_logs), "match/mmd") == [5, 10]
    recorder.close()


def test_a_run_of_few_steps_has_curves(tmp_path):
    folder, rig = RunFolder(tmp_path / "run"), _rig(count=50)
    folder.start(rig.method.settings, DATA)
    _session(folder, rig, 10, epochs=2)
    found = events.read(folder.train_logs)
    assert events.steps(found, "loss/generator")[-1] == 10
    layout = custom_scalar.CONFIG_SUMMARY_TAG
    assert layout in events.read(folder.eval_logs).Tags()["tensors"]
