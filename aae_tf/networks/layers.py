"""The layers that all networks are made of: dense or convolutional, their first weights seeded."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import keras
import tensorflow as tf
from keras import ops

from aae_tf.seeds import name_number
from aae_tf.settings import parse_initializer

# Of batch normalisation behind convolutions: the WAE paper's, where Keras has 0.99 and 1e-3.
CONVOLUTIONAL_NORM = {"momentum": 0.9, "epsilon": 1e-5}
CONVOLUTIONS = tuple(
    getattr(keras.layers, f"{kind}{n}D{ending}")
    for kind, dimensions, ending in (
        ("Conv", (1, 2, 3), ""),
        ("Conv", (1, 2, 3), "Transpose"),
        ("DepthwiseConv", (1, 2), ""),
        ("SeparableConv", (1, 2), ""),
    )
    for n in dimensions
)
LOG_VARIANCE_RANGE = (-50.0, 50.0)  # outside it exp() over- or underflows float32


@contextlib.contextmanager
def keras_defaults() -> Iterator[None]:
    """Within it Keras has the configuration that it has where no keras.json changes it."""
    config = keras.config
    before = config.floatx(), config.epsilon(), config.image_data_format(), config.dtype_policy()

    def configure(floatx, epsilon, image_data_format, dtype_policy):
        config.set_floatx(floatx)
        config.set_epsilon(epsilon)
        config.set_image_data_format(image_data_format)
        config.set_dtype_policy(dtype_policy)

    configure("float32", 1e-7, "channels_last", "float32")
    try:
        yield
    finally:
        configure(*before)


def has_convolutions(network: keras.Model) -> bool:
    """Whether one of a network's layers, or of layers within layers, is a convolution."""
    return any(isinstance(layer, CONVOLUTIONS) for layer in network._flatten_layers())


@dataclasses.dataclass(frozen=True)
class LayerFactory:
    """How all layers of a network are made, convolutions included.

    Its methods take the layer's `name`; the `owner`, which is its network's name, so that no two
    layers start alike; `hidden`, whether the activation follows; and `norm`, whether batch
    normalisation stands before it.

    Args:
      activation: of the hidden layers.
      initializer: of the weights, as in `settings.parse_initializer`. Biases start at 0.
      dtype: Keras dtype policy, such as 'float32' or 'mixed_float16'.
      seed: of the initial weights; each layer's is folded from it and the layer's name.
      spectral: make dense layers without batch normalisation spectrally normalised ones.
      twice_differentiable: whether gradients of gradients are taken, see `ExactNormalization`.
    """

    activation: str = "relu"
    initializer: str = "he_normal"
    dtype: str = "float32"
    seed: int = 0
    spectral: bool = False
    twice_differentiable: bool = False

    @property
    def output_dtype(self) -> str:
        """That of layers that give codes, logits and pixels: float16 is too narrow for these."""
        return "float32" if self.dtype == "mixed_float16" else self.dtype

    def dense(
        self, units: int, name: str, owner: str, *, hidden: bool, norm: bool = False
    ) -> keras.layers.Layer:
        """A dense layer of so many units."""
        chosen = {"units": units, "kernel_initializer": self.kernel(name, owner, hidden)}
        if not self.spectral or norm:
            return self._layer(keras.layers.Dense, "dense", chosen, name, hidden, norm)
        seed = name_number(self.seed, owner, name, "u")
        chosen["u_initializer"] = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        return self._layer(SpectralDense, "dense", chosen, name, hidden, norm)

    def convolution(
        self, filters: int, size: int, name: str, owner: str, *, norm: bool
    ) -> keras.layers.Layer:
        """A hidden convolution that halves height and width, rounding up.

        Args:
          filters: channels of its output.
          size: side of its filters, in pixels.
        """
        kernel = self.kernel(name, owner, hidden=True)
        chosen = _convolutional(filters, size, 2, kernel)
        kind = keras.layers.Conv2D
        return self._layer(kind, "convolution", chosen, name, True, norm, CONVOLUTIONAL_NORM)

    def transposed_convolution(
        self,
        inputs: int,
        filters: int,
        size: int,
        stride: int,
        name: str,
        owner: str,
        *,
        hidden: bool,
        norm: bool,
    ) -> keras.layers.Layer:
        """A transposed convolution that multiplies height and width by its stride.

        Args:
          inputs: channels of its input.
          filters: channels of its output.
          size: side of its filters, in pixels.
          stride: 1 or 2.
        """
        # Keras takes a transposed convolution's outputs for its inputs, and each pixel of the
        # result sees only every stride-th row and column of the filter.
        kernel = self.kernel(name, owner, hidden, he_scale=2.0 * filters * stride**2 / inputs)
        chosen = _convolutional(filters, size, stride, kernel)
        kind = keras.layers.Conv2DTranspose
        return self._layer(kind, "convolution", chosen, name, hidden, norm, CONVOLUTIONAL_NORM)

    def kernel(
        self, name: str, owner: str, hidden: bool, he_scale: float = 2.0
    ) -> keras.initializers.Initializer:
        """What a layer's weights start from.

        Args:
          he_scale: of he_normal, where what Keras takes for the number of inputs isn't that.
        """
        seed = name_number(self.seed, owner, name)
        scheme, deviation = parse_initializer(self.initializer)
        if scheme == "normal":
            return keras.initializers.RandomNormal(stddev=deviation, seed=seed)
        if scheme == "he_normal" and hidden:
            return keras.initializers.VarianceScaling(
                he_scale, "fan_in", "truncated_normal", seed=seed
            )
        # He's scheme is made for a rectifier, which an output layer hasn't.
        return keras.initializers.GlorotUniform(seed=seed)

    def _layer(self, kind, linear_name, chosen, name, hidden, norm, moments=None):
        activation = self.activation if hidden else None
        dtype = self.dtype if hidden else self.output_dtype
        if not norm:
            return kind(**chosen, activation=activation, dtype=dtype, name=name)
        linear = kind(**chosen, use_bias=False, dtype=dtype, name=linear_name)
        kind = ExactNormalization if self.twice_differentiable else keras.layers.BatchNormalization
        return Normalized(linear, activation, dtype, name, kind, **(moments or {}))


