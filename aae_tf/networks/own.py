"""Networks of the user's own in place of encoder, decoder and discriminator."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.networks.layers import LOG_VARIANCE_RANGE, LayerFactory
from aae_tf.settings.own import GIVEN, load_function

LAYERS = "random_layers"  # as the draw of their seed is named
SMALLEST_PROBABILITY = 1e-7  # as in Keras's cross-entropy of probabilities
TRIED = (2, 3)  # batch sizes
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # that Keras puts into what it says


class OwnNetwork(keras.Model):
    """A network of the user's own behind the interface of one of ours.

    Its weights are known by their number, since Keras numbers the layers of a process on.

    Args:
      network: the user's, built.
      name: of ours.
    """

    numbered = True

    def __init__(self, network: keras.Model, name: str):
        super().__init__(name=name)
        self.network = network
        self.built = True

    def outputs(self, inputs, training=False) -> tuple[tf.Tensor, ...]:
        """What the network gives, float32 or wider."""
        given = self.network(inputs, training=training)
        given = tuple(given) if isinstance(given, (list, tuple)) else (given,)
        wide = (tf.float32, tf.float64)
        return tuple(x if x.dtype in wide else ops.cast(x, "float32") for x in given)


class OwnEncoder(OwnNetwork):
    """An encoder: images `(batch, *shape)` to codes, as `Encoder` and `CategoricalEncoder`.

    The network gives codes `(batch, latent_dim)`; of kind gaussian two tensors, mean and log
    variance; of kind implicit it takes a list of images and noise `(batch, noise_dim)`. With
    categories, logits `(batch, num_categories)` come before these.

    Args:
      network: the user's.
      latent_dim: size of the code.
      kind: of q(z|x), see `Encoder`.
      noise_dim: size of the noise that the kind takes.
      noise_sd: of an isotropic encoder's code around its mean.
      num_categories: of a categorical code; 0 for none.
    """

    def __init__(
        self,
        network: keras.Model,
        latent_dim: int,
        kind: str,
        noise_dim: int,
        noise_sd: float,
        num_categories: int = 0,
    ):
        super().__init__(network, "encoder")
        self.latent_dim, self.num_categories = latent_dim, num_categories
        self.kind, self.noise_dim, self.noise_sd = kind, noise_dim, noise_sd

    def call(self, images, noise=None, training=False, hidden_noise=None):
        """A code for each image, maybe with logits before it; see `Encoder.call`."""
        del hidden_noise  # which the settings refuse
        outputs = self.outputs(self._inputs(images, noise), training)
        code = self._code_of(outputs[-2:] if self.kind == "gaussian" else outputs[-1:], noise)
        return (outputs[0], code) if self.num_categories else code

    def moments(self, images, training=False, hidden_noise=None):
        """Mean and log variance of a gaussian q(z|x), each `(batch, latent_dim)`."""
        del hidden_noise
        mean, log_variance = self.outputs(images, training)[-2:]
        return mean, ops.clip(log_variance, *LOG_VARIANCE_RANGE)

    def _inputs(self, images, noise):
        if self.kind != "implicit":
            return images
        if noise is None:
            noise = ops.zeros((ops.shape(images)[0], self.noise_dim), dtype=images.dtype)
        return [images, noise]

    def _code_of(self, outputs, noise):
        mean = outputs[0]
        if noise is None or self.kind in ("deterministic", "implicit"):
            return mean
        noise = ops.cast(noise, mean.dtype)
        if self.kind == "isotropic":
            return mean + self.noise_sd * noise
        return mean + ops.exp(0.5 * ops.clip(outputs[1], *LOG_VARIANCE_RANGE)) * noise


class OwnDecoder(OwnNetwork):
    """A decoder: codes `(batch, dim)` to images `(batch, *shape)`, as they are shown."""

    def __init__(self, network: keras.Model):
        super().__init__(network, "decoder")

    def call(self, codes, training=False):
        return self.outputs(codes, training)[0]

    def linear(self, codes, training=False):
        """The logits of images in 0..1."""
        image = self.call(codes, training)
        image = ops.clip(image, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        return ops.log(image) - ops.log1p(-image)


class OwnDiscriminator(OwnNetwork):
    """A discriminator: codes `(batch, dim)` to logits, `(batch,)` or `(batch, 1)`."""

    def call(self, codes, training=False):
        logits = self.outputs(codes, training)[0]
        return ops.reshape(logits, (-1,))


def make_encoder(
    spec: str,
    layers: LayerFactory,
    shape: Sequence[int],
    latent_dim: int,
    num_categories: int = 0,
    **kind: Any,
) -> OwnEncoder:
    """The encoder that `--encoder_network` names, tried out.

    Args:
      spec: the setting's value.
      layers: of the run, in whose precision layers compute that name none, and by whose seed those
        start that have none of their own.
      shape: of an image.
      latent_dim: size of the code.
      num_categories: of a categorical code; 0 for none.
      **kind: 'kind', 'noise_dim' and 'noise_sd', as of `OwnEncoder`.

    Raises:
      SettingsError: if it can't be made, or takes or gives other shapes.
    """
    implicit = kind["kind"] == "implicit"
    shapes = [tuple(shape), (kind["noise_dim"],)] if implicit else [tuple(shape)]
    gives = [(latent_dim,)] * (2 if kind["kind"] == "gaussian" else 1)
    gives = [(num_categories,)] * bool(num_categories) + gives
    arguments = {"shape": tuple(shape), "latent_dim": latent_dim}
    arguments |= {"num_categories": num_categories, "noise_dim": kind["noise_dim"]}
    network = _made("encoder_network", spec, layers, "encoder", arguments, shapes, gives)
    return OwnEncoder(network, latent_dim, num_categories=num_categories, **kind)


def make_decoder(
    spec: str, layers: LayerFactory, latent_dim: int, shape: Sequence[int]
) -> OwnDecoder:
    """The decoder that `--decoder_network` names; its input has `latent_dim` numbers.

    Raises:
      SettingsError: as `make_encoder`.
    """
    arguments = {"latent_dim": latent_dim, "shape": tuple(shape)}
    network = _made(
        "decoder_network", spec, layers, "decoder", arguments, [(latent_dim,)], [tuple(shape)]
    )
    return OwnDecoder(network)


def make_discriminator(
    spec: str, layers: LayerFactory, latent_dim: int, name: str
) -> OwnDiscriminator:
    """The discriminator that `--discriminator_network` names; its input has so many numbers.

    Raises:
      SettingsError: as `make_encoder`.
    """
    arguments, flag = {"latent_dim": latent_dim}, "discriminator_network"
    network = _made(flag, spec, layers, name, arguments, [(latent_dim,)], [()])
    _check_logits(network, spec, latent_dim)
    return OwnDiscriminator(network, name)


def _check_logits(network: keras.Model, spec: str, latent_dim: int) -> None:
    """Refuses probabilities: far from 0 a network's logits are not all between 0 and 1."""
    codes = 100 * tf.random.stateless_normal((64, latent_dim), seeds.root(0))
    given = np.asarray(_called(network, [codes], False)[0], np.float64)
    if given.min() >= 0 and given.max() <= 1 and given.min() < given.max():
        expected = "logits, of any size; it gives 0 to 1, as after a sigmoid, which is applied here"
        raise SettingsError("discriminator_network", spec, expected)


