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
from aae_tf.objectives.categorical import adversarial_perturbation, divergence

LABELLED = {
    "label_mixture": {"prior_components": 3, "num_labels": "30"},
    "label_swiss_roll": {"num_labels": "30"},
    "style": {},
    "semi_supervised": {"num_labels": "30"},
    "clustering": {"num_clusters": 4},
    "discrete": {"num_clusters": 4},
    "dim_reduction": {"num_labels": "30"},
}
OFF = {"virtual_adversarial_weight": 0.0}
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


@pytest.mark.parametrize("name", ["semi_supervised", "clustering", "dim_reduction"])
def test_each_phase_passes_once_through_the_encoder_for_both_codes(name, monkeypatch):
    rig = _rig(name)
    encoder, passes = rig.method.encoder, []
    features = encoder._features

    def counted(*args, **kwargs):
        passes.append(args)
        return features(*args, **kwargs)

    monkeypatch.setattr(encoder, "_features", counted)
    for phase in rig.phases:
        passes.clear()
        phase.loss(rig.first_batch(), phase.draws(seeds.root(5), 10))
        assert len(passes) == 1, phase.name


@pytest.mark.parametrize("name", MOVED)
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


def test_adversary_on_the_label_can_be_left_out():
    method = _rig("discrete", adversarial_label=False).method
    assert "label_discriminator" not in method.networks
    assert "label_discriminator" in _rig("discrete").method.networks


@pytest.mark.parametrize("name", ["clustering", "dim_reduction", "semi_supervised"])
def test_reconstruction_moves_all_but_the_category_where_the_decoder_takes_it_as_given(name):
    slopes, losses = [], []
    for reached in (True, False):
        rig = _rig(name, category_from_reconstruction=reached)
        encoder, others = rig.method.encoder, rig.method.reconstructing_networks()[1:]
        own = {id(v) for v in encoder.category.trainable_variables}
        moved = [v for network in (encoder, *others) for v in network.trainable_variables]
        category = [v.value for v in moved if id(v) in own]
        rest = [v.value for v in moved if id(v) not in own]
        with tf.GradientTape() as tape:
            loss = rig.phase("reconstruction").loss(rig.first_batch(), {}).per_example
        zero = tf.UnconnectedGradients.ZERO
        both = tape.gradient(loss, [category, rest], unconnected_gradients=zero)
        slopes.append([[float(tf.norm(slope)) for slope in part] for part in both])
        losses.append(loss.numpy())
    np.testing.assert_array_equal(*losses)
    (of_category, _), (none, of_rest) = slopes
    assert max(of_category) > 1e-4 and max(none) == 0
    assert len(of_rest) > 6 and np.count_nonzero(of_rest) >= len(of_rest) - 2


def test_generator_weighs_the_label_adversary_beside_the_style_adversary():
    rig = _rig("clustering", label_adversary_weight=3.0)
    loss = rig.phase("generator").loss(rig.first_batch(), {"style": {}, "label": {}})
    style, label = (loss.metrics[f"{name}_loss"].numpy() for name in ("style", "label"))
    assert label.min() > 0
    np.testing.assert_allclose(loss.per_example, style + 3 * label, rtol=1e-6)


@pytest.mark.parametrize("adversarial", [True, False])
def test_generator_weighs_how_unequal_the_shares_of_categories_are(adversarial):
    rig, off = (
        _rig("clustering", adversarial_label=adversarial, category_balance_weight=weight)
        for weight in (6.0, 0.0)
    )
    batch, draws = rig.first_batch(), {"style": {}, "label": {}}
    loss = rig.phase("generator").loss(batch, draws)
    shares = rig.method._both(batch, draws)[0].numpy().astype(np.float64).mean(0)
    expected = np.sum(shares * np.log(4 * shares))
    assert expected > 1e-3
    np.testing.assert_allclose(loss.metrics["imbalance"], np.full(10, expected), rtol=1e-4)
    without = off.phase("generator").loss(batch, draws)
    assert "imbalance" not in without.metrics
    np.testing.assert_allclose(
        loss.per_example - without.per_example, np.full(10, 6 * expected), rtol=1e-3
    )


def test_code_is_matched_to_the_shares_of_categories_that_are_asked_for():
    rig = _rig("clustering", category_shares="5,3,1,1", category_balance_weight=6.0)
    drawn = rig.phase("discriminator").draws(seeds.root(2), 4000)["label"]["prior"].numpy()
    expected = np.array([0.5, 0.3, 0.1, 0.1])
    np.testing.assert_allclose(drawn.mean(0), expected, atol=5 * 0.5 / np.sqrt(4000))
    batch, draws = rig.first_batch(), {"style": {}, "label": {}}
    shares = rig.method._both(batch, draws)[0].numpy().astype(np.float64).mean(0)
    found = rig.phase("generator").loss(batch, draws).metrics["imbalance"]
    np.testing.assert_allclose(found, np.sum(shares * np.log(shares / expected)), rtol=1e-4)
    labels = rig.method.sample(seeds.root(3), 4000)["labels"].numpy()
    counts = np.bincount(labels, minlength=4) / 4000
    np.testing.assert_allclose(counts, expected, atol=5 * 0.5 / np.sqrt(4000))


