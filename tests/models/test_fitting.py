"""fit: the command's run, whatever it is given; called again it goes on; callbacks look on."""

import pathlib
import re
import tempfile
import threading

import numpy as np
import program
import pytest
import tensorflow as tf
import tiny

import aae_tf
from aae_tf.errors import UserError
from aae_tf.experiments import settings_of
from aae_tf.runs.train import train
from aae_tf.settings import override

SMALL = {
    "encoder_units": (8,),
    "decoder_units": (8,),
    "discriminator_units": (8,),
    "batch_size": 25,
    "xla": False,
    "epochs": 2,
}
CONSTANT = {f"{phase}_schedule": "constant" for phase in ("reconstruction", "discriminator")}
CONSTANT["generator_schedule"] = "constant"
X = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
Y = np.arange(90) % 3


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    """The state of an undisturbed run of four epochs."""
    folder = tmp_path_factory.mktemp("reached") / "run"
    aae_tf.AAE(**SMALL | {"epochs": 4}, **CONSTANT).fit(X, run_dir=folder, verbose=0)
    return program.state(folder)


@pytest.mark.slow
def test_fit_and_the_command_end_with_the_same_bits(tmp_path):
    np.savez(tmp_path / "bars.npz", images=tiny.images(90))
    settings = override(
        settings_of("gaussian"), {**SMALL, "dataset": str(tmp_path / "bars.npz"), "epochs": 1}
    )
    train(settings, tmp_path / "command", None)
    model = aae_tf.AAE(**SMALL | {"epochs": 1})
    model.fit(tmp_path / "bars.npz", run_dir=tmp_path / "fit", verbose=0)
    assert program.state(tmp_path / "fit") == program.state(tmp_path / "command")


@pytest.mark.slow
def test_fit_twice_is_one_run_of_as_many_epochs_and_leaves_nothing(tmp_path, monkeypatch, reached):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = aae_tf.AAE(**SMALL, **CONSTANT)
    for epochs in ([0, 1], [0, 1, 2, 3]):
        assert model.fit(X, verbose=0).epoch == epochs
    assert program.state(model._folder.path) == reached
    assert model.run_dir is None and len(list(tmp_path.iterdir())) == 1
    assert list(model._folder.path.glob("figures/*")) == []
    del model
    import gc

    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_fit_goes_on_in_a_folder_that_holds_the_run(tmp_path, reached):
    aae_tf.AAE(**SMALL, **CONSTANT).fit(X, run_dir=tmp_path / "run", verbose=0)
    again = aae_tf.AAE(**SMALL | {"epochs": 4}, **CONSTANT)
    assert again.fit(X, run_dir=tmp_path / "run", verbose=0).epoch == [0, 1, 2, 3]
    assert program.state(tmp_path / "run") == reached


@pytest.mark.parametrize("run_dir", [None, "run"])
def test_fit_says_what_looks_wrong_with_the_run(run_dir, empty_folder, capsys):
    model = aae_tf.AAE(**SMALL | {"epochs": 1})
    model.fit(X, run_dir=run_dir)
    said = capsys.readouterr().err
    assert "note: 3 steps in all are few: try more --epochs, or a smaller --batch_size" in said


SCALES = np.float32([0.1, 1, 20, 0])
TOLD = (
    r"\nnote: features have standard deviations from 0\.\S+ to [12]\S+; --standardize brings them"
)


@pytest.mark.parametrize(
    ("x", "more", "said"),
    [
        (X * SCALES, {}, True),
        (X * SCALES, {"standardize": True}, False),
        (X * np.float32([0.3, 1, 2, 0]), {}, False),
        (tiny.images(90), {}, False),
    ],
)
def test_fit_names_standardize_where_features_scales_differ(x, more, said, capsys):
    aae_tf.AAE(**SMALL | {"epochs": 1}, **more).fit(x)
    assert bool(re.search(TOLD, capsys.readouterr().err)) == said


class Recording:
    """A callback by its methods alone; stops after as many epochs as it is told."""

    def __init__(self, epochs=99):
        self.seen, self._epochs = [], epochs

    def set_model(self, model):
        self.model = model

    def on_train_begin(self):
        self.seen.append("begin")

    def on_epoch_begin(self, epoch):
        self.seen.append(("epoch", epoch))

    def on_epoch_end(self, epoch, logs):
        self.seen.append((epoch, logs["validation/reconstruction_error"]))
        self.model.stop_training = epoch + 1 == self._epochs

    def on_train_end(self, logs):
        self.seen.append("end")


@pytest.mark.slow
def test_callbacks_see_every_epoch_with_its_metrics_and_may_stop_training(reached):
    callback, model = Recording(epochs=3), aae_tf.AAE(**SMALL | {"epochs": 4}, **CONSTANT)
    history = model.fit(X, callbacks=[callback], verbose=0)
    errors = history.history["validation/reconstruction_error"]
    each = [part for n in range(3) for part in (("epoch", n), (n, errors[n]))]
    assert callback.seen == ["begin", *each, "end"]
    callback._epochs = 99
    assert model.fit(X, callbacks=[callback], verbose=0).epoch == [0, 1, 2, 3]  # it goes on
    assert program.state(model._folder.path) == reached


