"""The variational auto-encoder that both papers compare with (AAE, section 2.1; WAE, section 4)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf.errors import SettingsError
from aae_tf.methods.autoencoder import Autoencoder
from aae_tf.objectives.reconstruction import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    has_closed_form,
    kl_closed_form,
    kl_monte_carlo,
)
from aae_tf.priors import distributions
from aae_tf.training.phase import Batch, Draws, PhaseLoss


class VariationalAutoencoder(Autoencoder):
    """Descends -log p(x|z) + beta KL(q(z|x) || p(z)) (Kingma & Welling, 2014).

    The divergence has a closed form where TFP knows one, for a Gaussian prior; else it is estimated
    at the draw of q(z|x) by the densities' logarithms, for which the prior needs `log_prob`.
    """

    metrics = ("reconstruction", "prior_match", "elbo")

    def __init__(self, settings, image_shape, num_classes=0):
        super().__init__(settings, image_shape, num_classes)
        if not distributions.has_density(self.prior, in_graph=True):
            expected = "a prior with log_prob, of TensorFlow's operations, as a VAE needs"
            raise SettingsError("prior", settings.prior.prior, expected)
        self._closed_form = has_closed_form(self.prior)

    def build_phases(self):
        yield self._phase("elbo", self._elbo, self._encoder_draws, self.encoder, self.decoder)

    def bound(self, images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Distortion and divergence, whose sum is less the evidence's bound, `(batch, 2)` in nats.

        Args:
          images: `(batch, height, width, channels)`.
          noise: for one draw of q(z|x), `(batch, latent_dim)`.
        """
        images = self._scaled(images)
        moments = self.encoder.moments(images)
        parts = self._parts(moments, images, noise, False)
        return tf.stack([parts["distortion"], parts["kl"]], -1)

    def _elbo(self, batch: Batch, draws: Draws) -> PhaseLoss:
        moments = self.encoder.moments(batch["inputs"], True, batch.get("hidden_noise"))
        parts = self._parts(moments, batch["images"], draws["encoder"], True)
        beta = self.settings.variational.beta
        return PhaseLoss(parts["distortion"] + beta * parts["kl"], parts)

    def _parts(self, moments, images, noise, training):
        mean, log_variance = (tf.cast(moment, self.dtype) for moment in moments)
        codes = mean + tf.exp(0.5 * log_variance) * noise
        return {
            "distortion": -self._log_likelihood(images, codes, training),
            "kl": self._kl(mean, log_variance, codes),
        }

    def _log_likelihood(self, images, codes, training):
        chosen = self.settings.variational
        if chosen.likelihood == "bernoulli":
            logits = tf.cast(self.decoder.linear(codes, training=training), self.dtype)
            return bernoulli_log_likelihood(images, logits)
        means = tf.cast(self.decoder(codes, training=training), self.dtype)
        return gaussian_log_likelihood(images, means, chosen.decoder_variance)

    def _kl(self, mean, log_variance, codes):
        if self._closed_form:
            return kl_closed_form(mean, log_variance, self.prior)
        return kl_monte_carlo(mean, log_variance, codes, self.prior)
