"""The discriminator that tells samples of the prior from codes."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from aae_tf.networks.layers import LayerFactory
from aae_tf.networks.trunks import Trunk


class Discriminator(keras.Model):
    """Maps codes to the logit of 'this is a sample of the prior' (AAE, section 2).

    It holds no batch normalisation, which froze the critics of several reimplementations at an
    accuracy of 50 %.

    Input shape: `(batch, latent_dim)`. Output shape: `(batch,)`.

    Args:
      latent_dim: size of the code.
      units: sizes of the hidden layers.
      layers: how the dense layers are made. Those with spectral normalisation take a step of its
        power iteration in each call with `training`.
    """

    def __init__(
        self,
        latent_dim: int,
        units: Sequence[int] = (1000, 1000),
        layers: LayerFactory | None = None,
        name: str = "discriminator",
    ):
        layers = layers or LayerFactory()
        super().__init__(name=name, dtype=layers.dtype)
        self.latent_dim = latent_dim
        self.trunk = Trunk(units, layers, name)
        self.logit = layers.dense(1, "logit", name, hidden=False)
        self.trunk.build((None, latent_dim))
        self.logit.build((None, units[-1]))
        self.built = True

    def call(self, codes, training=False):
        return self.logit(self.trunk(codes, training=training), training=training)[:, 0]
