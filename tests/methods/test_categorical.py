"""The AAE with a categorical code: its two adversaries, and what shares the generator's loss."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds

SMALL = {
    "semi_supervised": {"num_labels": "30"},
    "clustering": {"num_clusters": 4},
    "discrete": {"num_clusters": 4},
    "dim_reduction": {"num_labels": "30"},
}


def _rig(name, **changes):
    return tiny.rig(experiment=name, **SMALL[name], **changes)


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
    shares = rig.method._codes(batch, draws)["label"].numpy().astype(np.float64).mean(0)
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
    shares = rig.method._codes(batch, draws)["label"].numpy().astype(np.float64).mean(0)
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


def test_label_adversary_asks_for_one_hot_vectors():
    rig = _rig("clustering")
    positives = rig.phase("discriminator").draws(seeds.root(0), 300)["label"]["prior"].numpy()
    assert set(np.unique(positives)) == {0, 1} and np.all(positives.sum(1) == 1)
    assert np.all(np.abs(positives.sum(0) - 75) < 5 * np.sqrt(300 * 3 / 16))


@pytest.mark.slow
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
