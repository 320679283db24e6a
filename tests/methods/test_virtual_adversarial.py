"""The virtual adversarial term: its value, its weight, and when it begins."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.objectives.categorical import adversarial_perturbation, divergence

SMALL = {
    "semi_supervised": {"num_labels": "30"},
    "clustering": {"num_clusters": 4},
}


def _rig(name, **changes):
    return tiny.rig(experiment=name, **SMALL[name], **changes)


OFF = {"virtual_adversarial_weight": 0.0}


@pytest.mark.parametrize("batch_norm", [False, True])
def test_generator_weighs_how_the_perturbation_of_clean_images_moves_the_categories(batch_norm):
    flags = {"input_noise": 0.5, "encoder_batch_norm": batch_norm}
    rig = _rig(
        "clustering", virtual_adversarial_weight=4.0, virtual_adversarial_radius=0.7, **flags
    )
    batch, phase, encoder = rig.first_batch(), rig.phase("generator"), rig.method.encoder
    draws = phase.draws(seeds.root(1), 10)
    loss = phase.loss(batch, draws)
    found = loss.metrics["virtual_adversarial_loss"]

    def logits_of(images):
        return encoder(images, training=True)[0]

    images = batch["images"]
    change = adversarial_perturbation(
        logits_of, images, draws["virtual_adversarial"]["direction"], 0.7
    )
    np.testing.assert_allclose(tf.norm(tf.reshape(change, [10, -1]), axis=1), 0.7, rtol=1e-5)
    expected = divergence(logits_of(images), logits_of(images + change))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)
    assert found.numpy().max() > 1e-4
    style, label = (loss.metrics[f"{name}_loss"] for name in ("style", "label"))
    np.testing.assert_allclose(loss.per_example, style + label + 4 * found, rtol=1e-6)
    assert "virtual_adversarial" not in _rig("clustering").phase("generator").draws(
        seeds.root(1), 10
    )


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [4, 10, 20])
@pytest.mark.parametrize("encoder", ["deterministic", "implicit"])
def test_the_term_can_stand_in_the_classification_phase_instead(labelled, encoder):
    chosen = {
        "virtual_adversarial_weight": 4.0,
        "virtual_adversarial_phase": "classification",
        "labelled_batch_size": labelled,
        "encoder": encoder,
        "hidden_noise": 0.2,
    }
    rig, plain = (_rig("semi_supervised", **flags) for flags in (chosen, {**chosen, **OFF}))
    batch, phase = rig.first_batch(), rig.phase("classification")
    draws = phase.draws(seeds.root(1), 10)
    own = draws["virtual_adversarial"]
    loss = phase.loss(batch, draws)

    def logits_of(images):
        return rig.method.encoder(
            images, own.get("encoder"), training=True, hidden_noise=batch["hidden_noise"]
        )[0]

    images = batch["images"]
    change = adversarial_perturbation(logits_of, images, own["direction"], 2.0)
    expected = divergence(logits_of(images), logits_of(images + change))
    found = loss.metrics["virtual_adversarial_loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)
    assert found.shape == (10,) and found.numpy().max() > 1e-4
    without = plain.phase("classification")
    alone = without.loss(batch, without.draws(seeds.root(1), 10))
    assert loss.per_example.shape == (labelled,)
    gap = loss.per_example - alone.per_example
    np.testing.assert_allclose(gap, np.full(labelled, 4 * np.mean(found)), rtol=1e-4)
    generator = rig.phase("generator")
    others = generator.loss(batch, generator.draws(seeds.root(1), 10)).metrics
    assert "virtual_adversarial_loss" not in others


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "phase"),
    [
        ("clustering", "generator"),
        ("semi_supervised", "generator"),
        ("semi_supervised", "classification"),
    ],
)
def test_weight_of_the_term_grows_evenly_over_the_epochs_of_its_warmup(experiment, phase):
    flags = {"virtual_adversarial_weight": 4.0, "virtual_adversarial_phase": phase}
    rig = _rig(experiment, virtual_adversarial_warmup=1.5, **flags)
    full, off = (_rig(experiment, **{**flags, **more}) for more in ({}, OFF))
    assert rig.feed.steps_per_epoch == 6

    def losses(rig, step):
        own = rig.phase(phase)
        draws = {**own.draws(seeds.root(1), 10), "step": tf.constant(step)}
        return own.loss(rig.first_batch(), draws).per_example.numpy()

    whole = losses(full, 0) - losses(off, 0)
    assert np.abs(whole).min() > 1e-4
    for step, share in ((0, 0), (3, 1 / 3), (6, 2 / 3), (9, 1), (10, 1), (1000, 1)):
        gap = losses(rig, step) - losses(off, step)
        np.testing.assert_allclose(gap, share * whole, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "phase"),
    [("clustering", "generator"), ("semi_supervised", "classification")],
)
def test_the_term_counts_from_the_epoch_at_which_it_begins(experiment, phase):
    flags = {"virtual_adversarial_weight": 4.0, "virtual_adversarial_phase": phase}
    rig = _rig(experiment, virtual_adversarial_start=2, virtual_adversarial_warmup=1.5, **flags)
    full, off = (_rig(experiment, **{**flags, **more}) for more in ({}, OFF))
    assert rig.phase(phase).begins == {"virtual_adversarial": 2 * rig.feed.steps_per_epoch}
    assert not full.phase(phase).begins and not off.phase(phase).begins

    def loss(rig, step, begun=True):
        draws = {**rig.phase(phase).draws(seeds.root(1), 10), "step": tf.constant(step)}
        if not begun:
            draws.pop("virtual_adversarial", None)
        return rig.phase(phase).loss(rig.first_batch(), draws)

    before = loss(rig, 11, begun=False)
    assert "virtual_adversarial_loss" not in before.metrics
    without = loss(off, 11).per_example
    np.testing.assert_array_equal(before.per_example, without)
    whole = loss(full, 0).per_example - without
    assert np.abs(whole).min() > 1e-4
    for step, share in ((12, 0), (15, 1 / 3), (18, 2 / 3), (21, 1), (1000, 1)):
        gap = loss(rig, step).per_example - without
        np.testing.assert_allclose(gap, share * whole, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_length_of_the_perturbation_follows_the_distance_to_the_nearest_other_image():
    flags = {"virtual_adversarial_weight": 1.0, "encoder_batch_norm": False}
    rig = _rig("clustering", virtual_adversarial_neighbour_share=0.3, **flags)
    batch, draws = rig.first_batch(), rig.phase("generator").draws(seeds.root(1), 10)
    flat = batch["images"].numpy().reshape(10, -1)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1) + 1e9 * np.eye(10)
    lengths = 0.3 * apart.min(1)
    assert lengths.max() > 1.05 * lengths.min() > 0
    found = rig.phase("generator").loss(batch, draws).metrics["virtual_adversarial_loss"]
    for row, length in enumerate(lengths):
        fixed = _rig("clustering", virtual_adversarial_radius=float(length), **flags)
        expected = fixed.phase("generator").loss(batch, draws).metrics["virtual_adversarial_loss"]
        np.testing.assert_allclose(found[row], expected[row], rtol=2e-3, atol=1e-7)
