"""The catalogue, and the paper's recipe in numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import experiments, seeds
from aae_tf.errors import SettingsError
from aae_tf.methods import build
from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.settings import PHASES, override, parse_schedule

# Those whose labels come with the minibatch, and no phase of their own.
IN_BATCH = ("label_mixture", "label_swiss_roll")
OWN_PHASES = {
    "vae_gaussian": ("elbo",),
    "vae_mixture": ("elbo",),
    "wae_mmd": ("wasserstein",),
    "wae_gan": ("wasserstein", "discriminator"),
    "rae": ("reconstruction",),
}
ROOT = seeds.root(0)
NAMES = list(experiments.CATALOGUE)
ADVERSARIAL = [name for name in NAMES if name not in OWN_PHASES]


@pytest.mark.parametrize("name", NAMES)
def test_entry_agrees_with_itself(name):
    experiment = experiments.CATALOGUE[name]
    assert experiment.name == name
    assert {"paper", "practical"} <= set(experiment.recipes)
    assert experiment.default_recipe in experiment.recipes
    assert build.METHODS[experiment.method]
    for recipe, settings in experiment.recipes.items():
        assert (settings.experiment, settings.recipe) == (name, recipe)
        names = tuple(phase.name for phase in settings.phases)
        if name in OWN_PHASES:
            assert names == OWN_PHASES[name]
            continue
        assert names == (PHASES[:4] if settings.labels and name not in IN_BATCH else PHASES[:3])
    assert all((experiment.reproduces, experiment.data, experiment.expected_time))


def test_every_recipe_is_described_and_no_other_is():
    there = {recipe for each in experiments.CATALOGUE.values() for recipe in each.recipes}
    assert there == set(experiments.RECIPES)


def test_recipe_is_the_default_one_unless_named():
    experiment = experiments.find("gaussian")
    assert experiments.settings_of("gaussian") is experiment.recipes[experiment.default_recipe]
    assert experiments.settings_of("gaussian", "paper") is experiment.recipes["paper"]


def test_unknown_names_are_refused_with_the_choices():
    with pytest.raises(SettingsError, match="--experiment=gausian: expected one of gaussian, "):
        experiments.find("gausian")
    with pytest.raises(SettingsError, match="--recipe=best: expected one of paper, practical"):
        experiments.settings_of("gaussian", "best")


@pytest.mark.parametrize(
    "name, prior, latent_dim",
    [
        ("gaussian", "gaussian", 2),
        ("mixture", "mixture", 2),
        ("swiss_roll", "swiss_roll", 2),
        ("uniform", "uniform", 2),
        ("sphere", "sphere", 3),
    ],
)
def test_experiment_is_on_the_prior_that_it_is_called_by(name, prior, latent_dim):
    for settings in experiments.CATALOGUE[name].recipes.values():
        assert (settings.prior.prior, settings.prior.latent_dim) == (prior, latent_dim)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_paper_recipe_holds_the_papers_numbers(name):
    settings = experiments.settings_of(name, "paper")
    assert settings.training.batch_size == 100
    assert settings.training.discriminator_noise == 0
    nets = settings.networks
    units = (3000, 3000) if name == "clustering" else (1000, 1000)
    assert nets.encoder_units == nets.decoder_units == nets.discriminator_units == units
    assert (nets.activation, nets.output_activation) == ("relu", "sigmoid")
    assert nets.initializer == "normal:0.01"
    assert nets.encoder_batch_norm == (name == "clustering") and not nets.decoder_batch_norm
    expected = {
        "reconstruction": (0.01, 0.9),
        "discriminator": (0.1, 0.1),
        "generator": (0.1, 0.1),
        "classification": (0.1, 0.9),
    }
    drops = ((50, 0.1),) if name == "clustering" else ((50, 0.1), (1000, 0.01))
    for phase in settings.phases:
        assert phase.optimizer == "sgd"
        assert (phase.learning_rate, phase.momentum) == expected[phase.name]
        assert parse_schedule(phase.schedule) == drops


@pytest.mark.parametrize(
    "name, latent_dim, epochs, noise, dropout",
    [
        ("style", 15, 20, 0, 0),
        ("likelihood", 8, 20, 0, 0),
        ("semi_supervised", 10, 5000, 0.3, 0),
        ("clustering", 5, 1500, 0, 0.2),
        ("dim_reduction", 2, 5000, 0.3, 0),
    ],
)
def test_paper_recipe_has_the_sections_sizes_and_input_noise(
    name, latent_dim, epochs, noise, dropout
):
    settings = experiments.settings_of(name, "paper")
    training = settings.training
    assert (settings.prior.prior, settings.prior.latent_dim) == ("gaussian", latent_dim)
    found = (training.epochs, training.input_noise, training.input_dropout)
    assert found == (epochs, noise, dropout)


@pytest.mark.parametrize("name", ["wae_mmd", "wae_gan"])
def test_paper_recipe_of_the_wae_holds_its_papers_numbers(name):
    settings = experiments.settings_of(name, "paper")
    training, chosen = settings.training, settings.wasserstein
    assert (training.batch_size, training.epochs) == (100, 100)
    assert (training.input_noise, training.input_noise_kind) == (0.01, "truncated")
    assert (settings.prior.prior, settings.prior.latent_dim, settings.prior.prior_scale) == (
        "gaussian",
        8,
        1.0,
    )
    assert (chosen.cost, chosen.cost_scale, chosen.penalty_weight) == ("l2_squared", 1.0, 10.0)
    assert chosen.pretraining_steps == 200
    rates = {"wasserstein": 1e-3, "discriminator": 5e-4}
    for phase in settings.phases:
        assert (phase.optimizer, phase.momentum) == ("adam", 0.5)
        assert phase.learning_rate == rates[phase.name]
        assert parse_schedule(phase.schedule) == ((30, 0.5), (50, 0.1), (100, 0.01))
    networks = settings.networks
    assert networks.discriminator_units == (512,) * 4
    assert (networks.network, networks.filter_size) == ("conv", 4)
    assert networks.encoder_filters == (128, 256, 512, 1024)
    assert networks.decoder_filters == (1024, 512, 256)
    assert networks.initializer == "normal:0.01"


def test_official_recipe_weighs_the_penalty_as_the_authors_code_does():
    official = experiments.settings_of("wae_mmd", "official").wasserstein
    # 10 times the sum of seven kernels' MMD is 70 times that of their mean.
    assert (official.divergence, official.penalty_weight) == ("mmd_multiscale", 70.0)
    assert official.cost_scale == 0.05
    assert experiments.settings_of("wae_gan", "official").wasserstein.penalty_weight == 10.0


@pytest.mark.parametrize("name", ["wae_mmd", "wae_gan"])
def test_official_recipe_has_the_epsilon_of_the_authors_adam(name):
    recipes = {recipe: experiments.settings_of(name, recipe) for recipe in ("official", "paper")}
    assert {phase.epsilon for phase in recipes["official"].phases} == {1e-8}
    assert {phase.epsilon for phase in recipes["paper"].phases} == {1e-7}


def test_paper_recipe_of_the_rae_holds_what_its_authors_train_with():
    settings = experiments.settings_of("rae", "paper")
    assert (settings.training.batch_size, settings.training.epochs) == (100, 100)
    assert (settings.prior.prior, settings.prior.latent_dim) == ("gaussian", 16)
    assert settings.networks.encoder_filters == (128, 256, 512, 1024)
    (phase,) = settings.phases
    assert (phase.optimizer, phase.learning_rate) == ("adam", 5e-4)
    # Theirs, of means over 32 x 32 pixels and 16 dimensions, as weights of sums.
    assert settings.regularised.latent_weight == pytest.approx(1e-4 * 32**2 / 16 * 2)
    assert settings.regularised.decoder_penalty == "l2"
    assert settings.regularised.decoder_penalty_weight == pytest.approx(1e-7 * 32**2, rel=0.03)


def test_the_rae_is_sampled_by_ten_gaussians():
    experiment = experiments.find("rae")
    for settings in experiment.recipes.values():
        assert (settings.evaluation.sampler, settings.evaluation.sampler_components) == ("gmm", 10)


@pytest.mark.parametrize("name", ["semi_supervised", "dim_reduction", "likelihood"])
def test_averaged_recipe_is_longer_and_judged_by_averages_of_the_weights(name):
    averaged, practical = (experiments.settings_of(name, r) for r in ("averaged", "practical"))
    assert 0.99 < averaged.training.average_decay < 1
    assert practical.training.average_decay == 0
    assert averaged.training.epochs > practical.training.epochs


def test_averaged_semi_supervised_recipe_keeps_the_papers_rates_and_may_be_extended():
    averaged, paper = (
        experiments.settings_of("semi_supervised", recipe) for recipe in ("averaged", "paper")
    )
    kept = ("name", "optimizer", "learning_rate", "momentum")
    for phase, papers in zip(averaged.phases, paper.phases, strict=True):
        assert [getattr(phase, k) for k in kept] == [getattr(papers, k) for k in kept]
        assert phase.schedule == "constant"  # so that more epochs continue where fewer ended
    assert (averaged.labels, averaged.prior) == (paper.labels, paper.prior)
    assert averaged.networks.encoder_units == paper.networks.encoder_units


@pytest.mark.parametrize("name", ["vae_gaussian", "vae_mixture"])
def test_vae_has_the_aaes_networks_and_prior(name):
    aae = experiments.settings_of(name.removeprefix("vae_"))
    vae = experiments.settings_of(name)
    assert vae.prior == aae.prior
    assert vae.networks.encoder_units == aae.networks.encoder_units
    assert vae.networks.decoder_units == aae.networks.decoder_units
    assert vae.networks.encoder == "gaussian"


@pytest.mark.parametrize(
    "name, changes, value, deviation",
    [
        ("semi_supervised", {"num_labels": "100"}, 1.90, 0.10),
        ("semi_supervised", {"num_labels": "1000"}, 1.60, 0.08),
        ("semi_supervised", {"num_labels": "all"}, 0.85, 0.02),
        ("clustering", {"num_clusters": 16}, 9.55, 2.05),
        ("clustering", {"num_clusters": 30}, 4.10, 1.13),
        ("dim_reduction", {"num_labels": "0"}, 13.95, None),
        ("dim_reduction", {"num_labels": "100", "latent_dim": 10}, 3.90, None),
    ],
)
def test_a_run_stands_beside_its_own_row_of_the_paper(name, changes, value, deviation):
    settings = override(experiments.settings_of(name), changes)
    found = experiments.find(name).paper_figures(settings)["test/error_percent"]
    assert (found["value"], found.get("deviation")) == (value, deviation)


@pytest.mark.parametrize("recipe", ["paper", "practical"])
def test_likelihood_is_of_an_8_dimensional_code_on_a_gaussian_of_sd_5(recipe):
    settings = experiments.settings_of("likelihood", recipe)
    prior = settings.prior
    assert (prior.prior, prior.latent_dim, prior.prior_scale) == ("gaussian", 8, 5.0)
    assert settings.networks.encoder == "deterministic"
    assert settings.evaluation.likelihood_samples == (10_000,)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, {"10000": (340, 2)}),
        ({"likelihood_samples": "10000000"}, {"10000000": (427, None)}),
        ({"likelihood_samples": "10000,10000000"}, {"10000": (340, 2), "10000000": (427, None)}),
        ({"likelihood_samples": "0"}, {}),
        ({"likelihood_samples": "20000"}, {}),
        ({"latent_dim": 6}, {}),
        (
            {"dataset": "TFD_48x48.mat", "latent_dim": 15, "prior_scale": 10.0},
            {"10000": (2252, 16)},
        ),
        (
            {"dataset": "/a/place/TFD_48x48.npz", "latent_dim": 15, "prior_scale": 10.0},
            {"10000": (2252, 16)},
        ),
        ({"dataset": "faces.npz", "latent_dim": 15, "prior_scale": 10.0}, {}),
        ({"dataset": "mnist.npz"}, {}),
    ],
)
def test_log_likelihoods_stand_beside_those_of_table_1_by_as_many_samples(changes, expected):
    settings = override(experiments.settings_of("likelihood"), changes)
    found = experiments.find("likelihood").paper_figures(settings)
    assert {key: (row["value"], row.get("deviation")) for key, row in found.items()} == {
        f"test/log_likelihood_{count}": row for count, row in expected.items()
    }


def test_a_run_that_the_paper_has_not_has_no_figure_beside_it():
    for changes in ({"num_labels": "500"}, {"dataset": "fashion_mnist"}):
        settings = override(experiments.settings_of("semi_supervised"), changes)
        assert experiments.find("semi_supervised").paper_figures(settings) == {}


@pytest.fixture(scope="module")
def papers_method():
    settings = experiments.settings_of("gaussian", "paper")
    return AdversarialAutoencoder(override(settings, {"epochs": 2000}), (28, 28, 1))


def test_paper_recipe_starts_from_normal_weights_of_sd_one_hundredth(papers_method):
    for network in papers_method.networks.values():
        for variable in network.variables:
            value = variable.numpy()
            if variable.name == "bias":
                np.testing.assert_array_equal(value, 0)
                continue
            margin = 5 / np.sqrt(value.size)
            assert abs(value.mean()) < 0.01 * margin
            assert value.std() == pytest.approx(0.01, rel=margin)
            if value.size > 10_000:  # a truncated normal has kurtosis 2.4 or less
                assert np.mean(value**4) / np.mean(value**2) ** 2 == pytest.approx(3, rel=0.15)


def test_paper_recipe_trains_with_momentum_sgd(papers_method):
    for phase in papers_method.phases(steps_per_epoch=500):
        assert type(phase.optimizer) is keras.optimizers.SGD
        rate, momentum = (0.01, 0.9) if phase.name == "reconstruction" else (0.1, 0.1)
        assert phase.optimizer.momentum == momentum
        assert not phase.optimizer.nesterov
        rates = [float(phase.optimizer._learning_rate(epoch * 500 + 1)) for epoch in (0, 50, 1000)]
        np.testing.assert_allclose(rates, [rate, rate / 10, rate / 100], rtol=1e-6)


def test_paper_recipe_reconstructs_at_half_the_summed_squared_error(papers_method):
    images = tiny.images(3, side=28).astype(np.float32) / 255
    reconstruction = papers_method.phases(500)[0]
    loss = reconstruction.loss(
        papers_method.prepare({"images": tf.constant(images)}, ROOT), {}
    ).per_example
    rebuilt = papers_method.decode(papers_method.encode(images)).numpy()
    by_hand = [0.5 * sum(gap**2) for gap in (images - rebuilt).reshape(3, -1).astype(float)]
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


@pytest.mark.parametrize(
    "name, changes",
    [
        ("wae_mmd", {"divergence": "sinkhorn"}),
        ("wae_mmd", {"latent_dim": 8}),
        ("wae_mmd", {"cost": "l1"}),
        ("wae_gan", {"prior": "uniform"}),
        ("vae_gaussian", {"latent_dim": 2}),
        ("dim_reduction", {"num_labels": "0", "num_clusters": 10}),
        ("clustering", {"num_clusters": 30, "adversarial_label": False}),
        ("semi_supervised", {"num_labels": "100", "adversarial_label": False}),
        ("likelihood", {"prior": "uniform"}),
    ],
)
def test_what_differs_from_the_papers_row_has_no_figure_of_it_beside_it(name, changes):
    celeb = {"dataset": "celeb_a", "latent_dim": 64}
    row = celeb if name.startswith(("wae", "vae")) else {}
    experiment = experiments.find(name)
    usual = override(experiments.settings_of(name), {**row})
    if name not in ("dim_reduction", "clustering", "semi_supervised"):
        assert experiment.paper_figures(usual)
    assert experiment.paper_figures(override(usual, changes)) == {}
