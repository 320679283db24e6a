"""An encoder and a decoder, which methods without categories share."""

from __future__ import annotations

import tensorflow as tf

from aae_tf.methods.base import Method
from aae_tf.training.phase import Batch, Draws


class Autoencoder(Method):
    """An encoder q(z|x) and a decoder p(x|z), without anything that trains them."""

    def build_networks(self):
        is_categorical = self.settings.prior.prior == "categorical"
        self.encoder = self._make_encoder(code_activation="softmax" if is_categorical else "linear")
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
