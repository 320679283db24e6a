"""Networks of the user's own: every kind of q(z|x), what is stored, refused, frozen and drawn."""

import functools
import itertools
import random

import keras
import numpy as np
import own_networks
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.networks.own import OwnEncoder, OwnNetwork, seeded
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import digest, network_variables

LISTED = {
    "encoder_network": "own_networks:listed",
    "decoder_network": "own_networks:noisy_decoder",
    "discriminator_network": "own_networks:discriminator",
}
# The settings, by what they are of.
CASES = {
    "deterministic": LISTED,
    "isotropic": {
        "encoder": "isotropic",
        "encoder_network": "own_networks:plain",
        "encoder_noise_sd": 0.3,
        "prior_scale": 2.0,
    },
    "implicit": {
        "encoder": "implicit",
        "encoder_network": "own_networks:implicit",
        "encoder_noise_dim": 7,
    },
    "vae": {
        "experiment": "vae_gaussian",
        "encoder_network": "own_networks:listed_gaussian",
        "decoder_network": "own_networks:decoder",
    },
    "semi_supervised": {
        "experiment": "semi_supervised",
        "num_labels": "30",
        "latent_dim": 3,
        "encoder_network": "own_networks:listed_categorical",
        "discriminator_network": "own_networks:discriminator",
    },
    "label_mixture": {
        "experiment": "label_mixture",
        "prior_components": 3,
        "encoder_network": "own_networks:plain",
        "discriminator_network": "own_networks:flat_discriminator",
    },
}


@pytest.fixture(scope="module")
def made():
    """The method of a case."""
    return functools.cache(lambda name: tiny.method(**CASES[name]))


@pytest.fixture
def images():
    return tf.constant(tiny.split(5).intensities())


@pytest.mark.parametrize("name", CASES)
def test_every_weight_is_in_the_checkpoint_once(made, name):
    method = made(name)
    stored = [id(variable) for variable in network_variables(method.networks).values()]
    assert len(stored) == len(set(stored))
    own = [network for network in method.networks.values() if isinstance(network, OwnNetwork)]
    assert len(own) == sum(flag.endswith("_network") for flag in CASES[name]) + (
        name == "semi_supervised"  # which has two discriminators
    )
    for network in own:
        assert {id(weight.value) for weight in network.network.weights} <= set(stored)
    if isinstance(method.encoder.network, own_networks.Listed):
        # Two hidden layers, two normalisations and two layers within, and each head.
        of_heads = 2 * len(method.encoder.network.heads)
        assert len(method.encoder.weights) == 2 * 2 + 2 * 4 + 2 * 2 + of_heads
        assert len(method.encoder.trainable_variables) == 2 * 2 + 2 * 2 + 2 * 2 + of_heads


@pytest.mark.parametrize("name", CASES)
def test_codes_and_images_have_their_shapes(made, name, images):
    method = made(name)
    noise = tf.ones((5, method.encoder_noise_dim)) if method.encoder_noise_dim else None
    codes = method.encode(images, noise)
    assert codes.shape == (5, method.latent_dim) and codes.dtype == tf.float32
    assert (np.abs(codes - method.encode(images)).max() > 1e-3) == (noise is not None)
    categories = None
    if method.num_categories:
        categories = tf.one_hot([0, 1, 2, 0, 1], 3)
        np.testing.assert_allclose(tf.reduce_sum(method.classify(images), -1), 1, rtol=1e-5)
        assert method.classify(images).shape == (5, 3)
    assert method.decode(codes, categories).shape == (5, 8, 8, 1)
    assert method.encode(images[:0]).shape == (0, method.latent_dim)


def test_a_phase_moves_its_own_networks_and_no_others(rig):
    rig.reset()
    before = {name: network.get_weights() for name, network in rig.method.networks.items()}
    with tiny.eagerly():
        rig.only("reconstruction").train(0, 2, 1)
    for name, moved in (("encoder", True), ("decoder", True), ("discriminator", False)):
        after = rig.method.networks[name].get_weights()
        assert len(after) == 4
        for was, now in zip(before[name], after, strict=True):
            assert np.array_equal(was, now) != moved, name


def test_gaussian_code_is_mean_plus_sd_times_noise(made, images):
    method = made("vae")
    mean, log_variance = (tensor.numpy() for tensor in method.encoder.network(images))
    noise = np.random.default_rng(0).normal(size=mean.shape).astype(np.float32)
    expected = mean + np.exp(0.5 * log_variance) * noise
    np.testing.assert_allclose(method.encode(images, tf.constant(noise)), expected, rtol=1e-5)
    np.testing.assert_array_equal(method.encode(images), mean)
    for found, right in zip(method.encoder.moments(images), (mean, log_variance), strict=True):
        np.testing.assert_array_equal(found, right)


def test_log_variances_of_a_gaussian_are_clipped(images):
    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    inputs = keras.Input((8, 8, 1))
    code = network(inputs)
    encoder = OwnEncoder(keras.Model(inputs, [code, 0 * code + 200]), 2, "gaussian", 2, 0.0)
    drawn = encoder(images, tf.ones((5, 2))) - encoder(images)
    np.testing.assert_allclose(drawn, np.exp(25), rtol=1e-5)


