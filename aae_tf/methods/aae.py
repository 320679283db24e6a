"""The adversarial autoencoder (AAE, sections 1 and 2, figure 1)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf import priors, seeds
from aae_tf.methods.base import Method
from aae_tf.networks import Decoder, Discriminator, Encoder
from aae_tf.objectives.adversarial import discriminator_loss, generator_loss
from aae_tf.objectives.reconstruction import half_squared_error
from aae_tf.training import optimizers
from aae_tf.training.phase import Batch, Draws, Phase, PhaseLoss


class AdversarialAutoencoder(Method):
    """An autoencoder whose aggregated posterior q(z) is matched to a prior by an adversary.

    On each minibatch the reconstruction phase moves encoder and decoder; then, in the
    regularisation phase, the discriminator learns to tell the prior's samples from codes and the
    generator, which is the encoder, to fool it.
    """

    def build_networks(self):
        nets = self.settings.networks
        self.encoder = Encoder(
            self.image_shape,
            self.latent_dim,
            nets.encoder_units,
            self.style,
            nets.encoder,
            nets.encoder_noise_dim,
            "softmax" if self.settings.prior.prior == "categorical" else "linear",
        )
        self.decoder = Decoder(
            self.image_shape,
            self.latent_dim,
            nets.decoder_units,
            self.style,
            nets.output_activation,
        )
        self.discriminator = Discriminator(self.latent_dim, nets.discriminator_units, self.style)
        return {
            "encoder": self.encoder,
            "decoder": self.decoder,
            "discriminator": self.discriminator,
        }

    def phases(self, steps_per_epoch: int) -> tuple[Phase, ...]:
        self._noise_sd = self.settings.training.discriminator_noise
        if self._noise_sd:
            self._noise_sd *= priors.typical_scale(self.prior)

        def phase(name, updates, loss, draws):
            variables = [v for network in updates for v in network.trainable_variables]
            optimizer = optimizers.build(
                self.settings.phase(name), variables, steps_per_epoch, self.settings.training.epochs
            )
            return Phase(name, updates, optimizer, loss, draws)

        return (
            phase("reconstruction", (self.encoder, self.decoder),
                  self._reconstruction, self._encoder_draws),
            phase("discriminator", (self.discriminator,),
                  self._discriminator, self._discriminator_draws),
            phase("generator", (self.encoder,),
                  self._generator, self._generator_draws),
        )  # fmt: skip

    def encode(self, images, noise=None):
        return tf.cast(self.encoder(images, noise), self.dtype)

    def decode(self, codes):
        return tf.cast(self.decoder(codes), self.dtype)

    @property
    def encoder_noise_dim(self) -> int:
        return self.encoder.noise_dim

    def _reconstruction(self, batch: Batch, draws: Draws) -> PhaseLoss:
        images = batch["images"]
        rebuilt = self.decode(self.encode(images, draws.get("encoder")))
        return PhaseLoss(half_squared_error(images, rebuilt), {})

    def _discriminator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes = self.encode(batch["images"], draws.get("encoder"))
        # One pass over both halves: a product of twice the rows is faster than two products.
        both = tf.concat([draws["prior"], codes], axis=0)
        noise = [draws[name] for name in ("prior_noise", "code_noise") if name in draws]
        logits = self._logits(both, tf.concat(noise, axis=0) if noise else None)
        prior_logits, code_logits = tf.split(logits, 2)
        # A sample counts as right where the sign of its logit is.
        metrics = {
            "accuracy_on_prior": tf.cast(prior_logits > 0, self.dtype),
            "accuracy_on_codes": tf.cast(code_logits < 0, self.dtype),
        }
        return PhaseLoss(discriminator_loss(prior_logits, code_logits), metrics)

    def _generator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes = self.encode(batch["images"], draws.get("encoder"))
        return PhaseLoss(generator_loss(self._logits(codes, draws.get("code_noise"))), {})

    def _logits(self, codes, noise):
        noisy = codes if noise is None else codes + noise
        return tf.cast(self.discriminator(noisy), self.dtype)

    def _encoder_draws(self, seed: seeds.Seed, batch_size: int) -> dict[str, tf.Tensor]:
        if not self.encoder.is_random:
            return {}
        return {"encoder": self._normal(seed, "encoder", batch_size, self.encoder.noise_dim)}

    def _discriminator_draws(self, seed, batch_size):
        draws = self._generator_draws(seed, batch_size)
        prior_seed = seeds.fold(seed, "prior")
        draws["prior"] = tf.cast(self.prior.sample(batch_size, seed=prior_seed), self.dtype)
        if self._noise_sd:
            noise = self._normal(seed, "prior_noise", batch_size, self.latent_dim)
            draws["prior_noise"] = self._noise_sd * noise
        return draws

    def _generator_draws(self, seed, batch_size):
        draws = self._encoder_draws(seed, batch_size)
        if self._noise_sd:
            noise = self._normal(seed, "code_noise", batch_size, self.latent_dim)
            draws["code_noise"] = self._noise_sd * noise
        return draws

    def _normal(self, seed, purpose, batch_size, size):
        folded = seeds.fold(seed, purpose)
        return tf.random.stateless_normal([batch_size, size], folded, dtype=self.dtype)
