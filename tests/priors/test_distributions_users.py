"""A user's own prior, from package.module:function to samples inside compiled training."""

import textwrap

import numpy as np
import pytest
import tensorflow as tf

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.priors import distributions
from aae_tf.settings import PriorSettings

MODULE = """
    import numpy as np
    import tensorflow as tf
    import tensorflow_probability as tfp

    tfd = tfp.distributions
    A_NUMBER = 3

    def laplace(latent_dim):
        zeros = tf.zeros(latent_dim)
        return tfd.Independent(tfd.Laplace(zeros, zeros + 2), 1)

    class Own:
        def __init__(self, draw):
            self.draw = draw

        def sample(self, shape, seed):
            return self.draw(shape, seed)

    class OfTensorFlow:
        def __init__(self, latent_dim):
            self.latent_dim = latent_dim

        def sample(self, shape, seed):
            full = tf.concat([shape, [self.latent_dim]], 0)
            return tf.random.stateless_normal(full, seed) + 4

    def of_numpy(latent_dim):
        def draw(shape, seed):
            return np.random.default_rng(seed).normal(4, 1, [*shape, latent_dim])
        return Own(draw)

    def of_numpy_for_small_seeds(latent_dim):
        def draw(shape, seed):
            if max(seed) > 2**31:
                raise OverflowError("a seed that is too large")
            return np.random.default_rng(seed).normal(size=[*shape, latent_dim])
        return Own(draw)

    def of_the_seeds_text(latent_dim):
        def draw(shape, seed):
            number = sum(map(ord, str(seed)))  # a constant, once traced
            drawn = np.random.default_rng(number).normal(size=latent_dim).astype("float32")
            return tf.broadcast_to(drawn, tf.concat([shape, [latent_dim]], 0))
        return Own(draw)

    def careless(latent_dim):
        return Own(lambda shape, seed: np.random.normal(size=[*shape, latent_dim]))

    def constant(latent_dim):
        return Own(lambda shape, seed: np.ones([*shape, latent_dim]))

    def too_wide(latent_dim):
        return Own(lambda shape, seed: np.random.default_rng(seed).normal(size=[*shape, 7]))

    def flat(latent_dim):
        return Own(lambda shape, seed: np.random.default_rng(seed).normal(size=shape))

    def broken(latent_dim):
        def draw(shape, seed):
            raise KeyError("no such thing")
        return Own(draw)

    def without_sample(latent_dim):
        return object()

    def picky(latent_dim):
        if latent_dim != 4:
            raise ValueError("only in four dimensions")
        return of_numpy(latent_dim)

    def with_bad_density(latent_dim):
        prior = of_numpy(latent_dim)
        prior.log_prob = lambda codes: 1 / 0
        return prior
"""


@pytest.fixture(autouse=True)
def importable(tmp_path, monkeypatch):
    (tmp_path / "own_priors_of_a_test.py").write_text(textwrap.dedent(MODULE))
    (tmp_path / "broken_module_of_a_test.py").write_text("x = (\n")
    monkeypatch.syspath_prepend(tmp_path)


def _build(function, latent_dim=3, dtype=tf.float32, module="own_priors_of_a_test"):
    return distributions.build(
        PriorSettings(prior=f"{module}:{function}", latent_dim=latent_dim), dtype
    )


WORKING = ["laplace", "OfTensorFlow", "of_numpy", "of_the_seeds_text"]


@pytest.mark.parametrize("function", WORKING)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_samples_have_shape_precision_and_depend_on_the_seed_alone(function, dtype):
    prior = _build(function, dtype=dtype)
    first, again, other = (prior.sample(50, seed=seeds.root(n)) for n in (1, 1, 2))
    assert first.shape == (50, 3)
    assert first.dtype == dtype
    np.testing.assert_array_equal(first, again)
    assert (first.numpy() != other.numpy()).mean() > 0.9


