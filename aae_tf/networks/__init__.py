"""Encoder, decoder and discriminator: subclassed Keras models of chosen sizes."""

from aae_tf.networks.cluster_heads import ClusterHeads
from aae_tf.networks.decoder import Decoder
from aae_tf.networks.discriminator import Discriminator
from aae_tf.networks.encoder import CategoricalEncoder, Encoder
from aae_tf.networks.standardizer import Standardizer

__all__ = [
    "CategoricalEncoder",
    "ClusterHeads",
    "Decoder",
    "Discriminator",
    "Encoder",
    "Standardizer",
]