def test_isotropic_code_has_noise_of_one_sd(made, images):
    method = made("isotropic")
    gap = method.encode(images, tf.ones((5, 2))) - method.encode(images)
    np.testing.assert_allclose(gap, 0.3 * 2.0, rtol=5e-3)  # the prior's sd is that of samples


def test_implicit_encoder_takes_images_and_noise(made, images):
    method, noise = made("implicit"), tf.random.stateless_normal((5, 7), [1, 2])
    expected = method.encoder.network([images, noise])
    np.testing.assert_array_equal(method.encode(images, noise), expected)
    expected = method.encoder.network([images, tf.zeros((5, 7))])
    np.testing.assert_array_equal(method.encode(images), expected)


def test_logits_are_those_of_the_images_that_a_decoder_gives(made):
    method, codes = made("vae"), tf.random.stateless_normal((5, 2), [1, 2])
    np.testing.assert_allclose(
        tf.sigmoid(method.decoder.linear(codes)), method.decode(codes), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["deterministic", "label_mixture"])
def test_discriminators_give_a_logit_or_a_column_of_them(made, name):
    method = made(name)
    codes = tf.zeros((5, method.latent_dim + method.condition_dim))
    assert method.discriminator(codes).shape == (5,)


def test_a_checkpoint_brings_back_every_weight_in_a_process_that_made_others(
    made, tmp_path, images
):
    first, second = made("deterministic"), tiny.method(**LISTED, seed=1)
    Checkpoints(tmp_path, network_variables(first.networks)).save()
    assert not np.array_equal(first.encode(images), second.encode(images))
    assert Checkpoints(tmp_path, network_variables(second.networks)).restore()
    np.testing.assert_array_equal(first.encode(images), second.encode(images))
    stored = [dict(network_variables(method.networks)) for method in (first, second)]
    assert list(stored[0]) == list(stored[1]) and digest(stored[0]) == digest(stored[1])


def test_frozen_layers_stay_as_they_were_and_the_others_learn():
    rig = tiny.rig(encoder_network="own_networks:backbone")
    network = rig.method.encoder.network
    frozen = network.get_layer(index=1)
    before, head = frozen.get_weights(), network.layers[-1].get_weights()
    assert len(before) == 6 and len(head) == 2
    with tiny.eagerly():
        rig.trainer.train(0, 3, 1)
    for was, now in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)
    for was, now in zip(head, network.layers[-1].get_weights(), strict=True):
        assert not np.array_equal(was, now)
    assert [len(phase.variables) for phase in rig.phases] == [2 + 4, 4, 2]


@pytest.mark.parametrize(
    ("flag", "name", "said"),
    [
        ("encoder", "of_another_size", r"\(batch, 2\); for a batch of 2 it gave \(2, 3\)"),
        ("encoder", "listed_gaussian", r"it gave \(2, 2\) and \(2, 2\)"),
        ("decoder", "of_another_size", r"\(batch, 8, 8, 1\); for a batch of 2 it gave \(2, 3\)"),
        ("discriminator", "of_another_size", r"of \(batch, 2\) to \(batch\); .* it gave \(2, 3\)"),
        ("discriminator", "probabilities", "logits, of any size; it gives 0 to 1, as after a sig"),
        ("encoder", "no_model", "it gave a list"),
        ("encoder", "failing", "it raised RuntimeError: no luck with 2"),
        ("encoder", "FailingCall", "for a batch of 2 it raised RuntimeError: .*out of luck"),
        ("encoder", "FailingTraining", "in a graph, in training, .* out of luck in training"),
        ("encoder", "OfOneBatchSize", "for a batch of 3 it raised InvalidArgumentError"),
        ("encoder", "OfKnownBatchSize", "for a batch of any size, it raised TypeError"),
        ("encoder", "RandomInUse", "it draws at random outside training too"),
        ("encoder", "MADE", "it is a model that is made already"),
        ("encoder", "ELSEWHERE", "a function; it is a int"),
        ("encoder", "missing", "an importable function .*has no attribute 'missing'"),
    ],
)
def test_what_is_no_such_network_is_refused_in_a_line_that_names_the_flag(flag, name, said):
    spec = f"own_networks:{name}"
    with pytest.raises(SettingsError, match=f"^--{flag}_network={spec}: expected .*{said}") as info:
        tiny.method(**{f"{flag}_network": spec})
    assert "\n" not in str(info.value) and "\x1b" not in str(info.value)


def test_what_was_refused_leaves_no_trace_on_later_networks():
    policy, state = keras.config.dtype_policy(), random.getstate()
    with pytest.raises(SettingsError):
        tiny.method(encoder_network="own_networks:failing", precision="mixed_bfloat16")
    assert keras.config.dtype_policy() == policy and random.getstate() == state