def _convolutional(filters, size, stride, kernel):
    return {
        "filters": filters,
        "kernel_size": size,
        "strides": stride,
        "padding": "same",
        "data_format": "channels_last",
        "kernel_initializer": kernel,
    }


class SpectralDense(keras.layers.Dense):
    """A dense layer of W / sigma(W), the kernel over its largest singular value.

    Spectral normalisation (Miyato et al., 2018, arXiv:1802.05957, section 2.1 and algorithm 1):
    sigma = v' W u, where each step in training takes u and v nearer to the first singular vectors
    by one power iteration. u is a variable, so that the next step goes on from it; outside training
    it stays, and v alone follows the kernel. Both are taken as given in gradients, which hence are
    those of equation 12. keras.layers.SpectralNormalization instead assigns W / sigma to the kernel
    itself, so that no gradient flows through sigma and the optimizer's step is of other weights.

    Input shape: `(batch, features)`. Output shape: `(batch, units)`.

    Args:
      u_initializer: what u, `(units,)`, starts from.
      **dense: of keras.layers.Dense.
    """

    def __init__(self, u_initializer: keras.initializers.Initializer, **dense):
        super().__init__(**dense)
        self._u_initializer = u_initializer

    def build(self, input_shape):
        super().build(input_shape)
        self.u = self.add_weight(
            shape=(self.units,),
            initializer=self._u_initializer,
            dtype=self.variable_dtype,
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",  # all replicas come to the same
            name="u",
        )

    def call(self, inputs, training=False):
        kernel = ops.convert_to_tensor(self.kernel)
        features = ops.matmul(
            inputs, kernel / ops.cast(self._sigma(kernel, training), kernel.dtype)
        )
        return self.activation(features + self.bias)

    def _sigma(self, kernel, training):
        kernel, u = ops.cast(kernel, self.u.dtype), ops.convert_to_tensor(self.u)
        given = ops.stop_gradient(kernel)
        v = _unit(ops.matmul(given, u))
        if training:
            u = _unit(ops.matmul(v, given))
            self.u.assign(u)
        return ops.sum(v * ops.matmul(kernel, u))


def _unit(vector):
    return vector / ops.norm(vector)


class Normalized(keras.layers.Layer):
    """A linear layer, batch normalisation over all replicas, then the activation.

    Normalisation has a shift of its own, so the linear layer should have no bias.

    Input shape and output shape: those of the linear layer.

    Args:
      linear: the layer without bias and activation.
      activation: that follows, or None.
      dtype: Keras dtype policy.
      name: of the layer.
      kind: of batch normalisation.
      **moments: `momentum` of the moving moments and `epsilon`, where they aren't Keras's.
    """

    def __init__(
        self,
        linear: keras.layers.Layer,
        activation,
        dtype: str,
        name: str,
        kind: type[keras.layers.BatchNormalization] = keras.layers.BatchNormalization,
        **moments,
    ):
        super().__init__(name=name, dtype=dtype)
        self.linear = linear
        synchronized = tf.distribute.get_strategy().num_replicas_in_sync > 1
        self.norm = kind(synchronized=synchronized, dtype=dtype, name="norm", **moments)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.linear.build(input_shape)
        self.norm.build(self.linear.compute_output_shape(input_shape))

    def compute_output_shape(self, input_shape):
        return self.linear.compute_output_shape(input_shape)

    def call(self, features, training=False):
        return self.activation(self.norm(self.linear(features), training=training))


class ExactNormalization(keras.layers.BatchNormalization):
    """Batch normalisation with a right gradient of its gradient.

    `tf.nn.moments` takes the mean in the variance as given. That is right for a gradient, to which
    the mean adds nothing there, but not for the gradient of one.
    """

    def _moments(self, inputs, mask):
        if self.synchronized:  # whose moments are computed in another way
            return super()._moments(inputs, mask)
        mean = ops.mean(inputs, self._reduction_axes, keepdims=True)
        variance = ops.mean(ops.square(inputs - mean), self._reduction_axes)
        return ops.squeeze(mean, self._reduction_axes), variance
