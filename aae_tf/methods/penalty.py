"""A divergence of codes from the prior's samples, by its name, and what it draws.

Costs and divergences of the user's own are tried out before training (`load_and_try`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.objectives import divergences
from aae_tf.objectives.divergences import mmd
from aae_tf.priors import distributions
from aae_tf.settings import Settings
from aae_tf.settings.own import is_own, load_function
from aae_tf.training.phase import Draws

OFFSET_SAMPLES = 6400  # of the prior, from which a transport's offset is taken
ORDER = ("first", "second")  # in words, for errors


@dataclasses.dataclass(frozen=True)
class Penalty:
    """D(q(z), p(z)) from a batch of codes (WAE, section 3, equation 4).

    Args:
      value: of codes, samples of the prior, each `(batch, dim)`, and the common draws; a scalar.
      common_draws: what it draws beside the samples.
    """

    value: Callable[[tf.Tensor, tf.Tensor, Draws], tf.Tensor]
    common_draws: Callable[[seeds.Seed], Draws] = lambda seed: {}


def build(settings: Settings, prior, dim: int, dtype) -> Penalty:
    """The penalty that the settings name, 'gan' apart.

    Args:
      settings: of the run.
      prior: to be matched.
      dim: of the codes.
      dtype: of codes and draws.

    Raises:
      SettingsError: if a divergence of the user's own can't be used.
    """
    chosen, size = settings.wasserstein, settings.training.batch_size
    name = chosen.divergence
    if is_own(name):
        return _users(name, prior, size, dim, dtype)
    spread = distributions.expected_squared_distance(prior)
    kernel = {
        "mmd_imq": lambda: divergences.inverse_multiquadratic(spread),
        "mmd_rbf": lambda: divergences.gaussian(spread),
        "mmd_multiscale": lambda: divergences.multiscale(spread),
        "cramer_wold": lambda: divergences.cramer_wold(dim, distributions.typical_scale(prior)),
    }.get(name)
    if kernel is not None:
        of_squares = kernel()
        return Penalty(lambda codes, samples, draws: mmd(codes, samples, of_squares))
    transport = {"sliced_wasserstein": _sliced, "sinkhorn": _sinkhorn}[name]
    return _less_its_offset(transport(chosen, spread, dim, dtype), prior, size, dtype)


def _sliced(chosen, spread, dim, dtype) -> Penalty:
    def common_draws(seed):
        folded = seeds.fold(seed, "directions")
        return {"directions": divergences.directions(chosen.projections, dim, folded, dtype)}

    def value(codes, samples, draws):
        return divergences.squared_sliced_wasserstein(codes, samples, draws["directions"])

    return Penalty(value, common_draws)


def _sinkhorn(chosen, spread, dim, dtype) -> Penalty:
    regularisation = chosen.entropy_share * spread
    return Penalty(
        lambda codes, samples, draws: divergences.sinkhorn(codes, samples, regularisation)
    )


def _less_its_offset(raw: Penalty, prior, size, dtype) -> Penalty:
    """Takes off what two samples of the prior of that size are apart on average.

    Transport between finite samples is never 0, and the less so the fewer they are. With that taken
    off, codes as good as the prior's samples give 0 on average whatever the batch size, as they do
    with the unbiased MMD. It is a constant and changes no gradient.
    """

    @tf.function
    def apart(seed):
        first, second = (
            tf.cast(prior.sample(size, seed=seeds.fold(seed, purpose)), dtype)
            for purpose in ("first", "second")
        )
        return raw.value(first, second, raw.common_draws(seed))

    root, count = seeds.fold(seeds.root(0), "offset"), max(4, OFFSET_SAMPLES // size)
    offset = float(np.mean([apart(seeds.fold(root, number)) for number in range(count)]))
    return Penalty(
        lambda codes, samples, draws: raw.value(codes, samples, draws) - offset, raw.common_draws
    )


def _users(spec: str, prior, size: int, dim: int, dtype) -> Penalty:
    drawn = [tf.cast(prior.sample(size, seed=seeds.root(number)), dtype) for number in (1, 2)]
    expected = f"a function of two tensors of shape ({size}, {dim}) that returns a scalar"
    function, value = load_and_try("divergence", spec, expected, drawn, moved=0)
    if value.shape.rank != 0:
        raise SettingsError("divergence", spec, f"{expected}; it returned shape {value.shape}")
    return Penalty(lambda codes, samples, draws: tf.cast(function(codes, samples), dtype))


def load_and_try(
    flag: str, spec: str, expected: str, arguments: Sequence[tf.Tensor], moved: int
) -> tuple[Callable, tf.Tensor]:
    """The function, and what it gives of these arguments.

    Args:
      flag: whose value it is, for the error.
      spec: 'package.module:function'.
      expected: what it has to be, in words.
      arguments: to try it out on.
      moved: which of them training moves: with respect to it there has to be a gradient.

    Raises:
      SettingsError: if it can't be imported, raises an error, or is no function that TensorFlow
        can put in a graph and take the gradient of.
    """
    function = load_function(flag, spec)

    @tf.function
    def gradient(*given):
        with tf.GradientTape() as tape:
            tape.watch(given[moved])
            value = tf.convert_to_tensor(function(*given))
        return tape.gradient(value, given[moved])

    try:
        value = tf.convert_to_tensor(function(*arguments))
    except Exception as error:  # a user's function may raise anything
        raise SettingsError(flag, spec, f"{expected}; it raised {error!r}") from None
    try:
        slope = gradient(*arguments)
    except Exception as error:  # whatever of it is no operation of TensorFlow's
        last = str(error).strip().rpartition("\n")[2].strip()  # the others are where it was
        said = f"{type(error).__name__}: {last}"
        expected = f"{expected}, of TensorFlow's operations; in a graph it raised {said}"
        raise SettingsError(flag, spec, expected) from None
    if slope is None:
        expected = f"{expected}; it has no gradient with respect to the {ORDER[moved]}"
        raise SettingsError(flag, spec, expected)
    return function, value
