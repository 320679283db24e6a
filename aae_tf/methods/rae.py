"""The regularised autoencoder, which learns without a prior (RAE; Ghosh et al., 2020, section 3).

Its prior is for metrics and figures alone. Samples are meant to come from what is fitted to its
codes afterwards (`--sampler`), which the paper calls ex-post density estimation.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from aae_tf import seeds
from aae_tf.methods.autoencoder import Autoencoder
from aae_tf.objectives.reconstruction import l2_squared
from aae_tf.training.phase import Batch, Draws, PhaseLoss


class RegularisedAutoencoder(Autoencoder):
    """Descends |x - D(z)|^2 + beta |z|^2 / 2 + lambda R(D) with z = E(x) (RAE, section 3).

    R keeps the decoder smooth where there is no noise on codes that would: it is the squared
    Frobenius norm of the decoder's Jacobian at z, or the squared length of all its weights (RAE,
    section 3.1).
    """

    metrics = ("reconstruction", "prior_match")

    def build_networks(self):
        self.layers = dataclasses.replace(self.layers, twice_differentiable=self._has_probes)
        return super().build_networks()

    def build_phases(self):
        draws = self._encoder_draws
        if self._has_probes:
            draws = self._beside_encoder(self._probes)
        yield self._phase("reconstruction", self._reconstruction, draws, self.encoder, self.decoder)

    @property
    def _has_probes(self) -> bool:
        chosen = self.settings.regularised
        return chosen.decoder_penalty == "gradient" and chosen.decoder_penalty_weight > 0

    def _probes(self, seed: seeds.Seed, batch_size: int) -> Draws:
        """For each image a direction of pixels, each of them -1 or 1."""
        shape, folded = [batch_size, *self.image_shape], seeds.fold(seed, "probes")
        above = tf.random.stateless_uniform(shape, folded) < 0.5
        return {"probes": tf.where(above, tf.ones(shape, self.dtype), -tf.ones(shape, self.dtype))}

    def _reconstruction(self, batch: Batch, draws: Draws) -> PhaseLoss:
        chosen, codes = self.settings.regularised, self._codes(batch, draws)
        if self._has_probes:
            decoded, penalty = gradient_penalty(self._decode_in_training, codes, draws["probes"])
        else:
            decoded, penalty = self._decode_in_training(codes), self._squared_weights(codes)
        parts = {
            "error": l2_squared(batch["images"], decoded),
            "half_squared_code": 0.5 * tf.reduce_sum(codes**2, -1),
            "decoder_penalty": penalty,
        }
        weights = (1.0, chosen.latent_weight, chosen.decoder_penalty_weight)
        total = tf.add_n([w * part for w, part in zip(weights, parts.values(), strict=True)])
        return PhaseLoss(total, parts)

    def _decode_in_training(self, codes):
        return tf.cast(self.decoder(codes, training=True), self.dtype)

    def _squared_weights(self, codes):
        """The squared length of the decoder's weights, the same for each example, `(batch,)`."""
        squares = [
            tf.reduce_sum(tf.cast(weight.value, self.dtype) ** 2)
            for weight in self.decoder.trainable_variables
        ]
        return tf.fill(tf.shape(codes)[:1], tf.add_n(squares))


def gradient_penalty(decode, codes: tf.Tensor, probes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Images of codes, and an estimate of the squared Frobenius norm of their Jacobian by the code.

    |v^T J|^2 is on average |J|^2 for v of independent components of mean 0 and variance 1, since
    E[v v^T] = I (Hutchinson's estimator); it takes one gradient, where J itself takes one for each
    pixel.

    Args:
      decode: from codes `(batch, latent_dim)` to images `(batch, height, width, channels)`. With
        batch normalisation J is that of the whole minibatch.
      codes: `(batch, latent_dim)`.
      probes: v, of the images' shape.

    Returns:
      The images, and the estimate `(batch,)`.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(codes)
        images = decode(codes)
    projected = tape.gradient(images, codes, output_gradients=probes)
    return images, tf.reduce_sum(projected**2, -1)
