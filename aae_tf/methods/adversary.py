"""The adversary of the regularisation phase: a discriminator, its losses and what they draw."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from aae_tf import seeds
from aae_tf.networks import OwnDiscriminator
from aae_tf.objectives.adversarial import (
    between,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    r1_penalty,
)
from aae_tf.settings import TrainingSettings
from aae_tf.training.phase import PhaseLoss


class Adversary:
    """Makes codes look like the prior's samples (AAE, section 2).

    Args:
      network: the discriminator.
      sample: `(count, seed)` to samples of the prior with a leading axis of `count`.
      dim: size of a code.
      noise: sd of Gaussian noise on the codes and samples that the discriminator sees.
      settings: which penalty of its gradient stands beside the discriminator's loss, and how heavy.
      dtype: of codes and losses.
      log_prior: the prior's log density; where given it is added to the logit of each point, so
        that the network need only learn the codes' (Mescheder et al., 2017; WAE, supplement). The
        point is the one that the network sees, with its noise. The authors' discriminator has no
        noise, so their algorithm doesn't say which; of the two points this one keeps the logit a
        function of its input, whose best value, log p/q of samples and codes with their noise, is
        the same with the trick or without: the network learns what log p leaves of it.
    """

    def __init__(
        self,
        network: keras.Model,
        sample: Callable[[int, seeds.Seed], tf.Tensor],
        dim: int,
        noise: float,
        settings: TrainingSettings,
        dtype,
        log_prior: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ):
        self.network, self._log_prior = network, log_prior
        self._sample, self._dim, self._noise, self._dtype = sample, dim, noise, dtype
        self._penalty = settings.critic_penalty
        self._penalty_weight = settings.critic_penalty_weight

    def discriminator_draws(self, seed: seeds.Seed, batch_size: int) -> dict[str, tf.Tensor]:
        """'prior': samples, the noise on them and on the codes, and where between both to look."""
        draws = self.generator_draws(seed, batch_size)
        drawn = self._sample(batch_size, seed=seeds.fold(seed, "prior"))
        draws["prior"] = tf.cast(drawn, self._dtype)
        if self._noise:
            draws["prior_noise"] = self._normal(seed, "prior_noise", batch_size)
        if self._penalty == "gradient":
            folded = seeds.fold(seed, "between")
            drawn = tf.random.stateless_uniform([batch_size, 1], folded, dtype=self._dtype)
            draws["between"] = drawn
        return draws

    def generator_draws(self, seed: seeds.Seed, batch_size: int) -> dict[str, tf.Tensor]:
        """The noise on the codes, if any."""
        if not self._noise:
            return {}
        return {"code_noise": self._normal(seed, "code_noise", batch_size)}

    def discriminate(self, positives, codes, draws, condition=None) -> PhaseLoss:
        """The discriminator's loss and how often it is right.

        Args:
          positives: samples of the prior `(batch, dim)`.
          codes: `(batch, dim)`.
          draws: of `discriminator_draws`.
          condition: `(batch, size)`, what the discriminator sees beside either.
        """
        # Both halves at once: a product of twice the rows is faster than two products.
        points = tf.concat([positives, codes], axis=0)
        noise = [draws[name] for name in ("prior_noise", "code_noise") if name in draws]
        if noise:
            points += tf.concat(noise, axis=0)
        beside = None if condition is None else tf.concat([condition, condition], axis=0)
        logits = self._logits(points, beside, training=True)
        prior_logits, code_logits = tf.split(logits, 2)
        # A sample counts as right where the sign of its logit is.
        metrics = {
            "accuracy_on_prior": tf.cast(prior_logits > 0, self._dtype),
            "accuracy_on_codes": tf.cast(code_logits < 0, self._dtype),
        }
        loss = discriminator_loss(prior_logits, code_logits)
        if self._penalty in ("r1", "gradient"):
            metrics["penalty"] = self._penalty_at(points, condition, draws)
            loss += self._penalty_weight * metrics["penalty"]
        return PhaseLoss(loss, metrics)

    def fool(self, codes, draws, condition=None) -> tf.Tensor:
        """The encoder's loss `(batch,)` as the discriminator's adversary; arguments as above."""
        points = codes + draws["code_noise"] if "code_noise" in draws else codes
        return generator_loss(self._logits(points, condition))

    def _penalty_at(self, points, condition, draws):
        """The penalty `(batch,)`, by samples and codes as the discriminator sees them, with noise.

        Its critic is the logit that the losses see, log prior and all: where the codes follow the
        prior, the best of these is flat. The network's part of it, -log p, is not, and a penalty of
        that part alone would keep training from going there.
        """
        samples, codes = tf.split(points, 2)

        def critic(seen):
            return self._logits(seen, condition)

        if self._penalty == "r1":
            return r1_penalty(critic, samples)
        return gradient_penalty(critic, between(samples, codes, draws["between"]))

    def _logits(self, points, condition, training=False):
        seen = points if condition is None else tf.concat([points, condition], axis=-1)
        # Random layers of one's own act in every phase; spectral normalisation moves in one alone.
        training = training or isinstance(self.network, OwnDiscriminator)
        logits = tf.cast(self.network(seen, training=training), self._dtype)
        if self._log_prior is None:
            return logits
        return logits + tf.cast(self._log_prior(points), self._dtype)

    def _normal(self, seed, purpose, batch_size):
        folded = seeds.fold(seed, purpose)
        drawn = tf.random.stateless_normal([batch_size, self._dim], folded, dtype=self._dtype)
        return self._noise * drawn