@pytest.mark.parametrize("function", WORKING)
def test_samples_inside_a_graph_are_new_for_each_seed(function):
    prior = _build(function)
    draw = tf.function(lambda seed: prior.sample(20, seed=seed))
    first, other = draw(seeds.root(1)), draw(seeds.root(2))
    assert draw.experimental_get_tracing_count() == 1
    assert first.shape == draw.get_concrete_function(seeds.root(1)).output_shapes == (20, 3)
    assert (first.numpy() != other.numpy()).mean() > 0.9
    np.testing.assert_allclose(first, prior.sample(20, seed=seeds.root(1)), rtol=1e-6)


@pytest.mark.parametrize("function", WORKING)
def test_any_seed_of_a_run_will_do_and_is_another_one(function):
    prior = _build(function)
    draw = tf.function(lambda seed: prior.sample(20, seed=seed))
    found = [
        draw(tf.constant(seed, tf.int32)).numpy() for seed in ([-5, 7], [5, 7], [-(2**31), -1])
    ]
    assert all(np.isfinite(drawn).all() for drawn in found)
    assert (found[0] != found[1]).mean() > 0.9 and (found[0] != found[2]).mean() > 0.9


def test_a_prior_that_fails_at_some_seeds_is_refused_before_training():
    with pytest.raises(SettingsError, match=r"seed=\[1, 4294967294\]\) works; it raised"):
        _build("of_numpy_for_small_seeds")


def test_samples_are_the_users_own():
    drawn = _build("OfTensorFlow").sample(5000, seed=seeds.root(0)).numpy()
    by_hand = tf.random.stateless_normal([5000, 3], seeds.root(0)).numpy() + 4
    np.testing.assert_allclose(drawn, by_hand, rtol=1e-6)
    drawn = _build("of_numpy").sample(5000, seed=seeds.root(0)).numpy()
    by_hand = np.random.default_rng(seeds.root(0).numpy()).normal(4, 1, [5000, 3])
    np.testing.assert_allclose(drawn, by_hand, rtol=1e-6)


@pytest.mark.parametrize(
    "function, traceable",
    [("laplace", True), ("OfTensorFlow", True), ("of_numpy", False), ("of_the_seeds_text", False)],
)
def test_prior_knows_whether_it_can_become_part_of_a_graph(function, traceable):
    assert _build(function).traceable is traceable


@pytest.mark.parametrize(
    "function, expected",
    [
        ("careless", "the same samples for the same seed"),
        ("constant", "other samples for another seed"),
        ("too_wide", r"samples of shape \(5, 3\) .*; got \(5, 7\)"),
        ("flat", r"samples of shape \(5, 3\) .*; got \(5,\)"),
        ("broken", "an object whose sample.* works; it raised KeyError"),
        ("without_sample", "a function that returns an object with sample"),
        ("missing", "an importable function"),
    ],
)
def test_unfit_prior_is_refused(function, expected):
    with pytest.raises(SettingsError, match=f"--prior=own_.*:{function}: expected {expected}"):
        _build(function)


@pytest.mark.parametrize("function", ["picky", "A_NUMBER"])
def test_function_that_fails_is_refused(function):
    with pytest.raises(SettingsError, match=f"--prior=own_priors_of_a_test:{function}: expected"):
        _build(function)


@pytest.mark.parametrize("module", ["no_such_module_of_a_test", "broken_module_of_a_test"])
def test_module_that_cannot_be_imported_is_refused(module):
    with pytest.raises(SettingsError, match=f"--prior={module}:make: expected an importable"):
        _build("make", module=module)


def test_latent_size_reaches_the_function():
    assert _build("picky", latent_dim=4).sample(2, seed=seeds.root(0)).shape == (2, 4)


def test_density_is_the_users_own_if_there_is_one_that_works():
    prior = _build("laplace")
    assert distributions.has_density(prior)
    codes = np.array([[0.5, -1, 2]], np.float32)
    by_hand = -np.abs(codes).sum() / 2 - 3 * np.log(4)
    np.testing.assert_allclose(prior.log_prob(codes), [by_hand], rtol=1e-5)
    assert not distributions.has_density(_build("of_numpy"))
    assert not distributions.has_density(_build("with_bad_density"))


def test_typical_scale_is_measured_on_samples():
    assert distributions.typical_scale(_build("laplace")) == pytest.approx(2 * 2**0.5, rel=0.05)
