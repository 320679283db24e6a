"""How well the codes match the prior, beside what the prior's own samples give.

Two finite samples of one distribution are never at distance 0, so each number has a companion that
ends in `_of_prior`: the same number between samples of the prior, of the same size. Codes as good
as the prior give that, not 0.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from aae_tf import seeds
from aae_tf.objectives import divergences
from aae_tf.priors import distributions
from aae_tf.results.metrics import has_meaning
from aae_tf.utils import evenly_spaced

DIRECTIONS = 200
SAMPLES = 5  # of the prior, each as large as the set of codes
PAIRWISE_AT_MOST = 4000  # codes for what looks at pairs, or at densities that are costly
PAIRWISE_ROWS = 250  # whose distances to all of these are in memory at a time
CLASSIFIED_AT_LEAST, CLASSIFIED_AT_MOST = 10, 10_000  # codes that are told from samples
STEPS = 500  # in which that is learned
NEIGHBOURS = 5  # as Naeem et al. choose for coverage
AROUND_MODES = 0.5  # share of the prior's mass in the region around its modes
# They scatter around 0: their root mean square says how far.
SIGNED = ("mmd", "mode_excess", "total_variation")


class PriorMatch:
    """Compares sets of codes of one size with the prior.

    Args:
      prior: with `sample(shape, seed)`.
      count: codes in a set.
      seed: of the prior's samples and of the directions to project on.
    """

    def __init__(self, prior, count: int, seed: seeds.Seed):
        def sample(purpose, number):
            drawn = prior.sample(count, seed=seeds.fold(seed, purpose, number))
            return tf.cast(drawn, tf.float64)

        self._references = [sample("reference", number) for number in range(SAMPLES)]
        dim = self._references[0].shape[1]
        self._along = divergences.directions(
            DIRECTIONS, dim, seeds.fold(seed, "directions"), tf.float64
        )
        # MNIST's test images, for one, are sorted by who wrote them.
        self._some = evenly_spaced(count, PAIRWISE_AT_MOST)
        self._many = evenly_spaced(count, CLASSIFIED_AT_MOST)
        self._has_nearby = has_meaning("coverage", dim)
        self._reference = tf.gather(self._references[0], self._some)
        neighbours = min(NEIGHBOURS, len(self._some) - 1) + 1  # each point's nearest is itself
        self._squared_radii = self._from_reference(
            self._reference, lambda among: -tf.math.top_k(-among, neighbours).values[:, -1]
        )
        # The prior's side of the sliced Wasserstein distance is the same at every evaluation.
        self._projected = [
            divergences.sorted_projections(reference, self._along) for reference in self._references
        ]
        everything = tf.concat(self._references, 0)
        spread = float(tf.reduce_sum(tf.math.reduce_variance(everything, 0)))
        # The expected squared distance of two samples, as WAE scales its kernel.
        self._kernel = divergences.inverse_multiquadratic(2 * spread)
        self._gaussian = _gaussian_moments(prior)
        self._log_density, self._edge = _region_around_modes(prior, self._reference)

        rows = [self._distances(sample("own", number)) for number in range(SAMPLES)]
        self._of_prior = {}
        for key in rows[0]:
            values = [row[key] for row in rows]
            mean = np.sqrt(np.mean(np.square(values))) if key in SIGNED else np.mean(values)
            self._of_prior[f"{key}_of_prior"] = float(mean)

    def evaluate(self, codes: np.ndarray) -> dict[str, float]:
        """The distances of codes `(count, latent_dim)` from the prior, and the prior's own.

        Returns:
          'sliced_wasserstein': 2-Wasserstein, in units of the code; 'mmd': unbiased, squared, with
          WAE's inverse multiquadratic kernel; in up to three dimensions 'coverage': the share of
          the prior's samples that have a code nearer than their fifth nearest neighbour among
          themselves, which holes in the codes lower (Naeem et al., 2020, section 3.2), and
          'empty_region': the share that have none, 1 - coverage; in more, where a hole has codes
          nearby in other directions, 'total_variation' (see the function); for a Gaussian prior
          'mean_error': Euclidean, and
          'covariance_error': Frobenius; for a prior whose density is known and not flat
          'mode_excess': the share of the codes in the smallest region that holds half the prior's
          mass, less that half, from -0.5 to 0.5. Each with its '..._of_prior'.
        """
        return {**self._distances(tf.constant(codes, tf.float64)), **self._of_prior}

    def _distances(self, codes: tf.Tensor) -> dict[str, float]:
        projected = divergences.sorted_projections(codes, self._along)
        sliced = [tf.sqrt(tf.reduce_mean((projected - p) ** 2)) for p in self._projected]
        some = tf.gather(codes, self._some)
        metrics = {
            "sliced_wasserstein": float(np.mean(sliced)),
            "mmd": float(divergences.mmd(some, self._reference, self._kernel, PAIRWISE_ROWS)),
        }
        if self._has_nearby:
            metrics["coverage"] = float(self._coverage(some))
            metrics["empty_region"] = 1 - metrics["coverage"]
        elif len(self._many) >= CLASSIFIED_AT_LEAST:
            pair = (tf.gather(each, self._many).numpy() for each in (codes, self._references[0]))
            metrics["total_variation"] = total_variation(*pair)
        if self._gaussian is not None:
            mean, covariance = self._gaussian
            metrics["mean_error"] = float(np.linalg.norm(codes.numpy().mean(0) - mean))
            metrics["covariance_error"] = float(
                np.linalg.norm(np.cov(codes.numpy(), rowvar=False) - covariance)
            )
        if self._log_density is not None:
            around = np.mean(self._log_density(some) >= self._edge)
            metrics["mode_excess"] = float(around) - AROUND_MODES
        return metrics

    def _coverage(self, codes: tf.Tensor) -> tf.Tensor:
        nearest = self._from_reference(codes, lambda squared: tf.reduce_min(squared, 1))
        return tf.reduce_mean(tf.cast(nearest <= self._squared_radii, tf.float64))

    def _from_reference(self, codes: tf.Tensor, of_block) -> tf.Tensor:
        """What a function of squared distances gives for each of the prior's samples."""
        starts = range(0, len(self._some), PAIRWISE_ROWS)
        rows = [self._reference[start : start + PAIRWISE_ROWS] for start in starts]
        return tf.concat([of_block(divergences.squared_distances(r, codes)) for r in rows], 0)


