"""Kernels for the maximum mean discrepancy, as functions of the squared distance."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

Kernel = Callable[[tf.Tensor], tf.Tensor]  # of squared distances

# The scales that the authors' code (github.com/tolstikhin/wae, wae.py) sums the kernel over.
OFFICIAL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SILVERMAN_SAMPLES = 100  # for which the width of the Cramer-Wold kernel is the rule of thumb's


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
    k = phi_d(|x - y|^2 / (4 gamma)) / (2 sqrt(pi gamma)), with phi_1(s) = exp(-s),
    phi_2(s) = exp(-s/2) I_0(s/2) and, for d > 2, their approximation
    (1 + 4 s / (2 d - 3))^(-1/2). The smoothing gamma is Silverman's for 100 samples of the prior's
    sd, whatever the batch size, since with it the value would change.

    Args:
      dim: of the codes.
      deviation: sd of the prior.
    """
    gamma = (4 / (3 * SILVERMAN_SAMPLES)) ** 0.4 * deviation**2

    def kernel(squared):
        s = squared / (4 * gamma)
        if dim == 1:
            shape = tf.exp(-s)
        elif dim == 2:
            shape = tf.math.bessel_i0e(s / 2)  # exp(-|x|) I_0(x)
        else:
            shape = tf.math.rsqrt(1 + 4 * s / (2 * dim - 3))
        return shape / (2 * math.sqrt(math.pi * gamma))

    return kernel
