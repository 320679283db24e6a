"""The adversarial autoencoder (AAE, sections 1 and 2, figure 1)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf.methods.adversary import Adversary
from aae_tf.methods.autoencoder import Autoencoder
from aae_tf.objectives.reconstruction import half_squared_error
from aae_tf.training.phase import Batch, Draws, PhaseLoss


class AdversarialAutoencoder(Autoencoder):
    """An autoencoder whose aggregated posterior q(z) is matched to a prior by an adversary.

    On each minibatch the reconstruction phase moves encoder and decoder; then, in the
    regularisation phase, the discriminator learns to tell the prior's samples from codes and the
    generator, which is the encoder, to fool it.
    """

    def build_networks(self):
        networks = super().build_networks()
        self.discriminator = self._make_discriminator(self.latent_dim + self.condition_dim)
        return {**networks, "discriminator": self.discriminator}

    def _discriminator_logits(self, codes):
        return self.discriminator(codes)

    @property
    def condition_dim(self) -> int:
        """Size of what the discriminator sees beside a code."""
        return 0

    def build_phases(self):
        self.adversary = Adversary(
            self.discriminator,
            self._sample_prior,
            self.latent_dim,
            self._noise_for(self.prior),
            self.settings.training,
            self.dtype,
        )
        yield self._phase(
            "reconstruction", self._reconstruction, self._encoder_draws, self.encoder, self.decoder
        )
        draws = self._beside_encoder(self.adversary.discriminator_draws)
        yield self._phase("discriminator", self._discriminator, draws, self.discriminator)
        draws = self._beside_encoder(self.adversary.generator_draws)
        yield self._phase("generator", self._generator, draws, self.encoder)

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

    def _reconstruction(self, batch: Batch, draws: Draws) -> PhaseLoss:
        seen = self._decoder_input(self._codes(batch, draws), self._categories(batch))
        rebuilt = tf.cast(self.decoder(seen, training=True), self.dtype)
        return PhaseLoss(half_squared_error(batch["images"], rebuilt), {})

    def _discriminator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes, positives = self._codes(batch, draws), self._positives(batch, draws)
        return self.adversary.discriminate(positives, codes, draws, self._condition(batch))

    def _generator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes = self._codes(batch, draws)
        return PhaseLoss(self.adversary.fool(codes, draws, self._condition(batch)), {})
