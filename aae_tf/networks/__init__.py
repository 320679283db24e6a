"""Encoder, decoder and discriminator: subclassed Keras models of chosen sizes."""

import keras

from aae_tf.errors import UserError
from aae_tf.networks.cluster_heads import ClusterHeads
from aae_tf.networks.decoder import Decoder
from aae_tf.networks.discriminator import Discriminator
from aae_tf.networks.encoder import CategoricalEncoder, Encoder
from aae_tf.networks.own import OwnDiscriminator
from aae_tf.networks.standardizer import Standardizer

if keras.config.backend() != "tensorflow":
    raise UserError(
        f"Keras was imported with the backend {keras.config.backend()} before aae_tf was; expected "
        "tensorflow: import aae_tf first, or set KERAS_BACKEND=tensorflow"
    )

__all__ = [
    "CategoricalEncoder",
    "ClusterHeads",
    "Decoder",
    "Discriminator",
    "Encoder",
    "OwnDiscriminator",
    "Standardizer",
]