@contextlib.contextmanager
def _layers_as(layers: LayerFactory, owner: str) -> Iterator[None]:
    """Within it Keras makes layers of the factory's precision, and they start by its seed.

    Keras draws the seeds of first weights by Python's `random`.
    """
    before, policy = random.getstate(), keras.config.dtype_policy()
    random.seed(seeds.name_number(layers.seed, owner))
    keras.config.set_dtype_policy(layers.dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        random.setstate(before)


def _made(flag, spec, layers, owner, arguments, takes, gives) -> keras.Model:
    """The network, built and tried out."""
    with _layers_as(layers, owner):  # a module that is imported for the first time may draw
        given = load_function(flag, spec)
    with _layers_as(layers, owner):
        return _tried(flag, spec, given, arguments, takes, gives)


def _tried(flag, spec, made, arguments, takes, gives) -> keras.Model:
    wanted = "a keras.Model, or a function that makes one,"
    if not spec.startswith(f"{GIVEN}:"):
        wanted = "a function that makes a keras.Model"
    expected = f"{wanted} of {_listed(takes)} to {_listed(gives)}"

    def refusal(said):
        return SettingsError(flag, spec, f"{expected}; {said}")

    if not isinstance(made, keras.Model):
        try:
            made = made(**_taken(made, arguments))
        except Exception as error:  # a user's function may raise anything
            raise refusal(f"it raised {_said(error)}") from None
        if not isinstance(made, keras.Model):
            raise refusal(f"it gave a {type(made).__name__}")
    elif not spec.startswith(f"{GIVEN}:"):
        # It would keep its weights from one run of the process to the next.
        raise refusal("it is a model that is made already")
    for count in TRIED:
        try:
            outputs = _called(made, [tf.zeros((count, *shape)) for shape in takes], False)
        except Exception as error:
            raise refusal(f"for a batch of {count} it raised {_said(error)}") from None
        found = [tuple(getattr(output, "shape", ("?",))) for output in outputs]
        rows = [(count, *shape) for shape in gives]
        columns = [(count, *(shape or (1,))) for shape in gives]  # a logit may be a column
        if found not in (rows, columns):
            raise refusal(f"for a batch of {count} it gave {' and '.join(map(str, found))}")
    _check_graphs(made, [tf.TensorSpec((None, *shape)) for shape in takes], refusal)
    return made


def _check_graphs(network, takes, refusal) -> None:
    """Traces what training and an export will, and looks for draws outside training."""
    generators = _generators_of(network._flatten_layers())
    for training in (True, False):
        drawn = []

        def traced(*inputs, training=training):
            return _called(network, inputs, training)

        def draw(drawn=drawn):
            drawn.append(seeds.root(0))
            return drawn[-1]

        try:
            with _replaced(generators, draw):
                tf.function(traced, autograph=False).get_concrete_function(*takes)
        except Exception as error:
            when = "in training" if training else "outside training"
            of_any = f"in a graph, {when}, for a batch of any size"
            raise refusal(f"{of_any}, it raised {_said(error)}") from None
        if drawn and not training:
            raise refusal("it draws at random outside training too")


def _called(network, inputs, training) -> list:
    outputs = network(inputs[0] if len(inputs) == 1 else list(inputs), training=training)
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _listed(shapes) -> str:
    return " and ".join("(" + ", ".join(["batch", *map(str, shape)]) + ")" for shape in shapes)


def _said(error: Exception) -> str:
    text = " ".join(COLOURS.sub("", str(error)).split())
    return f"{type(error).__name__}: {text[:300]}"


def _taken(function, arguments):
    """Those of the arguments that the function has, by name; all if it takes any.

    A class that takes any hands them on to Keras, which knows none of these.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    takes_any = any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters)
    if takes_any and not inspect.isclass(function):
        return arguments
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in arguments.items() if name in names}


def random_generators(networks: Iterable[keras.Model]) -> list[keras.random.SeedGenerator]:
    """What the random layers of users' networks, such as dropout, draw their seeds from."""
    return _generators_of(
        itertools.chain.from_iterable(
            network._flatten_layers() for network in networks if isinstance(network, OwnNetwork)
        )
    )


def _generators_of(layers: Iterable[keras.layers.Layer]) -> list[keras.random.SeedGenerator]:
    found = {id(g): g for layer in layers for g in getattr(layer, "_seed_generators", ())}
    return list(found.values())


@contextlib.contextmanager
def seeded(generators: Sequence[keras.random.SeedGenerator], seed: seeds.Seed) -> Iterator[None]:
    """Within it random layers draw by this seed, one after the other, and change no state.

    So what they drop is a function of the run's seed, the step and the phase, and a run that was
    resumed drops the same. Each replica has draws of its own.
    """
    replica = tf.distribute.get_replica_context()
    if replica is not None:
        seed = seeds.fold(seed, replica.replica_id_in_sync_group)
    numbers = itertools.count()
    with _replaced(generators, lambda: seeds.fold(seed, next(numbers))):
        yield


@contextlib.contextmanager
def _replaced(
    generators: Sequence[keras.random.SeedGenerator], draw: Callable[[], seeds.Seed]
) -> Iterator[None]:
    """Within it layers that ask these generators for a seed are given what `draw` gives."""

    def next_seed(ordered: bool = True):
        del ordered
        return draw()

    for generator in generators:
        generator.next = next_seed
    try:
        yield
    finally:
        for generator in generators:
            del generator.next


def seeded_loss(loss: Callable, generators: Sequence[keras.random.SeedGenerator]) -> Callable:
    """A phase's loss, in which random layers draw by the seed that `with_seed` adds."""

    def seeded_by_draws(batch, draws):
        with seeded(generators, draws[LAYERS]):
            return loss(batch, draws)

    return seeded_by_draws


def with_seed(common_draws: Callable) -> Callable:
    """A phase's common draws, and the seed of random layers."""
    return lambda seed: {**common_draws(seed), LAYERS: seeds.fold(seed, LAYERS)}
