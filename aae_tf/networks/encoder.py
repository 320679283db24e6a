"""The encoder q(z|x): the three kinds of the AAE paper (section 2), and one of fixed variance."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from aae_tf.networks.layers import LOG_VARIANCE_RANGE, LayerFactory
from aae_tf.networks.trunks import HiddenLayers, hidden_layers

KINDS = ("deterministic", "gaussian", "isotropic", "implicit")


class Encoder(keras.Model):
    """Maps images to codes.

    A *deterministic* encoder's code is a function of the image. A *gaussian* one gives mean and
    log variance, and the code is mean + sd * noise (the reparameterisation of Kingma & Welling). An
    *isotropic* one is a gaussian whose sd is the same fixed number for all images, so that no phase
    can shrink it. An *implicit* one is f(x, noise): any distribution q(z|x) that the network can
    make of noise.

    Input shape: images `(batch, height, width, channels)` in 0..1; noise
      `(batch, noise_dim)`, standard normal.
    Output shape: codes `(batch, latent_dim)`.

    Args:
      image_shape: `(height, width, channels)`.
      latent_dim: size of the code.
      hidden: its hidden layers; sizes alone stand for dense ones.
      layers: how layers are made.
      kind: 'deterministic', 'gaussian', 'isotropic' or 'implicit'.
      implicit_noise_dim: noise that an implicit encoder takes.
      noise_sd: of an isotropic encoder's code around its mean.
      code_activation: 'linear', or 'softmax' for a categorical code.
      batch_norm: in all layers, that of the code included (AAE, appendices A.2.2 and A.3);
        `Convolutions` have a setting of their own.

    Raises:
      ValueError: for an unknown kind, or a gaussian or isotropic encoder with a softmax code.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] | HiddenLayers = (1000, 1000),
        layers: LayerFactory | None = None,
        kind: str = "deterministic",
        implicit_noise_dim: int = 10,
        noise_sd: float = 0.1,
        code_activation: str = "linear",
        batch_norm: bool = False,
        name: str = "encoder",
    ):
        layers = layers or LayerFactory()
        super().__init__(name=name, dtype=layers.dtype)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}. Received: kind={kind!r}")
        if kind in ("gaussian", "isotropic") and code_activation != "linear":
            raise ValueError(
                f"the code of a {kind} encoder is linear. "
                f"Received: code_activation={code_activation!r}"
            )
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.kind, self.noise_sd = kind, noise_sd
        self.noise_dim = {
            "deterministic": 0,
            "gaussian": latent_dim,
            "isotropic": latent_dim,
            "implicit": implicit_noise_dim,
        }[kind]
        self.trunk = hidden_layers(hidden).of_images(
            self.image_shape,
            self.noise_dim if kind == "implicit" else 0,
            layers,
            name,
            batch_norm,
        )
        self._layers_and_norm = (layers, batch_norm)
        self.code = self._head(latent_dim, "code")
        self.code_activation = keras.activations.get(code_activation)
        if kind == "gaussian":
            self.log_variance = self._head(latent_dim, "log_variance", norm=False)
        self.built = True

    @property
    def is_random(self) -> bool:
        """Whether q(z|x) is more than a point."""
        return self.noise_dim > 0

    def call(self, images, noise=None, training=False, hidden_noise=None):
        """Draws a code for each image.

        Args:
          images: `(batch, height, width, channels)`.
          noise: standard normal `(batch, noise_dim)`. Without it the code is the posterior's mean
            (gaussian, isotropic), or the code at noise 0 (implicit).
          training: whether batch normalisation takes the minibatch's moments.
          hidden_noise: `(batch, sum of dense layers' sizes)`, added to the hidden layers' outputs.
        """
        features = self._features(images, noise, training, hidden_noise)
        return self._code_of(features, noise, training)

    def moments(self, images, training=False, hidden_noise=None):
        """Mean and log variance of a gaussian q(z|x), each `(batch, latent_dim)`."""
        if self.kind != "gaussian":
            raise ValueError(f"a {self.kind} encoder has no moments")
        return self._moments_of(self._features(images, None, training, hidden_noise), training)

    def _head(self, units, name, norm=None):
        """An output layer, built; normalised as the code is unless told otherwise."""
        layers, batch_norm = self._layers_and_norm
        norm = batch_norm if norm is None else norm
        head = layers.dense(units, name, self.name, hidden=False, norm=norm)
        head.build((None, self.trunk.size))
        return head

    def _code_of(self, features, noise, training):
        if self.kind != "gaussian":
            code = self.code_activation(self.code(features, training=training))
            if self.kind != "isotropic" or noise is None:
                return code
            return code + self.noise_sd * ops.cast(noise, code.dtype)
        mean, log_variance = self._moments_of(features, training)
        if noise is None:
            return mean
        return mean + ops.exp(0.5 * log_variance) * ops.cast(noise, mean.dtype)

    def _moments_of(self, features, training):
        log_variance = ops.clip(self.log_variance(features), *LOG_VARIANCE_RANGE)
        return self.code(features, training=training), log_variance

    def _features(self, images, noise, training, hidden_noise):
        # Convolutions don't take it.
        extra = {} if hidden_noise is None else {"hidden_noise": hidden_noise}
        if self.kind != "implicit":
            return self.trunk(images, training=training, **extra)
        if noise is None:
            noise = ops.zeros((ops.shape(images)[0], self.noise_dim), dtype=images.dtype)
        return self.trunk(images, noise, training=training, **extra)


class CategoricalEncoder(Encoder):
    """Maps images to the logits of a category y and to a code z, from shared hidden layers.

    Input shape: as `Encoder`.
    Output shape: logits `(batch, num_categories)`, codes `(batch, latent_dim)`.

    Args:
      num_categories: size of the categorical code.
      *args: as `Encoder`, whose code is z.
      **kwargs: as `Encoder`.
    """

    def __init__(self, num_categories: int, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.num_categories = num_categories
        self.category = self._head(num_categories, "category")

    def call(self, images, noise=None, training=False, hidden_noise=None):
        """Logits of q(y|x), and a code for each image as `Encoder` draws it."""
        features = self._features(images, noise, training, hidden_noise)
        logits = self.category(features, training=training)
        return logits, self._code_of(features, noise, training)


def probabilities(logits):
    """q(y|x) of logits `(batch, num_categories)`, in float32 or wider."""
    wide = logits if ops.dtype(logits) == "float64" else ops.cast(logits, "float32")
    return ops.softmax(wide)


def log_probabilities(logits):
    """log q(y|x) of logits `(batch, num_categories)`, in float64, which tells certainties apart.

    Where a category's logit exceeds the others by more than 37 its probability is 1 even in
    float64; the largest term, which is 1, is therefore left to log1p.
    """
    wide = ops.cast(logits, "float64")
    shifted = wide - ops.max(wide, -1, keepdims=True)
    largest = ops.one_hot(ops.argmax(wide, -1), ops.shape(wide)[-1], dtype="bool")
    others = ops.sum(ops.where(largest, 0.0, ops.exp(shifted)), -1, keepdims=True)
    return shifted - ops.log1p(others)