def test_arguments_go_by_name_and_a_class_is_handed_no_others():
    given = {}

    def anything(**settings):
        given.update(settings)
        return own_networks.listed(settings["shape"], settings["latent_dim"])

    own_networks.anything = anything
    try:
        tiny.method(encoder_network="own_networks:anything")
    finally:
        del own_networks.anything
    assert given == {"shape": (8, 8, 1), "latent_dim": 2, "num_categories": 0, "noise_dim": 0}
    tiny.method(encoder_network="own_networks:OfKeywords")


@pytest.mark.parametrize("precision", ["float32", "float64", "mixed_bfloat16", "mixed_float16"])
def test_layers_compute_in_the_runs_precision_unless_they_name_another(precision, images):
    method = tiny.method(precision=precision, encoder_network="own_networks:of_two_types")
    first, second = method.encoder.network.layers[-2:]
    assert first.dtype_policy.name == precision and second.dtype_policy.name == "float32"
    assert method.encode(images).dtype == method.dtype
    assert keras.config.dtype_policy().name == "float32"


# Draws.


def _loss(rig, phase, number):
    """The losses of a phase whose random layers draw by this seed."""
    batch, root = rig.first_batch(), seeds.root(number)
    draws = rig.phase(phase).draws(seeds.root(0), 10)
    with tiny.eagerly():
        common = rig.phase(phase).common_draws(root)
        return rig.phase(phase).loss(batch, {**draws, **common}).per_example.numpy()


@pytest.fixture(scope="module")
def rig():
    return tiny.rig(
        encoder_network="own_networks:dropping",
        decoder_network="own_networks:decoder",
        discriminator_network="own_networks:discriminator",
    )


@pytest.mark.parametrize("phase", ["reconstruction", "discriminator", "generator"])
def test_what_is_dropped_is_a_function_of_the_seed(rig, phase):
    first, again, other = (_loss(rig, phase, number) for number in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_layers_one_after_another_drop_differently():
    first, second = keras.layers.Dropout(0.5), keras.layers.Dropout(0.5)
    generators, ones = [first.seed_generator, second.seed_generator], tf.ones((4, 100))
    with seeded(generators, seeds.root(1)):
        masks = [layer(ones, training=True).numpy() for layer in (first, second, first)]
    for one, other in itertools.combinations(masks, 2):
        assert 0.3 < (one != other).mean() < 0.7


def test_every_step_has_draws_of_its_own_and_generators_keep_their_state(rig):
    before = [generator.state.numpy() for generator in rig.method._generators]
    assert len(before) == 2
    rig.reset()
    # Nothing learns, so that losses differ by what is dropped alone.
    for phase in rig.phases:
        phase.optimizer.learning_rate = 0.0
    note, batch = tiny.Notebook(), rig.feed.batch
    rig.feed.batch = lambda source, step: batch(source, tf.zeros_like(step))
    try:
        with tiny.eagerly():
            rig.trainer.train(0, 4, 2, [note])
    finally:
        rig.feed.batch = batch
    for key in ("reconstruction/loss", "discriminator/loss", "generator/loss"):
        assert len(set(note.curve(key))) == 4, key
    for generator, state in zip(rig.method._generators, before, strict=True):
        np.testing.assert_array_equal(generator.state, state)


def test_nothing_is_drawn_and_no_moment_moves_in_use(made, images):
    method = made("deterministic")
    before = digest(network_variables(method.networks))
    states = [generator.state.numpy() for generator in method._generators]
    for function in (method.encode, method.reconstruct):
        np.testing.assert_array_equal(function(images), function(images))
    first, second = method.scores(images), method.scores(images)
    for name, score in first.items():
        np.testing.assert_array_equal(score, second[name])
    assert digest(network_variables(method.networks)) == before
    for generator, state in zip(method._generators, states, strict=True):
        np.testing.assert_array_equal(generator.state, state)


def test_first_weights_are_a_function_of_the_runs_seed_alone(made):
    random.seed(7)
    state = random.getstate()
    first = network_variables(tiny.method(**LISTED, seed=3).networks)
    assert random.getstate() == state
    random.seed(8)
    keras.layers.Dense(3).build((None, 4))
    again = network_variables(tiny.method(**LISTED, seed=3).networks)
    assert digest(first) == digest(again)
    other = network_variables(made("deterministic").networks)
    kernels = [name for name, value in first.items() if value.shape.rank == 2]
    assert len(kernels) == 9
    for name in kernels:
        assert not np.array_equal(first[name], other[name]), name


def test_what_a_module_draws_when_it_is_imported_changes_no_weight(tmp_path, monkeypatch):
    text = """
import random
import keras
from own_networks import plain
DRAWN, LAYER = random.random(), keras.layers.Dense(3)
"""
    (tmp_path / "drawing_networks.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    networks = [
        tiny.method(encoder_network="drawing_networks:plain").networks["encoder"] for _ in range(2)
    ]
    for first, again in zip(*(network.get_weights() for network in networks), strict=True):
        np.testing.assert_array_equal(first, again)


def test_runs_without_such_networks_have_no_draws_for_layers():
    rig = tiny.rig()
    assert rig.method._generators == []
    assert all(phase.common_draws(seeds.root(0)) == {} for phase in rig.phases)