def total_variation(codes: np.ndarray, samples: np.ndarray) -> float:
    """How far a classifier tells codes from samples of the prior, in any number of dimensions.

    The total variation distance is the share of the prior's mass that would have to move, for
    codes that follow the prior but for an empty region that region's share. No classifier is right
    more often than (1 + distance) / 2, so twice a network's accuracy on held-out points less 1 is
    what of the distance it finds (a classifier two-sample test: Lopez-Paz & Oquab, 2017).

    Args:
      codes: `(n, dim)`.
      samples: `(n, dim)`.

    Returns:
      Up to 1; around 0, or a little below it, for equal distributions. NaN of what isn't finite.
    """
    from sklearn.neural_network import MLPClassifier

    points = np.concatenate([codes, samples])
    if not np.isfinite(points).all():
        return math.nan
    points = (points - points.mean(0)) / np.maximum(points.std(0), np.finfo(points.dtype).tiny)
    points = np.concatenate([points, (points**2 - 1) / math.sqrt(2)], 1)
    is_code = np.arange(len(points)) < len(codes)
    held_out = np.tile(np.arange(len(codes)) % 5 == 4, 2)
    size = min(256, np.sum(~held_out))
    epochs = min(100, math.ceil(STEPS / math.ceil(np.sum(~held_out) / size)))
    classifier = MLPClassifier(
        (32, 32),
        alpha=0.3,
        batch_size=size,
        learning_rate_init=3e-3,
        max_iter=epochs,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of so few epochs
        classifier.fit(points[~held_out], is_code[~held_out])
    return 2 * float(classifier.score(points[held_out], is_code[held_out])) - 1


def _gaussian_moments(prior) -> tuple[np.ndarray, np.ndarray] | None:
    if isinstance(prior, tfp.distributions.MultivariateNormalDiag):
        return prior.mean().numpy(), prior.covariance().numpy()
    return None


def _region_around_modes(prior, drawn: tf.Tensor):
    """The log density as a function of codes, and its value at the edge of half the mass.

    (None, None) for a prior without a density, or whose density is the same everywhere.
    """
    if not distributions.has_density(prior):
        return None, None

    def log_density(codes):
        return np.asarray(prior.log_prob(tf.cast(codes, getattr(prior, "dtype", codes.dtype))))

    of_samples = log_density(drawn)
    if np.ptp(of_samples) < 1e-3:
        return None, None
    return log_density, np.quantile(of_samples, 1 - AROUND_MODES)
