"""The Wasserstein auto-encoder: its objective, its penalties, and that the AAE is one."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import experiments, seeds
from aae_tf.errors import SettingsError
from aae_tf.methods import penalty
from aae_tf.objectives.divergences import moment_gap
from aae_tf.priors import distributions
from aae_tf.settings import override
from aae_tf.settings.fields import DIVERGENCES
from aae_tf.training import Trainer, optimizers
from aae_tf.training.trainer import pretrain

COMPUTED = tuple(name for name in DIVERGENCES if name != "gan")
QUICK = tuple(name for name in COMPUTED if name != "sinkhorn")
SINKHORN_SLOW = [*QUICK, pytest.param("sinkhorn", marks=pytest.mark.slow)]


def _gradients(loss, network):
    variables = [variable.value for variable in network.trainable_variables]
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(loss())
    return [gradient.numpy() for gradient in tape.gradient(value, variables)]


@pytest.fixture(scope="module")
def pair():
    """An AAE and a WAE-GAN that start from the same weights, in float64."""
    shared = {"precision": "float64", "latent_dim": 3, "encoder_units": "16"}
    aae = tiny.rig(experiment="gaussian", **shared)
    wae = tiny.rig(
        experiment="wae_gan", penalty_weight=7.0, cost_scale=0.5, initializer="he_normal", **shared
    )
    for name, network in wae.method.networks.items():
        for own, other in zip(network.variables, aae.method.networks[name].variables, strict=True):
            own.assign(other)
    return aae, wae


@pytest.mark.parametrize("network", ["encoder", "decoder"])
def test_wae_gan_with_squared_cost_has_the_aaes_gradients_term_by_term(pair, network):
    aae, wae = pair
    batch = aae.first_batch()
    phase = wae.phase("wasserstein")
    moved = wae.method.networks[network]

    cost = _gradients(lambda: phase.loss(batch, {}).metrics["cost"], moved)
    reconstruction = _gradients(
        lambda: aae.phase("reconstruction").loss(batch, {}).per_example,
        aae.method.networks[network],
    )
    for ours, theirs in zip(cost, reconstruction, strict=True):
        assert np.abs(theirs).max() > 0
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)

    whole = _gradients(lambda: phase.loss(batch, {}).per_example, moved)
    if network == "decoder":  # which the adversary doesn't reach
        for ours, theirs in zip(whole, reconstruction, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)
        return
    generator = _gradients(
        lambda: aae.phase("generator").loss(batch, {}).per_example, aae.method.encoder
    )
    for ours, first, second in zip(whole, reconstruction, generator, strict=True):
        assert np.abs(second).max() > 0
        np.testing.assert_allclose(ours, first + 7.0 * second, rtol=1e-9, atol=1e-12)


def test_wae_gans_discriminator_has_the_aaes_gradient_times_lambda(pair):
    aae, wae = pair
    batch = aae.first_batch()
    drawn = {"prior": aae.method.prior.sample(10, seed=[1, 2])}
    ours, theirs = (
        _gradients(
            lambda rig=rig: rig.phase("discriminator").loss(batch, drawn).per_example,
            rig.method.discriminator,
        )
        for rig in (wae, aae)
    )
    for first, second in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(first, 7.0 * second, rtol=1e-9, atol=1e-15)


def _loss(rig):
    batch = rig.first_batch()
    phase = rig.phase("wasserstein")
    drawn = {**phase.draws(rig.root, 10), **phase.common_draws(rig.root)}
    return phase.loss(batch, drawn)


@pytest.mark.parametrize("divergence", SINKHORN_SLOW)
def test_loss_is_the_cost_plus_lambda_times_the_divergence(divergence, monkeypatch):
    monkeypatch.setattr(penalty, "OFFSET_SAMPLES", 60)
    found = [
        _loss(tiny.rig(experiment="wae_mmd", divergence=divergence, penalty_weight=weight))
        for weight in (1.0, 50.0)
    ]
    for loss, weight in zip(found, (1.0, 50.0), strict=True):
        cost, value = loss.metrics["cost"], loss.metrics["divergence"]
        np.testing.assert_allclose(loss.per_example, cost + weight * value, rtol=1e-6)
        assert np.ptp(value) == 0  # one number for the minibatch
    np.testing.assert_array_equal(found[0].metrics["divergence"], found[1].metrics["divergence"])


def _penalty(divergence, batch_size, dim=3, **changes):
    settings = tiny.settings("wae_mmd", divergence=divergence, batch_size=batch_size, **changes)
    prior = distributions.gaussian(dim, 1.0, tf.float64)
    return penalty.build(settings, prior, dim, tf.float64), prior


@pytest.mark.slow
@pytest.mark.parametrize("divergence", COMPUTED)
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_expected_divergence_is_the_same_for_twice_the_batch(divergence, shift):
    """Within four standard errors or, for transport, 6 % of the value at a shift of one sd."""
    found, errors = [], []
    for size in (50, 100):
        made, prior = _penalty(divergence, size)

        @tf.function
        def one(number, size=size, made=made, prior=prior):
            seed = seeds.fold(seeds.root(1), "divergence", number)
            codes, samples = (prior.sample(size, seeds.fold(seed, name)) for name in "ab")
            return made.value(codes + shift, samples, made.common_draws(seed))

        values = [float(one(tf.constant(number))) for number in range(10_000 // size)]
        found.append(np.mean(values))
        errors.append(np.std(values) / np.sqrt(len(values)))
    far = max(abs(found[0]), abs(found[1])) if shift else 0.0
    transport = divergence in ("sliced_wasserstein", "sinkhorn")
    # Where there is no shift, the offset that is taken off is an estimate itself.
    margin = 4 * np.hypot(*errors) * (2 if transport else 1) + (0.06 * far if transport else 0)
    assert abs(found[0] - found[1]) < margin, (found, errors)
    if shift:
        assert min(found) > 20 * max(errors)
    else:
        assert max(map(abs, found)) < 8 * max(errors)


def test_kernels_have_the_priors_expected_squared_distance_for_scale():
    made, prior = _penalty("mmd_imq", 4)
    codes, samples = (prior.sample(4, seed=[number, 0]).numpy() for number in (1, 2))

    def k(x, y):
        return 6.0 / (6.0 + ((x - y) ** 2).sum())  # C = 2 d sigma^2

    def pairs(points):
        return [k(points[i], points[j]) for i in range(4) for j in range(4) if i != j]

    across = [k(x, y) for x in codes for y in samples]
    by_hand = np.mean(pairs(codes)) + np.mean(pairs(samples)) - 2 * np.mean(across)
    assert float(made.value(codes, samples, {})) == pytest.approx(by_hand, rel=1e-12)


def test_log_prior_trick_adds_each_points_own_log_density_to_its_logit():
    rig = tiny.rig(experiment="wae_gan", log_prior_trick=True, latent_dim=2)
    method = rig.method
    codes, samples = method.prior.sample(10, seed=[1, 1]) * 3, method.prior.sample(10, seed=[1, 2])
    on_codes = method.discriminator(codes) + method.prior.log_prob(codes)
    on_samples = method.discriminator(samples) + method.prior.log_prob(samples)
    loss = method.adversary.discriminate(samples, codes, {})
    np.testing.assert_allclose(
        loss.per_example, tf.nn.softplus(-on_samples) + tf.nn.softplus(on_codes), rtol=1e-5
    )
    np.testing.assert_allclose(
        method.adversary.fool(codes, {}), tf.nn.softplus(-on_codes), rtol=1e-5
    )


def test_log_prior_trick_takes_the_density_of_the_point_that_the_discriminator_sees():
    rig = tiny.rig(
        experiment="wae_gan", log_prior_trick=True, latent_dim=2, discriminator_noise=0.5
    )
    method = rig.method
    codes, samples = method.prior.sample(10, seed=[1, 1]) * 3, method.prior.sample(10, seed=[1, 2])
    noise = {"code_noise": 0.5 * method.prior.sample(10, seed=[1, 3])}
    noise["prior_noise"] = 0.5 * method.prior.sample(10, seed=[1, 4])

    def logits(points):  # of a standard Gaussian prior
        squared = np.sum(points.numpy() ** 2, -1)
        return method.discriminator(points).numpy() - squared / 2 - np.log(2 * np.pi)

    on_samples, on_codes = (
        logits(samples + noise["prior_noise"]),
        logits(codes + noise["code_noise"]),
    )
    loss = method.adversary.discriminate(samples, codes, noise)
    expected = np.logaddexp(0, -on_samples) + np.logaddexp(0, on_codes)
    np.testing.assert_allclose(loss.per_example, expected, rtol=1e-5)
    fooled = method.adversary.fool(codes, noise)
    np.testing.assert_allclose(fooled, np.logaddexp(0, -on_codes), rtol=1e-5)


@pytest.mark.slow
def test_pretraining_brings_the_codes_moments_to_the_priors():
    rig = tiny.rig(
        experiment="wae_mmd",
        latent_dim=2,
        pretraining_steps=60,
        batch_size=60,
        wasserstein_learning_rate=0.01,
    )
    rig.method.encoder.code.bias.assign([3.0, -2.0])
    before = rig.weights()
    prepared = rig.method.pretraining()
    assert (prepared.steps, prepared.batch_size) == (60, 1000)
    strategy = tf.distribute.get_strategy()
    trainer = Trainer((prepared.phase,), rig.feed, rig.root, strategy, False, rig.method.prepare)
    steps, loss = pretrain(trainer, prepared.steps)
    codes = rig.method.encode(rig.first_batch()["images"])
    gap = float(moment_gap(codes, rig.method.prior.sample(5000, seed=[1, 2])))
    assert gap < 1.0 < 6.0  # (9 + 4) / 2 before
    assert loss < 0.1 or steps == 60
    after = rig.weights()
    for path, value in after["decoder"].items():
        np.testing.assert_array_equal(value, before["decoder"][path])


@pytest.mark.slow
def test_pretraining_stops_once_the_loss_is_low():
    rig = tiny.rig(
        experiment="wae_mmd",
        latent_dim=2,
        pretraining_steps=500,
        batch_size=60,
        wasserstein_learning_rate=0.02,
    )
    prepared = rig.method.pretraining()
    strategy = tf.distribute.get_strategy()
    trainer = Trainer((prepared.phase,), rig.feed, rig.root, strategy, False, rig.method.prepare)
    steps, loss = pretrain(trainer, prepared.steps)
    assert steps < 500 and loss < 0.1


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"batch_size": 1}, "--batch_size=1: expected 2 or more for --divergence=mmd_imq"),
        ({"cost": "l3"}, "--cost=l3: expected one of l2_squared, "),
        ({"divergence": "kl"}, "--divergence=kl: expected one of mmd_imq, "),
        ({"log_prior_trick": True}, "--log_prior_trick=True: expected false unless"),
        ({"penalty_weight": 0.0}, "--penalty_weight=0.0: expected a number above 0"),
        ({"cost": "cross_entropy", "output_activation": "linear"}, "--output_activation=linear"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(SettingsError) as refused:
        tiny.settings("wae_mmd", **changes)
    assert str(refused.value).startswith(message)


def test_log_prior_trick_wants_a_prior_with_a_density():
    with pytest.raises(
        SettingsError, match="log_prior_trick=True: expected false, since the prior"
    ):
        tiny.settings("wae_gan", log_prior_trick=True, prior="sphere")


def test_ssim_wants_images_that_hold_its_window():
    with pytest.raises(SettingsError, match=r"another cost, since \(8, 8, 1\) is no image of 11"):
        tiny.method(experiment="wae_mmd", cost="ssim")


@pytest.mark.parametrize("recipe", ["paper", "official", "practical"])
def test_pretraining_keeps_the_phases_first_rate_whatever_epochs_bring(recipe):
    chosen = tiny.settings("wae_mmd", recipe, network="dense", pretraining_steps=200)
    full = experiments.settings_of("wae_mmd", recipe).phase("wasserstein")
    method = tiny.method_for(
        override(chosen, {"wasserstein_schedule": full.schedule, "epochs": 100})
    )
    optimizer = method.pretraining().phase.optimizer
    rates = [optimizers.rate_at(optimizer, step) for step in (0, 30, 100, 199)]
    np.testing.assert_allclose(rates, full.learning_rate, rtol=1e-6)


@pytest.mark.parametrize("pixel, logit", [(1.0, -40.0), (0.0, 40.0)])
def test_cross_entropy_has_a_gradient_where_a_pixel_is_surely_wrong(pixel, logit):
    method = tiny.method(experiment="wae_mmd", cost="cross_entropy")
    shown = tf.Variable(tf.fill((1, 8, 8, 1), logit))
    method.decoder.linear = lambda codes, training=False: 1.0 * shown
    with tf.GradientTape() as tape:
        cost = method._rebuilding_cost(tf.fill((1, 8, 8, 1), pixel), tf.zeros((1, 8)), True)
    np.testing.assert_allclose(cost, [64 * 40.0], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(cost, shown), tf.fill(shown.shape, np.sign(logit)))


@pytest.mark.parametrize(
    "experiment, divergence, expected",
    [
        ("wae_mmd", "gan", "another than gan, which is --experiment=wae_gan"),
        ("wae_gan", "mmd_imq", "gan; others are for --experiment=wae_mmd"),
    ],
)
def test_a_divergence_of_the_other_experiment_is_refused(experiment, divergence, expected):
    with pytest.raises(SettingsError, match=f"--divergence={divergence}: expected {expected}"):
        tiny.settings(experiment, divergence=divergence)