def test_weight_of_the_label_adversary_grows_evenly_over_the_epochs_of_its_warmup():
    rig = _rig("semi_supervised", label_adversary_weight=3.0, label_adversary_warmup=0.5)
    assert rig.feed.steps_per_epoch == 6
    for step, weight in ((0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (1000, 3)):
        draws = {"style": {}, "label": {}, "step": tf.constant(step)}
        loss = rig.phase("generator").loss(rig.first_batch(), draws)
        style, label = (loss.metrics[f"{name}_loss"].numpy() for name in ("style", "label"))
        assert label.min() > 0
        np.testing.assert_allclose(loss.per_example, style + weight * label, rtol=1e-6)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_generator_weighs_how_the_worst_change_of_clean_images_moves_the_categories(batch_norm):
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


@pytest.mark.parametrize("labelled", [4, 10, 20])
@pytest.mark.parametrize("encoder", ["deterministic", "implicit"])
def test_classification_can_weigh_the_worst_change_instead(labelled, encoder):
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


@pytest.mark.parametrize(
    ("experiment", "phase"),
    [
        ("clustering", "generator"),
        ("semi_supervised", "generator"),
        ("semi_supervised", "classification"),
    ],
)
def test_weight_of_the_worst_change_grows_evenly_over_the_epochs_of_its_warmup(experiment, phase):
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


@pytest.mark.parametrize(
    ("experiment", "phase"),
    [("clustering", "generator"), ("semi_supervised", "classification")],
)
def test_worst_change_counts_from_the_epoch_at_which_it_begins(experiment, phase):
    flags = {"virtual_adversarial_weight": 4.0, "virtual_adversarial_phase": phase}
    rig = _rig(experiment, virtual_adversarial_start=2, virtual_adversarial_warmup=1.5, **flags)
    full, off = (_rig(experiment, **{**flags, **more}) for more in ({}, OFF))
    own = rig.phase(phase)
    assert own.begins == {"virtual_adversarial": 2 * rig.feed.steps_per_epoch}
    assert not full.phase(phase).begins and not off.phase(phase).begins

    def loss(rig, step, begun):
        draws = rig.phase(phase).draws(seeds.root(1), 10)
        draws |= {"step": tf.constant(step), "begun": {"virtual_adversarial": begun}}
        return rig.phase(phase).loss(rig.first_batch(), draws)

    before = loss(rig, 11, False)
    assert "virtual_adversarial_loss" not in before.metrics
    without = loss(off, 11, False).per_example
    np.testing.assert_array_equal(before.per_example, without)
    whole = loss(full, 0, True).per_example - without
    assert np.abs(whole).min() > 1e-4
    for step, share in ((12, 0), (15, 1 / 3), (18, 2 / 3), (21, 1), (1000, 1)):
        gap = loss(rig, step, True).per_example - without
        np.testing.assert_allclose(gap, share * whole, rtol=1e-3, atol=1e-6)


def test_length_of_the_change_follows_the_distance_to_the_nearest_other_image():
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


def test_label_adversary_asks_for_one_hot_vectors():
    rig = _rig("clustering")
    positives = rig.phase("discriminator").draws(seeds.root(0), 300)["label"]["prior"].numpy()
    assert set(np.unique(positives)) == {0, 1} and np.all(positives.sum(1) == 1)
    assert np.all(np.abs(positives.sum(0) - 75) < 5 * np.sqrt(300 * 3 / 16))


def test_noise_on_what_the_label_discriminator_sees_has_a_size_of_its_own():
    own_deviation = np.sqrt(3 / 16)  # of one-hot vectors of four categories
    for flags, label, style in (
        ({"discriminator_noise": 0.5}, 0.5 * own_deviation, 0.5),
        ({"discriminator_noise": 0.5, "label_discriminator_noise": 0.2}, 0.2, 0.5),
        ({"label_discriminator_noise": 0.2}, 0.2, None),
    ):
        rig = _rig("clustering", **flags)
        for phase, kinds in (
            ("discriminator", ("prior_noise", "code_noise")),
            ("generator", ("code_noise",)),
        ):
            draws = rig.phase(phase).draws(seeds.root(0), 2000)
            for kind in kinds:
                # 8000 draws: five sd of their own sd are 4 %.
                assert np.std(draws["label"][kind]) == pytest.approx(label, rel=0.04)
                if style is None:
                    assert kind not in draws["style"]
                else:
                    assert np.std(draws["style"][kind]) == pytest.approx(style, rel=0.06)


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
