"""How far a Parzen window in float32 is from one in float64."""

from __future__ import annotations

import math

import numpy as np

from aae_tf.evaluation.likelihood.model_samples import ModelSamples
from aae_tf.evaluation.likelihood.parzen import CHUNK, ParzenWindow
from aae_tf.evaluation.quality.blocks import evenly_spaced

IMAGES, SAMPLES = 100, 10_000


def error_of_float32(
    images: np.ndarray,
    centre: np.ndarray,
    sigma: float,
    samples: ModelSamples,
    count: int,
    xla: bool = True,
) -> float:
    """The largest difference, in nats, that rounding makes to log p(x).

    It is taken over up to 100 evenly spaced images and up to 10,000 samples, and against squared
    distances that are summed in float64 from the pixels' differences.

    Args:
      images: `(n, d)` in 0..1.
      centre: as for `ParzenWindow`.
      sigma: of the window.
      samples: of the window.
      count: of them.
      xla: as for `ParzenWindow`.
    """
    from scipy.spatial.distance import cdist
    from scipy.special import logsumexp

    some = images[evenly_spaced(len(images), IMAGES)]
    window = ParzenWindow(some, centre, [sigma], xla)
    sums, exponents, left = window.start(), [], min(count, SAMPLES)
    for number in range(math.ceil(left / CHUNK)):
        chunk = samples.chunk(number)
        inside = min(CHUNK, left - number * CHUNK)
        sums = window.add(sums, chunk, inside)
        wide = np.asarray(chunk[:inside], np.float64).reshape(inside, -1)
        squares = cdist(some.astype(np.float64), wide, "sqeuclidean")
        exponents.append(squares / (-2 * sigma**2))
    scale = some.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
    exact = logsumexp(np.concatenate(exponents, 1), axis=1) - math.log(left) - scale
    return float(np.abs(window.log_densities(sums)[:, 0] - exact).max())
