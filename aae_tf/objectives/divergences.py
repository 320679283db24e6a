"""Divergences of two samples: of codes and of the prior (WAE, section 3, equation 4, algorithm 2).

Samples are `(m, dim)` and `(n, dim)`; a divergence is a scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from aae_tf.seeds import Seed

Kernel = Callable[[tf.Tensor], tf.Tensor]  # of squared distances, of any shape

# The scales that the authors' code (github.com/tolstikhin/wae, wae.py) sums the kernel over.
OFFICIAL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SILVERMAN_SAMPLES = 100  # for which the width of the Cramer-Wold kernel is the rule of thumb's
ASYMPTOTIC_FROM = 20  # dimensions from which Knop et al. take the asymptotic form of their kernel
TAIL = 20  # -log of what the quadrature of that kernel leaves out
LEAST_STEPS, MOST_STEPS = 100, 2000  # of Sinkhorn's alternation
TOLERANCE = 0.01  # of a step's change of the potentials, over eps: how far the plan's rows are off


def centred(first: tf.Tensor, second: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Two samples less the mean of all their points, which moves no distance between them."""
    centre = tf.stop_gradient(tf.reduce_mean(tf.concat([first, second], 0), 0))
    return first - centre, second - centre


def squared_distances(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distances: `(m, d)` and `(n, d)` give `(m, n)`.

    They are differences of the points' squared lengths, whose rounding they have: points that may
    lie far from 0 are to be `centred` first.
    """
    cross = tf.matmul(first, second, transpose_b=True)
    norms = tf.reduce_sum(first**2, 1)[:, None] + tf.reduce_sum(second**2, 1)[None, :]
    return tf.maximum(norms - 2.0 * cross, 0.0)


def mmd(first: tf.Tensor, second: tf.Tensor, kernel: Kernel, block: int = 2000) -> tf.Tensor:
    """Unbiased estimate of the squared maximum mean discrepancy (Gretton et al., 2012, lemma 6).

    The mean of k over different pairs within each sample, less twice its mean over all pairs across
    (WAE, algorithm 2). It can be negative.

    Args:
      first: `(m, d)`, m at least 2.
      second: `(n, d)`, n at least 2.
      kernel: of squared distances.
      block: rows whose distances are held in memory at a time.

    Returns:
      A scalar.
    """

    def total(a, b):
        size = a.shape[0]
        a, b = centred(a, b)
        return tf.add_n(
            tf.reduce_sum(kernel(squared_distances(a[start : start + block], b)))
            for start in range(0, size, block)
        )

    def within(sample):
        count = tf.cast(tf.shape(sample)[0], sample.dtype)
        itself = kernel(tf.zeros([], sample.dtype)) * count
        return (total(sample, sample) - itself) / (count * (count - 1.0))

    sizes = tf.cast(tf.shape(first)[0], first.dtype) * tf.cast(tf.shape(second)[0], first.dtype)
    return within(first) + within(second) - 2.0 * total(first, second) / sizes


def inverse_multiquadratic(scale: float) -> Kernel:
    """k = C / (C + |x - y|^2) with C = `scale` (WAE, section 4).

    The paper takes C = 2 d sigma^2, the expected squared distance of two samples of a Gaussian
    prior.
    """
    return lambda squared: scale / (scale + squared)


def gaussian(scale: float) -> Kernel:
    """k = exp(-|x - y|^2 / C) with C = `scale`, the RBF kernel that the paper tried (section 4)."""
    return lambda squared: tf.exp(-squared / scale)


def multiscale(scale: float, factors: tuple[float, ...] = OFFICIAL_SCALES) -> Kernel:
    """The mean of inverse multiquadratic kernels of several scales.

    The authors' code takes the sum, which makes its penalty so many times as heavy.

    Args:
      scale: C.
      factors: of C.
    """
    kernels = [inverse_multiquadratic(factor * scale) for factor in factors]
    return lambda squared: tf.add_n([kernel(squared) for kernel in kernels]) / len(kernels)


def cramer_wold(dim: int, deviation: float = 1.0) -> Kernel:
    """The kernel whose MMD is the Cramer-Wold distance (Knop et al., 2020, theorem 3.2).

    The distance compares the smoothed densities of all one-dimensional projections:
    k = phi_d(|x - y|^2 / (4 gamma)) / (2 sqrt(pi gamma)) with Kummer's confluent hypergeometric
    function phi_d(s) = 1F1(1/2; d/2; -s). From 20 dimensions on it is its asymptotic form, as
    there. The smoothing gamma is Silverman's for 100 samples of the prior's sd, whatever the batch
    size, since with it the value would change.

    Args:
      dim: of the codes.
      deviation: sd of the prior.
    """
    gamma = (4 / (3 * SILVERMAN_SAMPLES)) ** 0.4 * deviation**2
    shape = kummer if dim < ASYMPTOTIC_FROM else asymptotic_kummer
    return lambda squared: shape(squared / (4 * gamma), dim) / (2 * math.sqrt(math.pi * gamma))


def kummer(s: tf.Tensor, dim: int) -> tf.Tensor:
    """1F1(1/2; dim/2; -s) of s from 0, of any shape: exp(-s u^2), meant over the sphere.

    u is a unit vector's first coordinate, of density C (1 - u^2)^((dim - 3)/2). From three
    dimensions on it is the integral over u = tanh(t), by equal steps as wide as the integrand is:
    within 4e-6 of itself in three dimensions, less in more.
    """
    if dim == 1:
        return tf.exp(-s)
    if dim == 2:
        return tf.math.bessel_i0e(s / 2)  # exp(-|x|) I_0(x)
    power, step = dim - 1, 0.5
    last = math.ceil((TAIL + power * math.log(2)) / math.sqrt(2 * power) / step)
    width = tf.math.rsqrt(s + power / 2)
    total = tf.ones_like(s)
    for number in range(1, last + 1):
        t = step * number * width
        log_cosh = t + tf.math.softplus(-2 * t) - math.log(2)
        total += 2 * tf.exp(-s * tf.tanh(t) ** 2 - power * log_cosh)
    constant = math.exp(math.lgamma(dim / 2) - math.lgamma(power / 2)) / math.sqrt(math.pi)
    return constant * step * width * total


def asymptotic_kummer(s: tf.Tensor, dim: int) -> tf.Tensor:
    """What `kummer` comes to in many dimensions, (1 + 4 s / (2 dim - 3))^(-1/2).

    It is off by 1 % in 20 dimensions, 3 % in eight and 13 % in three.
    """
    return tf.math.rsqrt(1 + 4 * s / (2 * dim - 3))


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
    alternation on the potentials, in logarithms: 100 steps and, where eps is small, on until the
    plan's sums are within 1 % of what they are to be, 2000 at most. The gradient is that of the
    optimum with the plan held fixed (the envelope theorem), so nothing of the alternation is kept.

    Args:
      first: `(m, d)`.
      second: `(n, d)`.
      regularisation: eps, in squared units of the code.

    Returns:
      A scalar, in squared units of the code.
    """
    costs = squared_distances(*centred(first, second))
    fixed = tf.stop_gradient(costs)
    log_m, log_n = (math.log(size) for size in fixed.shape)

    def alternate(step, change, f, g):
        before = f
        f = -regularisation * (
            tf.reduce_logsumexp((g[None, :] - fixed) / regularisation, 1) - log_n
        )
        change = tf.reduce_max(tf.abs(f - before)) / regularisation
        g = -regularisation * (
            tf.reduce_logsumexp((f[:, None] - fixed) / regularisation, 0) - log_m
        )
        return step + 1, change, f, g

    def goes_on(step, change, f, g):
        del f, g
        return (step < LEAST_STEPS) | ((change > TOLERANCE) & (step < MOST_STEPS))

    change = tf.ones([], fixed.dtype)
    start = (tf.constant(0), change, tf.zeros_like(fixed[:, 0]), tf.zeros_like(fixed[0]))
    _, _, f, g = tf.while_loop(goes_on, alternate, start)
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
    within = [entropic_transport(sample, sample, regularisation) for sample in (first, second)]
    return across - 0.5 * (within[0] + within[1])


def moment_gap(codes: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
    """What pretraining the encoder brings down (WAE, the supplement's first heuristic).

    The mean squared difference of the means plus that of the covariances, as in the authors' code.

    Args:
      codes: `(n, d)`, n at least 2.
      samples: of the prior, `(n, d)`.

    Returns:
      A scalar.
    """

    def moments(points):
        mean = tf.reduce_mean(points, 0)
        centred = points - mean
        degrees = tf.cast(tf.shape(points)[0] - 1, points.dtype)
        return mean, tf.matmul(centred, centred, transpose_a=True) / degrees

    (mean, covariance), (prior_mean, prior_covariance) = moments(codes), moments(samples)
    gap = tf.reduce_mean((mean - prior_mean) ** 2)
    return gap + tf.reduce_mean((covariance - prior_covariance) ** 2)
