"""Models that learn from examples alone."""

from __future__ import annotations

from aae_tf.models.base import Model


class AAE(Model):
    """The adversarial autoencoder (AAE, sections 1 and 2): an adversary matches codes to a prior.

    Args:
      experiment: 'gaussian' (the default), 'mixture', 'swiss_roll', 'uniform', 'sphere' or
        'likelihood': whose settings to start from.
      **settings: see `Model`.
    """

    experiments = ("gaussian", "mixture", "swiss_roll", "uniform", "sphere", "likelihood")


class RAE(Model):
    """The regularised autoencoder (Ghosh et al., 2020): no prior in training, a mixture after it.

    Args:
      **settings: see `Model`; `sampler` says what samples are drawn from.
    """

    experiments = ("rae",)


class VAE(Model):
    """The variational auto-encoder in the AAE's networks (Kingma & Welling, 2014).

    Args:
      experiment: 'vae_gaussian' (the default) or 'vae_mixture'.
      **settings: see `Model`.
    """

    experiments = ("vae_gaussian", "vae_mixture")


class WAE(Model):
    """The Wasserstein auto-encoder (WAE, section 3): a divergence matches codes to a prior.

    Args:
      experiment: 'wae_mmd' (the default; any divergence of two samples) or 'wae_gan'.
      **settings: see `Model`; `divergence` and `cost` may be functions.
    """

    experiments = ("wae_mmd", "wae_gan")
