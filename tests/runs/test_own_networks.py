"""Runs with networks of the user's own, with dropout and batch normalisation: to the same bits."""

import json
import pathlib
import signal

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.runs.train import evaluate, restore_run, train
from aae_tf.training import Observer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("hang_ups")]

NETWORKS = {
    "encoder_network": "own_networks:noisy",
    "decoder_network": "own_networks:noisy_decoder",
    "discriminator_network": "own_networks:discriminator",
    "average_decay": 0.9,
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    np.savez(path, images=tiny.images(90), labels=np.arange(90) % 3)
    return str(path)


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory):
    """The digest of a run, by whether XLA compiles it."""
    folder, known = tmp_path_factory.mktemp("undisturbed"), {}

    def digest(xla):
        if xla not in known:
            settings = tiny.settings(dataset=dataset, xla=xla, **NETWORKS)
            known[xla] = train(settings, folder / f"xla_{xla}", None, temporary=True).digest
        return known[xla]

    return digest


class _StopAt(Observer):
    """Has the run told to stop once it has done so many steps, by a signal."""

    def __init__(self, step):
        self._step = step

    def after_call(self, report):
        if report.step >= self._step:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(("xla", "stops"), [(True, (4,)), (False, (1,)), (False, (4, 9))])
def test_a_run_that_was_stopped_ends_with_the_same_bits(dataset, tmp_path, undisturbed, xla, stops):
    settings = tiny.settings(dataset=dataset, xla=xla, steps_per_call=2, **NETWORKS)
    run = tmp_path / "run"
    for step in stops:
        outcome = train(
            settings, run, None, temporary=True, watch=lambda *_, step=step: _StopAt(step)
        )
        assert outcome.status == 128 + signal.SIGTERM
        assert json.loads((run / "provenance.json").read_text())["step"] in (step, step + 1)
    assert train(settings, run, None, temporary=True).digest == undisturbed(xla)


@pytest.mark.parametrize(("xla", "steps_per_call"), [(True, 1), (False, 1), (False, 3)])
def test_steps_per_call_change_nothing(dataset, tmp_path, undisturbed, xla, steps_per_call):
    settings = tiny.settings(dataset=dataset, xla=xla, steps_per_call=steps_per_call, **NETWORKS)
    assert train(settings, tmp_path / "run", None, temporary=True).digest == undisturbed(xla)


def test_another_seed_changes_all(dataset, tmp_path, undisturbed):
    settings = tiny.settings(dataset=dataset, xla=False, seed=1, **NETWORKS)
    assert train(settings, tmp_path / "run", None, temporary=True).digest != undisturbed(False)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """A run to its end, with figures and an export; its settings and the outcome."""
    folder = tmp_path_factory.mktemp("whole")
    settings = tiny.settings(dataset=dataset, xla=False, encoder="isotropic", **NETWORKS)
    return settings, train(settings, folder / "run", folder / "models")


def test_every_signature_answers_as_the_method_of_the_checkpoint(run, tmp_path):
    settings, outcome = run
    method, _ = restore_run(outcome.folder, settings, (8, 8, 1), 3, trust_run=True)
    model = tf.saved_model.load(str(outcome.saved_model))
    signatures, images = model.signatures, tf.constant(tiny.split(7, seed=9).intensities())
    codes = signatures["encode"](images=images)["codes"]
    np.testing.assert_allclose(codes, method.encode(images), rtol=1e-5, atol=1e-6)
    decoded = signatures["decode"](codes=codes)["images"]
    np.testing.assert_allclose(decoded, method.decode(codes), rtol=1e-5, atol=1e-6)
    rebuilt = signatures["reconstruct"](images=images)["images"]
    np.testing.assert_allclose(rebuilt, method.reconstruct(images), rtol=1e-5, atol=1e-6)
    scores, expected = signatures["score"](images=images), method.scores(images)
    assert set(scores) == set(expected) and len(scores) == 3
    for name, score in scores.items():
        np.testing.assert_allclose(score, expected[name], rtol=1e-4, atol=1e-5)
    again = signatures["score"](images=images)
    for name, score in scores.items():  # nothing is dropped, and no moment moves
        np.testing.assert_array_equal(again[name], score)
    drawn = signatures["sample"](seed=tf.constant([1, 2]), count=tf.constant(3))
    assert drawn["images"].shape == (3, 8, 8, 1)


def test_the_run_is_evaluated_again_to_the_same_numbers(run):
    _, outcome = run
    again = evaluate(outcome.folder.path, trust_run=True)
    assert again.metrics == pytest.approx(outcome.metrics, rel=1e-6)


def test_the_model_card_names_the_networks(run):
    _, outcome = run
    card = (outcome.saved_model / "assets.extra" / "model_card.md").read_text()
    for flag in ("encoder", "decoder", "discriminator"):
        assert f"\n--{flag}_network={NETWORKS[f'{flag}_network']}\n" in card


def test_figures_are_those_of_any_run(run):
    _, outcome = run
    drawn = {file.stem for file in pathlib.Path(outcome.folder.figures).glob("*.png")}
    assert {"reconstructions", "samples", "codes", "manifold"} <= drawn
