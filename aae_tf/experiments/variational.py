"""The VAE that both papers compare with (AAE, figure 2c and 2d; WAE, section 4)."""

from __future__ import annotations

from aae_tf.experiments.experiment import Experiment, ReportedResult, phase, recipes_of
from aae_tf.settings import (
    NetworkSettings,
    PriorSettings,
    Settings,
    VariationalSettings,
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
