"""A trial's training: what it is scored by, where it stops, and that it never sees test images."""

import json

import numpy as np
import pytest
import tiny

from aae_tf import data as data_sources
from aae_tf.errors import DivergedError, SettingsError, UserError
from aae_tf.results.metrics_table import MetricsTable
from aae_tf.results.run_folder import RunFolder
from aae_tf.sweep import trial
from aae_tf.sweep.trial import without_test

pytestmark = pytest.mark.slow

IMAGES = tiny.images(300)
LABELS = np.arange(300) % 3


@pytest.fixture
def train(tmp_path):
    """Trains a trial; returns what it reported, and its folder."""

    def training(
        name="trial",
        rungs=(1, 2),
        answers=(True, True),
        score="reconstruction_error",
        test=IMAGES[250:],
        experiment="gaussian",
        **changes,
    ):
        file = tmp_path / "data.npz"
        np.savez(file, x_train=IMAGES[:250], y_train=LABELS[:250], x_test=test, y_test=LABELS[250:])
        changes = {"epochs": 2, "strategy": "one_device", "steps_per_call": 7, **changes}
        settings = tiny.settings(experiment, dataset=str(file), xla=False, **changes)
        reported, left = [], list(answers)

        def report(epoch, value):
            reported.append((epoch, value))
            return left.pop(0)

        folder = tmp_path / name
        assert trial.train(settings, RunFolder(folder), score, rungs, report) == 0
        return reported, folder

    return training


def _rows(folder):
    return MetricsTable(folder / "metrics.csv", 10**9).rows


def test_a_trial_reports_after_its_rungs_with_the_validation_score(train):
    reported, folder = train(rungs=(2, 3), epochs=3)
    rows = _rows(folder)
    assert reported == [(n, rows[n - 1]["validation/reconstruction_error"]) for n in (2, 3)]
    assert RunFolder(folder).has_checkpoint
    assert not RunFolder(folder).has_result and not list((folder / "figures").iterdir())


def test_a_trial_that_is_not_to_go_on_stops_there_with_a_checkpoint(train):
    reported, folder = train(answers=(False,))
    assert [epoch for epoch, _ in reported] == [1]
    last = int(_rows(folder)[-1]["step"])
    saved = {int(file.stem.removeprefix("ckpt-")) for file in folder.glob("checkpoints/*.index")}
    assert saved == {0, last} and len(_rows(folder)) == 1
    origin = json.loads((folder / "provenance.json").read_text())
    assert origin["step"] == last and origin["earlier"] == []


def test_a_trial_that_goes_on_later_has_the_scores_of_one_that_was_not_stopped(train):
    whole, folder = train("whole")
    first, part = train("part", answers=(False,))
    second, _ = train("part", rungs=(2,), answers=(True,))
    assert first + second == whole
    assert _rows(part) == _rows(folder)


def test_other_test_images_change_nothing(train):
    clean, folder = train(
        "clean",
        score="error_percent",
        experiment="semi_supervised",
        num_labels="9",
        labelled_batch_size=9,
    )
    noise = np.random.default_rng(0).integers(0, 255, IMAGES[250:].shape).astype(np.uint8)
    poisoned, other = train(
        "poisoned",
        score="error_percent",
        experiment="semi_supervised",
        num_labels="9",
        labelled_batch_size=9,
        test=noise,
    )
    assert poisoned == clean
    assert _rows(folder) == _rows(other)


def test_looking_at_test_images_is_an_error(train, tmp_path):
    train()
    data = data_sources.load(tiny.settings(dataset=str(tmp_path / "data.npz")).data)
    hidden = without_test(data)
    assert hidden.describe() == data.describe()
    for look in (
        lambda: hidden.test.images,
        lambda: hidden.test.take(slice(0, 1)),
        lambda: hidden.test.intensities(),
    ):
        with pytest.raises(AssertionError, match="a search looked at test images"):
            look()


def test_a_metric_that_is_made_at_the_end_alone_is_made_at_the_rungs(train):
    reported, folder = train(
        score="class_read_as_asked", experiment="style", rungs=(1,), answers=(False,)
    )
    ((epoch, value),) = reported
    assert epoch == 1 and 0 <= value <= 1
    assert "validation/class_read_as_asked" not in _rows(folder)[-1]


def test_the_log_likelihood_is_that_of_validation_images_at_the_rungs(train):
    reported, folder = train(score="log_likelihood", likelihood_samples="50")
    assert [epoch for epoch, _ in reported] == [1, 2]
    assert all(np.isfinite(value) for _, value in reported) and reported[0][1] != reported[1][1]
    assert "validation/log_likelihood" not in _rows(folder)[-1]


def test_the_log_likelihood_by_no_samples_is_refused(train, tmp_path):
    with pytest.raises(SettingsError, match="--score=log_likelihood: expected "):
        train(score="log_likelihood")
    assert not (tmp_path / "trial").exists()


def test_a_metric_that_the_method_lacks_is_refused_before_training(train, tmp_path):
    with pytest.raises(SettingsError, match=r"--score=nmi: expected .* one of reconstruction_err"):
        train(score="nmi")
    assert not (tmp_path / "trial").exists()


def test_a_metric_that_the_prior_lacks_is_refused_before_training(train, tmp_path):
    expected = r"--score=mean_error: expected a metric .* one of reconstruction_error, .*coverage"
    with pytest.raises(SettingsError, match=expected):
        train(score="mean_error", prior="uniform", latent_dim=2)
    assert not (tmp_path / "trial").exists()


def test_a_metric_of_samples_that_the_data_lack_is_no_divergence(train, tmp_path):
    evaluated = {
        "sample_quality": True,
        "quality_samples": 100,
        "cache_dir": str(tmp_path / "cache"),
    }
    with pytest.raises(SettingsError, match=r"--score=precision_pixels: .*one of .*precision, rec"):
        train(score="precision_pixels", rungs=(1,), epochs=1, **evaluated)


def test_a_trial_that_diverges_says_so(train):
    with pytest.raises(DivergedError):
        train(
            reconstruction_optimizer="sgd",
            reconstruction_learning_rate=1e30,
            output_activation="linear",
        )


def test_a_trial_past_a_rung_that_nothing_is_known_of_is_refused_not_trained_on(train, tmp_path):
    train(answers=(False,))
    with pytest.raises(UserError, match="trial: is past epoch 1, and its score then isn't known"):
        train()
    assert len(_rows(tmp_path / "trial")) == 1
