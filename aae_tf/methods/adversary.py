"""The adversary of the regularisation phase: a discriminator, its losses and what they draw."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from aae_tf import seeds
from aae_tf.objectives.adversarial import discriminator_loss, generator_loss
from aae_tf.training.phase import PhaseLoss


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
        drawn = self._sample(batch_size, seed=seeds.fold(seed, "prior"))
        draws["prior"] = tf.cast(drawn, self._dtype)
        if self._noise:
            draws["prior_noise"] = self._normal(seed, "prior_noise", batch_size)
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
        return PhaseLoss(discriminator_loss(prior_logits, code_logits), metrics)

    def fool(self, codes, draws, condition=None) -> tf.Tensor:
        """The encoder's loss `(batch,)` as the discriminator's adversary; arguments as above."""
        return generator_loss(self._logits(codes, draws.get("code_noise"), condition))

    def _logits(self, codes, noise, condition):
        points = codes if noise is None else codes + noise
        seen = points if condition is None else tf.concat([points, condition], axis=-1)
        logits = tf.cast(self.network(seen, training=True), self._dtype)
        if self._log_prior is None:
            return logits
        return logits + tf.cast(self._log_prior(points), self._dtype)

    def _normal(self, seed, purpose, batch_size):
        folded = seeds.fold(seed, purpose)
        drawn = tf.random.stateless_normal([batch_size, self._dim], folded, dtype=self._dtype)
        return self._noise * drawn
