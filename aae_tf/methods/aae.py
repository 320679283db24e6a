"""The adversarial autoencoder (AAE, sections 1 and 2, figure 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import tensorflow as tf

from aae_tf import seeds
from aae_tf.methods.base import Autoencoder
from aae_tf.networks import Discriminator
from aae_tf.objectives.adversarial import discriminator_loss, generator_loss
from aae_tf.objectives.reconstruction import half_squared_error
from aae_tf.training.phase import Batch, Draws, Phase, PhaseLoss


class Verdict(NamedTuple):
    """What a discriminator says of a minibatch: loss and metrics, each `(batch,)`."""

    loss: tf.Tensor
    metrics: Mapping[str, tf.Tensor]


class Adversary:
    """Makes codes look like the prior's samples (AAE, section 2).

    Args:
      network: the discriminator.
      sample: `(count, seed)` to samples of the prior with a leading axis of `count`.
      dim: size of a code.
      noise: sd of Gaussian noise on the codes and samples that the discriminator sees.
      dtype: of codes and losses.
      log_prior: the prior's log density; where given it is added to the logit of each point, so
        that the network need only learn the codes' (Mescheder et al., 2017; WAE, supplement).
    """

    def __init__(
        self,
        network: keras.Model,
        sample: Callable[[int, seeds.Seed], tf.Tensor],
        dim: int,
        noise: float,
        dtype,
        log_prior: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ):
        self.network, self._log_prior = network, log_prior
        self._sample, self._dim, self._noise, self._dtype = sample, dim, noise, dtype

    def discriminator_draws(self, seed: seeds.Seed, batch_size: int) -> dict[str, tf.Tensor]:
        """'prior': samples, and the noise on them and on the codes."""
        draws = self.generator_draws(seed, batch_size)
        drawn = self._sample(batch_size, seeds.fold(seed, "prior"))
        draws["prior"] = tf.cast(drawn, self._dtype)
        if self._noise:
            draws["prior_noise"] = self._normal(seed, "prior_noise", batch_size)
        return draws

    def generator_draws(self, seed: seeds.Seed, batch_size: int) -> dict[str, tf.Tensor]:
        """The noise on the codes, if any."""
        if not self._noise:
            return {}
        return {"code_noise": self._normal(seed, "code_noise", batch_size)}

    def discriminate(self, positives, codes, draws, condition=None) -> Verdict:
        """The discriminator's loss.

        Args:
          positives: samples of the prior `(batch, dim)`.
          codes: `(batch, dim)`.
          draws: of `discriminator_draws`.
          condition: `(batch, size)`, what the discriminator sees beside either.
        """
        # One pass over both halves: a product of twice the rows is faster than two products.
        both = tf.concat([positives, codes], axis=0)
        noise = [draws[name] for name in ("prior_noise", "code_noise") if name in draws]
        beside = None if condition is None else tf.concat([condition, condition], axis=0)
        logits = self._logits(both, tf.concat(noise, axis=0) if noise else None, beside)
        prior_logits, code_logits = tf.split(logits, 2)
        # A sample counts as right where the sign of its logit is.
        metrics = {
            "accuracy_on_prior": tf.cast(prior_logits > 0, self._dtype),
            "accuracy_on_codes": tf.cast(code_logits < 0, self._dtype),
        }
        return Verdict(discriminator_loss(prior_logits, code_logits), metrics)

    def fool(self, codes, draws, condition=None) -> tf.Tensor:
        """The encoder's loss `(batch,)` as the discriminator's adversary; arguments as above."""
        return generator_loss(self._logits(codes, draws.get("code_noise"), condition))

    def _logits(self, codes, noise, condition):
        points = codes if noise is None else codes + noise
        seen = points if condition is None else tf.concat([points, condition], axis=-1)
        logits = tf.cast(self.network(seen), self._dtype)
        if self._log_prior is None:
            return logits
        return logits + tf.cast(self._log_prior(points), self._dtype)

    def _normal(self, seed, purpose, batch_size):
        folded = seeds.fold(seed, purpose)
        drawn = tf.random.stateless_normal([batch_size, self._dim], folded, dtype=self._dtype)
        return self._noise * drawn


class AdversarialAutoencoder(Autoencoder):
    """An autoencoder whose aggregated posterior q(z) is matched to a prior by an adversary.

    On each minibatch the reconstruction phase moves encoder and decoder; then, in the
    regularisation phase, the discriminator learns to tell the prior's samples from codes and the
    generator, which is the encoder, to fool it.
    """

    def build_networks(self):
        networks = super().build_networks()
        self.discriminator = Discriminator(
            self.latent_dim + self.condition_dim,
            self.settings.networks.discriminator_units,
            self.layers,
        )
        return {**networks, "discriminator": self.discriminator}

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
            self._phase(
                "reconstruction",
                (self.encoder, self.decoder),
                self._reconstruction,
                self._encoder_draws,
                steps_per_epoch,
            ),
            self._phase(
                "discriminator",
                (self.discriminator,),
                self._discriminator,
                self._discriminator_draws,
                steps_per_epoch,
            ),
            self._phase(
                "generator",
                (self.encoder,),
                self._generator,
                self._generator_draws,
                steps_per_epoch,
            ),
        )

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
