"""Labels and categories: which network sees them, and that hidden ones are never read."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.data.pipeline import Feed, Labelled
from aae_tf.errors import DataError, SettingsError
from aae_tf.methods import build
from aae_tf.objectives.adversarial import discriminator_loss

LABELLED = {
    "label_mixture": {"prior_components": 3, "num_labels": "30"},
    "label_swiss_roll": {"num_labels": "30"},
    "style": {},
    "semi_supervised": {"num_labels": "30"},
    "clustering": {"num_clusters": 4},
    "discrete": {"num_clusters": 4},
    "dim_reduction": {"num_labels": "30"},
}
ADVERSARIES = {"style_discriminator", "label_discriminator"}
MOVED = {  # beyond what a phase of the plain AAE moves
    "semi_supervised": ({"encoder", "decoder"}, ADVERSARIES, {"encoder"}, {"encoder"}),
    "clustering": ({"encoder", "decoder"}, ADVERSARIES, {"encoder"}),
    "dim_reduction": (
        {"encoder", "decoder", "cluster_heads"},
        ADVERSARIES,
        {"encoder"},
        {"encoder"},
    ),
    "style": ({"encoder", "decoder"}, {"discriminator"}, {"encoder"}),
    "label_mixture": ({"encoder", "decoder"}, {"discriminator"}, {"encoder"}),
}


def _rig(name, **changes):
    return tiny.rig(experiment=name, **{**LABELLED[name], **changes})


@pytest.mark.slow
@pytest.mark.parametrize("name", MOVED)
@tiny.eagerly()
def test_each_phase_moves_its_own_networks_and_no_others(name):
    rig = _rig(name, encoder_batch_norm=False)
    for phase, expected in zip(rig.phases, MOVED[name], strict=True):
        before = rig.weights()
        rig.only(phase.name).run_steps(rig.feed.order(0), 0, 2)
        after = rig.weights()
        moved = {
            network
            for network, weights in before.items()
            if any(not np.array_equal(value, after[network][key]) for key, value in weights.items())
        }
        assert moved == expected, phase.name


@pytest.mark.parametrize("name", ["clustering", "discrete"])
def test_unsupervised_methods_are_fed_no_label(name):
    assert set(_rig(name).first_batch()) == {"images", "inputs"}


def test_hidden_labels_are_never_read():
    images, labels = tiny.images(60), np.arange(60) % 3
    rows = np.array([3, 4, 5], np.int32)
    altered = np.where(np.isin(np.arange(60), rows), labels, 2 - labels)
    for beside in (True, False):
        feeds = [
            Feed(images, 10, seeds.root(0), labelled=Labelled(rows, shown, beside, 3, 3))
            for shown in (labels, altered)
        ]
        for step in range(6):
            first, second = (feed.batch(feed.order(0), tf.constant(step)) for feed in feeds)
            np.testing.assert_array_equal(first["labels"], second["labels"])


def test_labelled_minibatches_visit_each_labelled_image_once_in_a_pass():
    labels = np.arange(60) % 3
    rows = np.arange(0, 60, 5).astype(np.int32)  # twelve
    feed = Feed(tiny.images(60), 10, seeds.root(0), labelled=Labelled(rows, np.arange(60), True, 4))
    passes = [
        np.concatenate(
            [
                feed.batch(feed.order(0), tf.constant(3 * number + step))["labels"]
                for step in range(3)
            ]
        )
        for number in range(2)
    ]
    for seen in passes:
        assert sorted(seen) == rows.tolist()
    assert passes[0].tolist() != passes[1].tolist()
    del labels


def test_labels_within_the_minibatch_belong_to_its_images():
    images, labels = tiny.images(60), np.arange(60)
    rows = np.arange(0, 60, 2).astype(np.int32)
    feed = Feed(images, 10, seeds.root(0), labelled=Labelled(rows, labels, False, unlabelled=99))
    order = feed.order(0)
    batch = feed.batch(order, tf.constant(1))
    expected = [row if row % 2 == 0 else 99 for row in order.numpy()[10:20]]
    assert batch["labels"].numpy().tolist() == expected


def test_label_informed_discriminator_sees_label_and_the_samples_of_its_part():
    rig = _rig("label_mixture")
    phase, batch = rig.phase("discriminator"), rig.first_batch()
    draws = phase.draws(seeds.root(5), 10)
    labels = batch["labels"].numpy()
    assert 3 in labels and set(labels) & {0, 1, 2}
    positives = draws["prior"].numpy()[np.arange(10), labels]
    condition = np.eye(4, dtype=np.float32)[labels]
    logits = [
        rig.method.discriminator(np.concatenate([codes, condition], 1))
        for codes in (positives, rig.method.encode(batch["images"]).numpy())
    ]
    np.testing.assert_allclose(
        phase.loss(batch, draws).per_example, discriminator_loss(*logits), rtol=1e-5
    )


def test_samples_for_each_class_are_of_its_component():
    rig = _rig("label_mixture")
    drawn = rig.phase("discriminator").draws(seeds.root(5), 400)["prior"].numpy()
    assert drawn.shape == (400, 4, 2)
    for part in range(3):
        posterior = rig.method.class_prior.posterior(drawn[:, part])
        assert np.mean(posterior.argmax(1) == part) > 0.97
    # The last is of the whole prior: each component as often as another, within five sd.
    counts = np.bincount(rig.method.class_prior.posterior(drawn[:, 3]).argmax(1), minlength=3)
    assert np.all(np.abs(counts - 400 / 3) < 5 * np.sqrt(400 * 2 / 9))


def test_without_labels_every_image_is_unlabelled():
    assert set(_rig("label_mixture", num_labels="0").first_batch()["labels"].numpy()) == {3}


def test_decoder_of_the_supervised_aae_sees_the_label():
    rig = _rig("style")
    codes = rig.method.prior.sample(3, seed=seeds.root(0))
    images = [rig.method.decode(codes, np.eye(3, dtype=np.float32)[[k] * 3]) for k in range(3)]
    assert not np.allclose(images[0], images[1]) and not np.allclose(images[1], images[2])


@pytest.mark.parametrize("conditional", [True, False])
def test_discriminator_of_the_supervised_aae_sees_the_label_only_if_told_so(conditional):
    rig = _rig("style", conditional_discriminator=conditional)
    batch = rig.first_batch()
    draws = rig.phase("discriminator").draws(seeds.root(1), 10)
    changed = {**batch, "labels": (batch["labels"] + 1) % 3}
    losses = [rig.phase("discriminator").loss(b, draws).per_example for b in (batch, changed)]
    assert np.allclose(*losses) != conditional


def test_categories_are_the_classes_or_as_many_as_asked():
    assert _rig("semi_supervised").method.num_categories == tiny.CLASSES
    assert _rig("clustering").method.num_categories == 4
    unlabelled = _rig("dim_reduction", num_labels="0", num_clusters=7)
    assert unlabelled.method.num_categories == 7
    assert [phase.name for phase in unlabelled.phases] == [
        "reconstruction",
        "discriminator",
        "generator",
    ]


def test_semi_supervised_without_labels_is_refused():
    with pytest.raises(SettingsError, match="--num_labels=0: expected a positive number"):
        _rig("semi_supervised", num_labels="0")


def test_decoder_of_dim_reduction_sees_the_sum_of_head_and_style():
    method = _rig("dim_reduction").method
    codes = np.float32([[0.5, -1.0], [0.0, 2.0]])
    heads = method.heads.heads.numpy()
    expected = method.decoder(heads[[2, 0]] + codes)
    found = method.decode(codes, np.eye(3, dtype=np.float32)[[2, 0]])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_projection_puts_the_heads_on_a_circle():
    method = _rig("dim_reduction", latent_dim=6).method
    plane = method.project(method.heads.heads).numpy()
    np.testing.assert_allclose(np.linalg.norm(plane, axis=1), 5, rtol=1e-4)
    gaps = np.linalg.norm(plane - np.roll(plane, 1, 0), axis=1)
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-4)


def test_heads_are_kept_apart_in_the_reconstruction_phase():
    rig = _rig("dim_reduction", head_distance=50.0)
    batch = rig.first_batch()
    loss = rig.phase("reconstruction").loss(batch, {})
    assert loss.metrics["crowding"].numpy().min() > 100  # three pairs that lack almost 50 each
    free = _rig("dim_reduction", head_distance=0.0)
    gap = loss.per_example - free.phase("reconstruction").loss(batch, {}).per_example
    np.testing.assert_allclose(gap, loss.metrics["crowding"], rtol=1e-3)


def test_more_labelled_images_a_minibatch_than_there_are_labels_is_refused():
    chosen = tiny.settings("semi_supervised", num_labels="all", labelled_batch_size=65)
    method = tiny.method_for(chosen)
    with pytest.raises(SettingsError, match="--labelled_batch_size=65: expected at most 64, the"):
        build.labelled_for(method, tiny.data(), 1)
    assert build.labelled_for(tiny.method_for(chosen), tiny.data(train=65), 1).batch_size == 65


@pytest.mark.parametrize("experiment", ["clustering", "discrete"])
def test_a_class_that_training_lacks_is_refused_where_clusters_are_scored(experiment):
    data = tiny.data()
    data.validation.labels[3] = 7
    with pytest.raises(DataError, match="labels from 0 to 7, expected them within 0 to 2"):
        build.method_for(tiny.settings(experiment), data)
    unlabelled = tiny.data(labelled=False)
    assert build.method_for(tiny.settings("clustering"), unlabelled).networks
