"""A categorical code with or without an adversary on it: what the adversary does to the softmax."""

from __future__ import annotations

from aae_tf.methods.categorical import CategoricalAutoencoder


class DiscreteAutoencoder(CategoricalAutoencoder):
    """A categorical AAE that is looked at for how sharp q(y|x) is and how evenly y is used.

    Without the adversary (`--noadversarial_label`) nothing asks q(y|x) to be one-hot, and the
    autoencoder uses the softmax as a continuous code.
    """

    measures = ("reconstruction", "latent_match", "categories", "clustering")
    figures = ("reconstructions", "clusters", "codes", "interpolations")
