"""Wasserstein auto-encoders (WAE, section 4), VAEs in the AAE's networks, and the RAE."""

from __future__ import annotations

import dataclasses

from aae_tf.experiments.experiment import Experiment, ReportedResult, phase, recipes_of
from aae_tf.settings import (
    EvaluationSettings,
    NetworkSettings,
    PriorSettings,
    RegularisedSettings,
    Settings,
    TrainingSettings,
    VariationalSettings,
    WassersteinSettings,
)

# Halved after 30 epochs, and a fifth of that after 50 (supplement; the authors' code).
DROPS = "30:0.5,50:0.1,100:0.01"


def _wasserstein(
    name: str, reproduces: str, divergence: str, fid: float, **practical
) -> Experiment:
    paper = Settings(
        experiment=name,
        recipe="paper",
        training=TrainingSettings(epochs=100, input_noise=0.01, input_noise_kind="truncated"),
        prior=PriorSettings(prior="gaussian", latent_dim=8),
        networks=NetworkSettings(
            network="conv", initializer="normal:0.01", discriminator_units=(512, 512, 512, 512)
        ),
        wasserstein=WassersteinSettings(divergence=divergence, pretraining_steps=200),
        phases=_phases(divergence, DROPS),
    )
    # The authors' code weighs the cost less and, by summing seven kernels, the MMD more; ours are
    # averaged, hence the factor of seven.
    multiscale = divergence == "mmd_imq"
    official = WassersteinSettings(
        divergence="mmd_multiscale" if multiscale else divergence,
        cost_scale=0.05,
        penalty_weight=70.0 if multiscale else 10.0,
        pretraining_steps=200,
    )
    recipes = recipes_of(
        name,
        paper,
        training=TrainingSettings(epochs=20, **practical.pop("training", {})),
        networks=NetworkSettings(),
        wasserstein=WassersteinSettings(divergence=divergence, **practical),
        phases=_phases(divergence, "cosine"),
    )
    # TensorFlow 1's Adam, in which the authors' code trains, has an epsilon of 1e-8.
    phases = tuple(dataclasses.replace(phase, epsilon=1e-8) for phase in paper.phases)
    recipes["official"] = dataclasses.replace(
        paper, recipe="official", wasserstein=official, phases=phases
    )
    return Experiment(
        name=name,
        reproduces=reproduces,
        data="MNIST",
        expected_time="3 to 9 min",
        method="wae",
        recipes=recipes,
        paper=(
            ReportedResult(
                "test/fid",
                fid,
                "WAE, table 1",
                None,
                {
                    "dataset": "celeb_a",
                    "latent_dim": 64,
                    "prior": "gaussian",
                    "divergence": (divergence, official.divergence),
                    "cost": "l2_squared",
                },
            ),
        ),
        pictures=("samples", "reconstructions"),
    )


def _phases(divergence: str, schedule: str):
    wasserstein = phase("wasserstein", "adam", 1e-3, 0.5, schedule)
    if divergence != "gan":
        return (wasserstein,)
    return (wasserstein, phase("discriminator", "adam", 5e-4, 0.5, schedule))


WASSERSTEIN = (
    _wasserstein(
        "wae_mmd",
        "WAE, figure 2: WAE-MMD, or any other divergence that is a function of two samples",
        "mmd_imq",
        fid=55.0,
        penalty_weight=100.0,
    ),
    _wasserstein(
        "wae_gan",
        "WAE, figure 2: WAE-GAN",
        "gan",
        fid=42.0,
        training={"discriminator_noise": 0.3},
    ),
)


def _variational(name: str, reproduces: str, prior: PriorSettings) -> Experiment:
    # The paper says that the VAE has the AAE's networks, and nothing of its cost: this is the
    # AAE's, which is that of a Gaussian of variance 1, and the AAE's rates for the reconstruction.
    paper = Settings(
        experiment=name,
        recipe="paper",
        prior=prior,
        networks=NetworkSettings(initializer="normal:0.01", encoder="gaussian"),
        variational=VariationalSettings(likelihood="gaussian"),
        phases=(phase("elbo", "sgd", 0.01, 0.9, "50:0.1,1000:0.01"),),
    )
    return Experiment(
        name=name,
        reproduces=reproduces,
        data="MNIST",
        expected_time="3 to 9 min",
        method="vae",
        recipes=recipes_of(
            name,
            paper,
            networks=NetworkSettings(encoder="gaussian"),
            variational=VariationalSettings(),
            phases=(phase("elbo", "adam", 1e-3, 0.9, "cosine"),),
        ),
        paper=(
            ReportedResult(
                "test/fid",
                63.0,
                "WAE, table 1",
                None,
                {"dataset": "celeb_a", "latent_dim": 64, "prior": "gaussian"},
            ),
        ),
    )


VARIATIONAL = (
    _variational(
        "vae_gaussian",
        "AAE, figure 2c: a VAE with a 2-D Gaussian prior",
        PriorSettings(prior="gaussian"),
    ),
    _variational(
        "vae_mixture",
        "AAE, figure 2d: a VAE with a ring of ten Gaussians",
        PriorSettings(prior="mixture"),
    ),
)


def _regularised() -> Experiment:
    # Networks and rate of the authors' code for MNIST, and its weights, by a factor of the 32 x 32
    # pixels over which it averages errors, and 2 / 16 more for the code, whose squares it averages
    # over 16 dimensions. It halves the rate where the validation loss stops falling.
    paper = Settings(
        experiment="rae",
        recipe="paper",
        training=TrainingSettings(epochs=100),
        prior=PriorSettings(prior="gaussian", latent_dim=16),
        networks=NetworkSettings(network="conv", initializer="glorot_uniform"),
        regularised=RegularisedSettings(
            latent_weight=0.0128, decoder_penalty="l2", decoder_penalty_weight=1e-4
        ),
        phases=(phase("reconstruction", "adam", 5e-4, 0.9, "constant"),),
        evaluation=EvaluationSettings(sampler="gmm"),
    )
    return Experiment(
        name="rae",
        reproduces="RAE: a regularised autoencoder, sampled by a mixture fitted to its codes",
        data="MNIST",
        expected_time="3 to 9 min",
        method="rae",
        recipes=recipes_of(
            "rae",
            paper,
            training=TrainingSettings(epochs=20),
            networks=NetworkSettings(),
            regularised=RegularisedSettings(),
            phases=(phase("reconstruction", "adam", 1e-3, 0.9, "cosine"),),
        ),
        pictures=("samples", "reconstructions"),
    )


REGULARISED = (_regularised(),)
