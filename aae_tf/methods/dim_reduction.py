"""Dimensionality reduction with the AAE (AAE, section 7, figure 10)."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from aae_tf.methods.categorical import CategoricalAutoencoder
from aae_tf.methods.semi_supervised import SemiSupervisedAutoencoder
from aae_tf.networks import ClusterHeads
from aae_tf.objectives.categorical import head_repulsion
from aae_tf.training.phase import Batch, Draws, PhaseLoss

CIRCLE_RADIUS = 5.0  # of the heads' places when more dimensions than two are shown on a plane


class DimReductionAutoencoder(SemiSupervisedAutoencoder):
    """A categorical AAE whose decoder sees W_C^T y + z, a point of the space to reduce to.

    The rows of W_C, the cluster heads, are learned and kept apart. With labels the categories are
    the classes; without (`--num_labels=0`) they are clusters.
    """

    figures = ("reconstructions", "embedding", "style_grid", "codes", "interpolations", "confusion")
    signatures = ("encode", "embed", "classify", "generate", "reconstruct", "score", "sample")
    default_signature = "embed"

    def __init__(self, settings, image_shape, num_classes=0):
        if settings.labels.count == 0:
            self.labels = "none"
            self.metrics = CategoricalAutoencoder.metrics
        super().__init__(settings, image_shape, num_classes)

    def categories_of_settings(self) -> int:
        if self.labels == "none":
            return self.settings.clusters.num_clusters
        return self.num_classes

    def build_networks(self):
        networks = super().build_networks()
        self.heads = ClusterHeads(
            self.num_categories,
            self.latent_dim,
            self.settings.heads.head_spread,
            self.settings.training.seed,
            self.layers.output_dtype,
        )
        return {**networks, "cluster_heads": self.heads}

    @property
    def representation_dim(self) -> int:
        return self.latent_dim

    def represent(self, codes, categories):
        return tf.cast(self.heads(categories), self.dtype) + codes

    def embed(self, images):
        """The reduced representation `(batch, latent_dim)` of images."""
        categories, codes = self.encode_both(images)
        return self.represent(codes, categories)

    def project(self, embeddings):
        """Representations on a plane, where the heads stand evenly on a circle, `(batch, 2)`.

        The linear map that brings the heads there, by least squares (AAE, figure 11d).
        """
        heads = tf.cast(tf.convert_to_tensor(self.heads.heads), self.dtype)
        angles = 2 * math.pi * np.arange(self.num_categories) / self.num_categories
        circle = CIRCLE_RADIUS * np.stack([np.cos(angles), np.sin(angles)], -1)
        matrix = tf.linalg.pinv(heads) @ tf.constant(circle, self.dtype)
        return tf.cast(embeddings, self.dtype) @ matrix

    def reconstructing_networks(self):
        return (self.encoder, self.decoder, self.heads)

    def _reconstruction(self, batch: Batch, draws: Draws) -> PhaseLoss:
        loss = super()._reconstruction(batch, draws)
        settings = self.settings.heads
        heads = tf.cast(tf.convert_to_tensor(self.heads.heads), self.dtype)
        cost = settings.head_penalty * head_repulsion(heads, settings.head_distance)
        # The same for each example, so that its mean over the minibatch is the cost itself.
        each = tf.zeros_like(loss.per_example) + cost
        return PhaseLoss(loss.per_example + each, {**loss.metrics, "crowding": each})
