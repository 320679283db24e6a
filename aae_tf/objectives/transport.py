"""Distances of optimal transport between two samples: sliced Wasserstein and Sinkhorn's."""

from __future__ import annotations

import math

import tensorflow as tf

from aae_tf.objectives.divergences import squared_distances
from aae_tf.seeds import Seed

SINKHORN_STEPS = 100


def directions(count: int, dim: int, seed: Seed, dtype=tf.float32) -> tf.Tensor:
    """Unit vectors uniform on the sphere, `(dim, count)`."""
    normal = tf.random.stateless_normal([dim, count], seed, dtype=dtype)
    return normal / tf.norm(normal, axis=0, keepdims=True)


def sorted_projections(sample: tf.Tensor, along: tf.Tensor) -> tf.Tensor:
    """Each direction's projections in ascending order: `(n, d)` and `(d, k)` give `(n, k)`."""
    return tf.sort(sample @ along, axis=0)


def sliced_wasserstein(first: tf.Tensor, second: tf.Tensor, along: tf.Tensor) -> tf.Tensor:
    """Sliced 2-Wasserstein distance between two samples of one size.

    The root of the mean, over directions, of the squared 2-Wasserstein distance of the projections,
    which sorting solves (Rabin et al., 2011; Kolouri et al., 2018, section 3).

    Args:
      first: `(n, d)`.
      second: `(n, d)`.
      along: unit vectors `(d, directions)`.

    Returns:
      A scalar, in the units of the samples.
    """
    return tf.sqrt(squared_sliced_wasserstein(first, second, along))


def squared_sliced_wasserstein(first: tf.Tensor, second: tf.Tensor, along: tf.Tensor) -> tf.Tensor:
    """The square of `sliced_wasserstein`, whose gradient is finite at 0 too."""
    gaps = sorted_projections(first, along) - sorted_projections(second, along)
    return tf.reduce_mean(gaps**2)


def entropic_transport(first: tf.Tensor, second: tf.Tensor, regularisation: float) -> tf.Tensor:
    """The cost of moving one sample onto the other, with an entropy term (Cuturi, 2013).

    min over plans P of the sum of P |x - y|^2 + eps KL(P || uniform), solved by Sinkhorn's
    alternation on the potentials, in logarithms. The gradient is that of the optimum with the plan
    held fixed (the envelope theorem), so nothing of the alternation is kept.

    Args:
      first: `(m, d)`.
      second: `(n, d)`.
      regularisation: eps, in squared units of the code.

    Returns:
      A scalar, in squared units of the code.
    """
    costs = squared_distances(first, second)
    fixed = tf.stop_gradient(costs)
    log_m, log_n = (math.log(size) for size in fixed.shape)

    def alternate(step, f, g):
        f = -regularisation * (
            tf.reduce_logsumexp((g[None, :] - fixed) / regularisation, 1) - log_n
        )
        g = -regularisation * (
            tf.reduce_logsumexp((f[:, None] - fixed) / regularisation, 0) - log_m
        )
        return step + 1, f, g

    start = (tf.constant(0), tf.zeros_like(fixed[:, 0]), tf.zeros_like(fixed[0]))
    _, f, g = tf.while_loop(lambda step, f, g: step < SINKHORN_STEPS, alternate, start)
    f, g = tf.stop_gradient(f), tf.stop_gradient(g)
    plan = tf.exp((f[:, None] + g[None, :] - fixed) / regularisation - log_m - log_n)
    value = tf.reduce_mean(f) + tf.reduce_mean(g)
    return value + tf.reduce_sum(plan * (costs - fixed))


def sinkhorn(first: tf.Tensor, second: tf.Tensor, regularisation: float) -> tf.Tensor:
    """The Sinkhorn divergence (Genevay et al., 2018, equation 5; Feydy et al., 2019).

    OT(x, y) - OT(x, x)/2 - OT(y, y)/2, which is 0 for two equal samples.

    Args:
      first: `(m, d)`.
      second: `(n, d)`.
      regularisation: in squared units of the code; towards 0 it becomes the squared 2-Wasserstein
        distance, towards infinity the squared distance of the means.

    Returns:
      A scalar, in squared units of the code.
    """
    across = entropic_transport(first, second, regularisation)
    own = [entropic_transport(sample, sample, regularisation) for sample in (first, second)]
    return across - 0.5 * (own[0] + own[1])
