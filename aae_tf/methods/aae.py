"""The adversarial autoencoder (AAE, sections 1 and 2, figure 1)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf import seeds
from aae_tf.methods.adversary import Adversary
from aae_tf.methods.base import Method
from aae_tf.networks import Discriminator, Encoder
from aae_tf.objectives.reconstruction import half_squared_error
from aae_tf.training.phase import Batch, Draws, Phase, PhaseLoss


class AdversarialAutoencoder(Method):
    """An autoencoder whose aggregated posterior q(z) is matched to a prior by an adversary.

    On each minibatch the reconstruction phase moves encoder and decoder; then, in the
    regularisation phase, the discriminator learns to tell the prior's samples from codes and the
    generator, which is the encoder, to fool it.
    """

    def build_networks(self):
        is_categorical = self.settings.prior.prior == "categorical"
        self.encoder = Encoder(
            **self._encoder_arguments(), code_activation="softmax" if is_categorical else "linear"
        )
        self.decoder = self._make_decoder(self.latent_dim + self.num_categories)
        self.discriminator = Discriminator(
            self.latent_dim + self.condition_dim,
            self.settings.networks.discriminator_units,
            self.style,
        )
        return {
            "encoder": self.encoder,
            "decoder": self.decoder,
            "discriminator": self.discriminator,
        }

    @property
    def condition_dim(self) -> int:
        """Size of what the discriminator sees beside a code."""
        return 0

    def phases(self, steps_per_epoch: int) -> tuple[Phase, ...]:
        noise = self._noise_for(self.prior)
        self.adversary = Adversary(
            self.discriminator, self._sample_prior, self.latent_dim, noise, self.dtype
        )
        return (
            self._phase("reconstruction", (self.encoder, self.decoder),
                        self._reconstruction, self._encoder_draws, steps_per_epoch),
            self._phase("discriminator", (self.discriminator,),
                        self._discriminator, self._discriminator_draws, steps_per_epoch),
            self._phase("generator", (self.encoder,),
                        self._generator, self._generator_draws, steps_per_epoch),
        )  # fmt: skip

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

    def _categories(self, batch: Batch):
        """What the decoder sees beside the codes of a minibatch."""
        del batch
        return None

    def _condition(self, batch: Batch):
        """What the discriminator sees beside the codes of a minibatch."""
        del batch
        return None

    def _positives(self, batch: Batch, draws: Draws):
        """The prior's samples that stand against the codes of a minibatch."""
        del batch
        return draws["prior"]

    def _sample_prior(self, count, seed):
        return self.prior.sample(count, seed=seed)

    def _codes(self, batch: Batch, draws: Draws):
        codes = self.encoder(batch["inputs"], draws.get("encoder"), training=True)
        return tf.cast(codes, self.dtype)

    def _reconstruction(self, batch: Batch, draws: Draws) -> PhaseLoss:
        seen = self._decoder_input(self._codes(batch, draws), self._categories(batch))
        rebuilt = tf.cast(self.decoder(seen, training=True), self.dtype)
        return PhaseLoss(half_squared_error(batch["images"], rebuilt), {})

    def _discriminator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes, positives = self._codes(batch, draws), self._positives(batch, draws)
        verdict = self.adversary.discriminate(positives, codes, draws, self._condition(batch))
        return PhaseLoss(verdict.loss, verdict.metrics)

    def _generator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes = self._codes(batch, draws)
        return PhaseLoss(self.adversary.fool(codes, draws, self._condition(batch)), {})

    def _discriminator_draws(self, seed: seeds.Seed, batch_size: int) -> Draws:
        drawn = self.adversary.discriminator_draws(seed, batch_size)
        return self._encoder_draws(seed, batch_size) | drawn

    def _generator_draws(self, seed: seeds.Seed, batch_size: int) -> Draws:
        drawn = self.adversary.generator_draws(seed, batch_size)
        return self._encoder_draws(seed, batch_size) | drawn
