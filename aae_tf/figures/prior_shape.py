"""The prior as figures need it: regions of high density, percentiles, a map of the sphere."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from aae_tf import seeds
from aae_tf.priors import distributions

SAMPLES = 20_000  # of which quantiles are taken
REGIONS = (0.5, 0.9, 0.99)  # shares of the prior's mass in the shaded regions


def samples(prior, count: int) -> np.ndarray:
    """The prior's samples with a fixed seed, `(count, latent_dim)`."""
    return prior.sample(count, seed=seeds.fold(seeds.root(0), "prior_shape")).numpy()


def density_levels(prior) -> np.ndarray | None:
    """Log densities at the edges of the highest-density regions, widest region first."""
    if not distributions.has_density(prior):
        return None
    drawn = samples(prior, SAMPLES)
    log_density = np.asarray(prior.log_prob(tf.constant(drawn)))
    return np.unique(np.quantile(log_density, [1 - share for share in sorted(REGIONS)[::-1]]))


def is_on_sphere(prior, dim: int) -> bool:
    """Whether codes lie on the unit sphere of R^3, which has a map of its own."""
    return dim == 3 and lies_on_sphere(prior)


def lies_on_sphere(prior) -> bool:
    """Whether the prior is a sphere of any dimension."""
    return isinstance(prior, tfp.distributions.SphericalUniform)


def projection_of(prior, dim: int) -> str | None:
    """The projection of the axes in which codes of so many dimensions are drawn over a prior."""
    return "mollweide" if is_on_sphere(prior, dim) else None


def to_map(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude in radians of points `(n, 3)`, projected onto the sphere."""
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    return np.arctan2(unit[:, 1], unit[:, 0]), np.arcsin(np.clip(unit[:, 2], -1, 1))


def percentile_grid(prior, dim: int, side: int) -> np.ndarray | None:
    """Codes at evenly spaced percentiles of the prior along two dimensions (AAE, figure 2e).

    Args:
      prior: of the codes.
      dim: their size.
      side: points along each dimension.

    Returns:
      `(side * side, dim)`, top row first, or None where the code isn't a plane or a sphere in 3-D.
    """
    shares = (np.arange(side) + 0.5) / side
    if is_on_sphere(prior, dim):
        # Longitude and height are independent and uniform on the sphere (Archimedes).
        longitude, height = np.meshgrid(2 * np.pi * shares - np.pi, 1 - 2 * shares)
        ring = np.sqrt(1 - height**2)
        grid = np.stack([ring * np.cos(longitude), ring * np.sin(longitude), height], -1)
        return grid.reshape(-1, 3)
    if dim != 2:
        return None
    drawn = samples(prior, SAMPLES)
    across, up = np.quantile(drawn[:, 0], shares), np.quantile(drawn[:, 1], shares[::-1])
    return np.stack(np.meshgrid(across, up), -1).reshape(-1, 2)


def is_likely(prior, codes: np.ndarray) -> np.ndarray:
    """Which codes lie within the region of 99 % of the prior's mass; all, if it has no density."""
    levels = density_levels(prior)
    if levels is None:
        return np.ones(len(codes), bool)
    dtype = prior.dtype if hasattr(prior, "dtype") else tf.float32
    return np.asarray(prior.log_prob(tf.constant(codes, dtype))) >= levels[0] - 1e-6