@pytest.mark.slow
def test_keras_early_stopping_stops_and_brings_back_the_best_weights():
    import keras

    stop = keras.callbacks.EarlyStopping(
        "validation/reconstruction_error", mode="max", patience=1, restore_best_weights=True
    )
    stopped = aae_tf.AAE(**SMALL | {"epochs": 5}, **CONSTANT)
    errors = stopped.fit(X, callbacks=[stop], verbose=0).history["validation/reconstruction_error"]
    assert errors[0] > max(errors[1:]) and len(errors) < 5
    first = aae_tf.AAE(**SMALL | {"epochs": 1}, **CONSTANT)
    first.fit(X, verbose=0)
    np.testing.assert_array_equal(stopped.encode(X), first.encode(X))


@pytest.mark.slow
def test_fit_works_in_a_thread():
    found = []
    model = aae_tf.AAE(**SMALL)
    thread = threading.Thread(target=lambda: found.append(model.fit(X, verbose=0).epoch))
    thread.start()
    thread.join()
    assert found == [[0, 1]] and model.encode(X).shape == (90, 2)


@pytest.mark.slow
def test_a_dataset_with_an_end_is_as_its_arrays(tmp_path):
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    states = []
    for name, x, y in (("dataset", data, None), ("arrays", X, Y)):
        aae_tf.AAE(**SMALL).fit(x, y, run_dir=tmp_path / name, verbose=0)
        states.append(program.state(tmp_path / name))
    assert states[0] == states[1]


@pytest.mark.slow
def test_a_dataset_without_an_end_trains_by_steps_per_epoch():
    data = tf.data.Dataset.from_tensor_slices(X).batch(16).repeat()
    model = aae_tf.AAE(**SMALL)
    history = model.fit(data, validation_data=X[:20], steps_per_epoch=5, verbose=0)
    assert history.epoch == [0, 1]
    losses = history.history["train/reconstruction/loss"]
    assert losses[1] < losses[0]


@pytest.mark.slow
def test_a_model_given_as_an_object_is_trained_as_it_is(tmp_path):
    import keras

    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6), keras.layers.Dense(2)])
    before = [weight.numpy() for weight in encoder.weights]
    model = aae_tf.AAE(encoder=encoder, **SMALL)
    model.fit(X, run_dir=tmp_path / "run", verbose=0)
    assert all((a != b.numpy()).any() for a, b in zip(before, encoder.weights, strict=True))
    np.testing.assert_allclose(model.encode(X), np.asarray(encoder(X)), atol=1e-6)
    with pytest.raises(UserError, match=r"aae_tf\.load\(\.\.\., encoder=\.\.\.\)"):
        aae_tf.load(tmp_path / "run")
    again = aae_tf.load(tmp_path / "run", encoder=encoder)
    assert (again.encode(X) == model.encode(X)).all()


@pytest.mark.slow
def test_a_prior_given_as_an_object_is_the_runs():
    import tensorflow_probability as tfp

    prior = tfp.distributions.MultivariateNormalDiag([5.0, 0.0], [0.1, 0.1])
    model = aae_tf.AAE(prior=prior, **SMALL)
    model.fit(X, verbose=0)
    drawn = np.asarray(model._method.draw(tf.constant([1, 0]), 500)["codes"])
    np.testing.assert_allclose(drawn.mean(0), [5, 0], atol=0.05)


@pytest.mark.parametrize(
    ("x", "more", "said"),
    [
        (X[:20], {}, "x: 20 examples, expected 30 or more"),
        (X[:0], {}, "x: no examples"),
        (X[:, 0], {}, r"x: shape \(90,\)"),
        (X.astype(object), {}, "x: dtype object"),
        (np.where(X > 2, np.nan, X), {}, "expected finite numbers"),
        (X, {"y": Y[:5]}, r"y: shape \(5,\), expected \(90,\)"),
        (X, {"validation_data": X[:, :2]}, r"validation_data: x: shape \(90, 2\)"),
        (np.zeros((90, 3, 8, 8), np.uint8), {}, "channels first"),
        (tf.data.Dataset.from_tensor_slices((X, Y)), {}, "expected batches x"),
        (tf.data.Dataset.from_tensors({"x": X}), {}, "expected batches x"),
        (tf.data.Dataset.from_tensors(X).repeat(), {}, "expected steps_per_epoch"),
        (tf.data.Dataset.from_tensors(X), {"steps_per_epoch": 3}, "validation_data: None"),
        (X, {"steps_per_epoch": 3, "validation_data": X}, r"expected a tf\.data\.Dataset"),
        ("mnist", {"y": Y}, "has its own labels"),
    ],
)
def test_what_cannot_be_fitted_is_named_in_a_line_and_leaves_nothing(x, more, said, empty_folder):
    with pytest.raises(UserError, match=said) as caught:
        aae_tf.AAE(**SMALL).fit(x, **more, run_dir="run", verbose=0)
    assert "\n" not in str(caught.value)
    assert list(pathlib.Path().iterdir()) == []
