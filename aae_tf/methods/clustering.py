"""Unsupervised clustering with the AAE (AAE, section 6)."""

from __future__ import annotations

from aae_tf.methods.categorical import CategoricalAutoencoder


class ClusteringAutoencoder(CategoricalAutoencoder):
    """The semi-supervised network without the classification phase: categories become clusters."""

    measures = ("reconstruction", "latent_match", "categories", "clustering")
    figures = ("reconstructions", "clusters", "codes", "interpolations")
