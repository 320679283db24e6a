"""What evaluation, reporting and serving may ask of any method."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from aae_tf import priors
from aae_tf.networks.dense import DenseStyle
from aae_tf.settings import Settings
from aae_tf.training.phase import Phase


class Method(abc.ABC):
    """Networks, a prior and phases, made from settings; make it within a strategy's scope.

    Attributes:
      networks: by name, all built.
      prior: what codes are matched to.
      measures: names of the evaluations that it is subject to (see `evaluation`).
      figures: names of the figures that it has (see `reporting.figures`).
      signatures: names of what it serves (see `serving.export`).
    """

    measures: tuple[str, ...] = ("reconstruction", "latent_match")
    figures: tuple[str, ...] = ("reconstructions", "samples", "manifold", "codes")
    signatures: tuple[str, ...] = ("encode", "decode", "reconstruct", "sample")
    default_signature = "reconstruct"

    def __init__(self, settings: Settings, image_shape: tuple[int, int, int]):
        self.settings = settings
        self.image_shape = tuple(image_shape)
        self.latent_dim = settings.prior.latent_dim
        precision = settings.training.precision
        self.dtype = tf.float64 if precision == "float64" else tf.float32
        self.style = DenseStyle(
            settings.networks.activation,
            settings.networks.initializer,
            precision,
            settings.training.seed,
        )
        self.prior: Any = priors.build(settings.prior, self.dtype)
        self.networks: Mapping[str, keras.Model] = self.build_networks()

    @abc.abstractmethod
    def build_networks(self) -> Mapping[str, keras.Model]:
        """Makes the networks, by name."""

    @abc.abstractmethod
    def phases(self, steps_per_epoch: int) -> tuple[Phase, ...]:
        """Makes the phases with fresh optimizers, in the order in which a step runs them."""

    @abc.abstractmethod
    def encode(self, images: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Codes `(batch, latent_dim)` of images; with noise a draw of q(z|x), else its centre."""

    @abc.abstractmethod
    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """Images `(batch, height, width, channels)` of codes."""

    @property
    def encoder_noise_dim(self) -> int:
        """Size of the noise that `encode` takes; 0 for a deterministic encoder."""
        return 0
