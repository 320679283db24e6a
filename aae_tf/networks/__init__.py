"""Encoder, decoder and discriminator: subclassed Keras models of chosen sizes."""

from aae_tf.networks.decoder import Decoder
from aae_tf.networks.discriminator import Discriminator
from aae_tf.networks.encoder import Encoder

__all__ = ["Decoder", "Discriminator", "Encoder"]
