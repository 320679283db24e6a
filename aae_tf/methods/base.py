"""What training, evaluation, figures and serving may ask of any method."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.networks import Decoder, Discriminator, Encoder, Standardizer
from aae_tf.networks.layers import LayerFactory
from aae_tf.networks.trunks import Convolutions, DenseLayers, HiddenLayers, most_doublings
from aae_tf.priors import distributions
from aae_tf.settings import NetworkSettings, PhaseSettings, Settings
from aae_tf.training import optimizers
from aae_tf.training.corruption import IMAGES, Corruption
from aae_tf.training.phase import Batch, Draws, Phase, no_common_draws
from aae_tf.training.trainer import Pretraining


class Method(abc.ABC):
    """Networks, a prior and phases, made from settings; make it within a strategy's scope.

    Args:
      settings: of the run.
      image_shape: `(height, width, channels)`.
      num_classes: of the data; 0 without labels.

    Attributes:
      networks: by name, all built.
      prior: what codes are matched to.
      fitted: what was fitted to codes after training, if anything, to draw from instead of it.
      num_categories: size of the category that the decoder takes beside the code; 0 for none.
      labels: which labels its phases take: 'none', those 'within' the minibatch, or those of a
        labelled minibatch 'beside' it.
      needs_labels: whether it can't be trained or scored without labels.
      metrics: names of the evaluations that it is subject to (see `evaluation`).
      final_metrics: of those that take long, for the end of a run.
      figures: names of the figures that it has (see `figures.figures`).
      signatures: names of what it serves (see `serving.signatures`).
    """

    fitted: Any = None
    num_categories = 0
    steps_per_epoch = 1  # until `phases` are made
    labels = "none"
    needs_labels = False
    metrics: tuple[str, ...] = ("reconstruction", "prior_match")
    final_metrics: tuple[str, ...] = ()
    figures: tuple[str, ...] = (
        "reconstructions",
        "samples",
        "manifold",
        "codes",
        "interpolations",
    )
    signatures: tuple[str, ...] = ("encode", "decode", "reconstruct", "sample")
    default_signature = "reconstruct"

    def __init__(self, settings: Settings, image_shape: tuple[int, int, int], num_classes: int = 0):
        self.settings = settings
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.latent_dim = settings.prior.latent_dim
        precision = settings.training.precision
        self.dtype = tf.float64 if precision == "float64" else tf.float32
        self.layers = LayerFactory(
            settings.networks.activation,
            settings.networks.initializer,
            precision,
            settings.training.seed,
        )
        self.prior: Any = distributions.build(settings.prior, self.dtype)
        self._corruption = Corruption(
            settings.training.input_noise,
            settings.training.input_dropout,
            settings.training.input_noise_kind,
            settings.training.hidden_noise,
            sum(settings.networks.encoder_units),
        )
        self._standardizer = None
        if settings.data.standardize:
            wide = "float64" if precision == "float64" else "float32"
            self._standardizer = Standardizer(self.image_shape, wide)
        networks = dict(self.build_networks())
        if self._standardizer is not None:
            networks["standardizer"] = self._standardizer
        self.networks: Mapping[str, keras.Model] = networks

    @abc.abstractmethod
    def build_networks(self) -> Mapping[str, keras.Model]:
        """Makes the networks, by name."""

    @abc.abstractmethod
    def build_phases(self) -> Iterable[Phase]:
        """Makes the phases, in the order in which a step runs them (see `_phase`)."""

    def phases(self, steps_per_epoch: int) -> tuple[Phase, ...]:
        """The phases with fresh optimizers, whose schedules count such epochs."""
        self.steps_per_epoch = steps_per_epoch
        return tuple(self.build_phases())

    def pretraining(self) -> Pretraining | None:
        """What comes before the phases, if anything."""
        return None

    @abc.abstractmethod
    def encode(self, images: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Codes `(batch, latent_dim)` of images; with noise a draw of q(z|x), else its centre."""

    @abc.abstractmethod
    def decode(self, codes: tf.Tensor, categories: tf.Tensor | None = None) -> tf.Tensor:
        """Images `(batch, height, width, channels)` of codes and, if it has them, categories."""

    def reconstruct(self, images: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Images decoded from images' codes; labels `(batch,)` where the decoder needs them."""
        del labels
        return self.decode(self.encode(images))

    def sample(self, seed: seeds.Seed, count: tf.Tensor | int) -> dict[str, tf.Tensor]:
        """What `draw` draws and 'images', decoded from it, by name."""
        drawn = self.draw(seed, count)
        return {**drawn, "images": self.decode_drawn(**drawn)}

    @property
    def sampler(self) -> Any:
        """What samples are drawn from: what was fitted, or else the prior."""
        return self.prior if self.fitted is None else self.fitted

    def draw(
        self, seed: seeds.Seed, count: tf.Tensor | int, sampler: Any = None
    ) -> dict[str, tf.Tensor]:
        """'codes' of the sampler, its own or another one.

        Where the decoder takes a category, also 'labels', by `draw_labels`.
        """
        sampler = self.sampler if sampler is None else sampler
        code_seed = seeds.fold(seed, "codes") if self.num_categories else seed
        drawn = tf.reshape(sampler.sample(count, seed=code_seed), [count, self.latent_dim])
        codes = tf.cast(drawn, self.dtype)
        if not self.num_categories:
            return {"codes": codes}
        return {"codes": codes, "labels": self.draw_labels(seeds.fold(seed, "labels"), count)}

    def draw_labels(self, seed: seeds.Seed, count: tf.Tensor | int) -> tf.Tensor:
        """Categories `(count,)`, each as probable as another."""
        labels = tf.random.stateless_uniform(
            [count], seed, maxval=self.num_categories, dtype=tf.int32
        )
        return tf.cast(labels, tf.int64)

    def decode_drawn(self, codes: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Images of what `draw` has drawn."""
        if labels is None:
            return self.decode(codes)
        return self.decode(codes, tf.one_hot(labels, self.num_categories, dtype=self.dtype))

    @property
    def lasting_networks(self) -> dict[str, keras.Model]:
        """The networks that are used after training too: all but the discriminators."""
        return {n: net for n, net in self.networks.items() if not isinstance(net, Discriminator)}

    @property
    def encoder_noise_dim(self) -> int:
        """Size of the noise that `encode` takes; 0 for a deterministic encoder."""
        return 0

    def adapt(self, images: np.ndarray) -> None:
        """Takes what has to be known of the training images before training: their moments."""
        if self._standardizer is not None:
            self._standardizer.adapt(images)

    def prepare(self, batch: Batch, seed: seeds.Seed) -> Batch:
        """A step's batch as its phases want it; `seed` is the step's.

        'images' (and 'labelled_images') are standardised if that is set, and are what to
        reconstruct; 'inputs' (and 'labelled_inputs') are what the encoder sees of them, and
        'hidden_noise' (and 'labelled_hidden_noise') what is added to its hidden layers, if any.
        """
        seen = {
            name: self._scaled(value) if name in IMAGES else value for name, value in batch.items()
        }
        return self._corruption(seen, seed)

    def take_in(self, images: tf.Tensor) -> None:
        """Passes clean images through the encoder as in training: for its moving moments."""
        self.encoder(self._scaled(tf.cast(images, self.dtype)), training=True)

    def _scaled(self, images):
        return images if self._standardizer is None else self._standardizer(images)

    def _intensities(self, decoded):
        """Decoded images as they are shown, in 0..1 up to a linear output's overshoot."""
        decoded = tf.cast(decoded, self.dtype)
        return decoded if self._standardizer is None else self._standardizer.inverse(decoded)

    def _encoder_arguments(self) -> dict[str, Any]:
        nets = self.settings.networks
        unit = distributions.typical_scale(self.prior) if nets.encoder == "isotropic" else 0.0
        return {
            "image_shape": self.image_shape,
            "latent_dim": self.latent_dim,
            "hidden": encoder_layers(nets),
            "layers": self._encoder_layers,
            "kind": nets.encoder,
            "implicit_noise_dim": nets.encoder_noise_dim,
            "noise_sd": unit * nets.encoder_noise_sd,
            "batch_norm": nets.encoder_batch_norm,
        }

    @property
    def _encoder_layers(self) -> LayerFactory:
        chosen = self.settings.networks.encoder_initializer
        if chosen == "same":
            return self.layers
        return dataclasses.replace(self.layers, initializer=chosen)

    def _make_decoder(self, input_dim: int) -> Decoder:
        nets = self.settings.networks
        return Decoder(
            self.image_shape,
            input_dim,
            decoder_layers(nets, self.image_shape),
            self.layers,
            nets.output_activation,
            nets.decoder_batch_norm,
        )

    def _noise_for(self, prior: Any) -> float:
        """The sd of the noise on a discriminator's input, in units of the code."""
        share = self.settings.training.discriminator_noise
        return share * distributions.typical_scale(prior) if share else 0.0

    def _phase(
        self,
        name: str,
        loss,
        draws,
        *updates: keras.Model,
        common_draws=no_common_draws,
        settings: PhaseSettings | None = None,
        begins: Mapping[str, int] | None = None,
    ) -> Phase:
        """A phase with the optimizer of the settings that have its name, or of the given ones.

        Args:
          name, loss, draws, common_draws, begins: as of `Phase`.
          *updates: the networks that it moves.
          settings: of its optimizer.
        """
        variables = [v for network in updates for v in network.trainable_variables]
        epochs, chosen = self.settings.training.epochs, settings or self.settings.phase(name)
        optimizer = optimizers.build(chosen, variables, self.steps_per_epoch, epochs)
        return Phase(name, updates, optimizer, loss, draws, common_draws, begins or {})

    def _encode_in_training(self, inputs, draws: Draws, hidden_noise):
        """What the encoder gives of what it is to see, with a phase's draws."""
        noise = draws.get("encoder")
        return self.encoder(inputs, noise, training=True, hidden_noise=hidden_noise)

    def _encoder_draws(self, seed: seeds.Seed, batch_size: int) -> dict[str, tf.Tensor]:
        """The noise that a random encoder takes."""
        if not self.encoder_noise_dim:
            return {}
        shape, folded = [batch_size, self.encoder_noise_dim], seeds.fold(seed, "encoder")
        return {"encoder": tf.random.stateless_normal(shape, folded, dtype=self.dtype)}

    def _beside_encoder(self, draws):
        """The draws of a phase, `(seed, batch size)` to tensors, and the encoder's noise."""
        return lambda seed, size: self._encoder_draws(seed, size) | draws(seed, size)


class Autoencoder(Method):
    """An encoder q(z|x) and a decoder p(x|z), without anything that trains them."""

    def build_networks(self):
        is_categorical = self.settings.prior.prior == "categorical"
        self.encoder = Encoder(
            **self._encoder_arguments(), code_activation="softmax" if is_categorical else "linear"
        )
        self.decoder = self._make_decoder(self.latent_dim + self.num_categories)
        return {"encoder": self.encoder, "decoder": self.decoder}

    def encode(self, images, noise=None):
        return tf.cast(self.encoder(self._scaled(images), noise), self.dtype)

    def decode(self, codes, categories=None):
        return self._intensities(self.decoder(self._decoder_input(codes, categories)))

    @property
    def encoder_noise_dim(self) -> int:
        return self.encoder.noise_dim

    def _decoder_input(self, codes, categories):
        del categories
        return codes

    def _codes(self, batch: Batch, draws: Draws):
        codes = self._encode_in_training(batch["inputs"], draws, batch.get("hidden_noise"))
        return tf.cast(codes, self.dtype)


def encoder_layers(settings: NetworkSettings) -> HiddenLayers:
    """What the encoder has before its heads."""
    if settings.network == "dense":
        return DenseLayers(settings.encoder_units)
    return _convolutions(settings, settings.encoder_filters)


def decoder_layers(settings: NetworkSettings, image_shape: tuple[int, int, int]) -> HiddenLayers:
    """What the decoder has behind the code.

    Raises:
      SettingsError: if it would double one pixel beyond the image.
    """
    if settings.network == "dense":
        return DenseLayers(settings.decoder_units)
    filters, most = settings.decoder_filters, most_doublings(image_shape)
    if len(filters) - 1 > most:
        height, width, _ = image_shape
        raise SettingsError(
            "decoder_filters",
            ",".join(map(str, filters)),
            f"at most {most + 1} numbers for images of {height} x {width}, since each after the "
            "first doubles height and width",
        )
    return _convolutions(settings, filters)


def _convolutions(settings: NetworkSettings, filters: tuple[int, ...]) -> Convolutions:
    return Convolutions(filters, settings.filter_size, settings.conv_batch_norm)
