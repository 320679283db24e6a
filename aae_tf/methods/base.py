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
from aae_tf.arrays import is_picture
from aae_tf.errors import SettingsError
from aae_tf.networks import (
    CategoricalEncoder,
    Decoder,
    Discriminator,
    Encoder,
    OwnDiscriminator,
    Standardizer,
    own,
)
from aae_tf.networks.layers import LayerFactory
from aae_tf.networks.trunks import Convolutions, DenseLayers, HiddenLayers, most_doublings
from aae_tf.objectives.reconstruction import half_squared_error
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
      image_shape: `(height, width, channels)`, or the shape of features.
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
    signatures: tuple[str, ...] = ("encode", "decode", "reconstruct", "score", "sample")
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
        self._generators = own.random_generators(networks.values())

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

    def scores(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """How usual images are, each `(batch,)`.

        'reconstruction_error': half the squared distance to the reconstruction, in units of
        `error_scale`. Where there are such: 'prior_log_density' of the code, in nats, and
        'discriminator_logit' of 'this is a sample of the prior' (AAE, section 2).
        """
        codes, rebuilt = self.encode(images), self.reconstruct(images)
        scale = self.error_scale
        scores = {"reconstruction_error": half_squared_error(images / scale, rebuilt / scale)}
        if distributions.has_density(self.prior, in_graph=True):
            scores["prior_log_density"] = tf.cast(self.prior.log_prob(codes), self.dtype)
        logits = self._discriminator_logits(codes)
        if logits is not None:
            scores["discriminator_logit"] = tf.cast(logits, self.dtype)
        return scores

    @property
    def error_scale(self) -> tf.Tensor | float:
        """The unit of reconstruction errors: each standardised feature's sd; 1 for images."""
        if self._standardizer is None or is_picture(self.image_shape):
            return 1.0
        return tf.cast(tf.convert_to_tensor(self._standardizer.deviation), self.dtype)

    def _discriminator_logits(self, codes: tf.Tensor) -> tf.Tensor | None:
        """Of codes `(batch, latent_dim)`; None without a discriminator of codes."""
        del codes
        return None

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
        passing = (Discriminator, OwnDiscriminator)
        return {n: net for n, net in self.networks.items() if not isinstance(net, passing)}

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
        return {
            "image_shape": self.image_shape,
            "latent_dim": self.latent_dim,
            "hidden": encoder_layers(nets, self.image_shape),
            "layers": self._encoder_layers,
            "kind": nets.encoder,
            "implicit_noise_dim": nets.encoder_noise_dim,
            "noise_sd": self._isotropic_noise,
            "batch_norm": nets.encoder_batch_norm,
        }

    @property
    def _isotropic_noise(self) -> float:
        """The sd of an isotropic encoder's code."""
        nets = self.settings.networks
        unit = distributions.typical_scale(self.prior) if nets.encoder == "isotropic" else 0.0
        return unit * nets.encoder_noise_sd

    @property
    def _encoder_layers(self) -> LayerFactory:
        chosen = self.settings.networks.encoder_initializer
        if chosen == "same":
            return self.layers
        return dataclasses.replace(self.layers, initializer=chosen)

    def _make_encoder(self, num_categories: int = 0, code_activation: str = "linear"):
        """The encoder; with categories one that also gives logits of them."""
        nets = self.settings.networks
        if nets.encoder_network:
            kind, noise_dim = nets.encoder, nets.encoder_noise_dim
            noise_dim = {"deterministic": 0, "implicit": noise_dim}.get(kind, self.latent_dim)
            return own.make_encoder(
                nets.encoder_network,
                self.layers,
                self.image_shape,
                self.latent_dim,
                num_categories,
                kind=kind,
                noise_dim=noise_dim,
                noise_sd=self._isotropic_noise,
            )
        if num_categories:
            return CategoricalEncoder(num_categories, **self._encoder_arguments())
        return Encoder(**self._encoder_arguments(), code_activation=code_activation)

    def _make_discriminator(self, dim: int, name: str = "discriminator"):
        nets = self.settings.networks
        if nets.discriminator_network:
            return own.make_discriminator(nets.discriminator_network, self.layers, dim, name)
        spectral = self.settings.training.critic_penalty == "spectral"
        layers = dataclasses.replace(self.layers, spectral=spectral)
        return Discriminator(dim, nets.discriminator_units, layers, name)

    def _make_decoder(self, input_dim: int):
        nets = self.settings.networks
        if nets.decoder_network:
            return own.make_decoder(nets.decoder_network, self.layers, input_dim, self.image_shape)
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
        scaled = self.settings.training.precision == "mixed_float16"
        optimizer = optimizers.build(chosen, variables, self.steps_per_epoch, epochs, scaled)
        if self._generators:
            loss = own.seeded_loss(loss, self._generators)
            common_draws = own.with_seed(common_draws)
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


def encoder_layers(settings: NetworkSettings, image_shape: tuple[int, ...]) -> HiddenLayers:
    """What the encoder has before its heads.

    Raises:
      SettingsError: if there are to be convolutions of what is no image.
    """
    if settings.network == "dense":
        return DenseLayers(settings.encoder_units)
    if not is_picture(image_shape):
        expected = f"dense for features of shape {image_shape}, or --encoder_network"
        raise SettingsError("network", settings.network, expected)
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
