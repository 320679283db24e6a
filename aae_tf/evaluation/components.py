"""Whether codes lie in their class's part of the prior (AAE, section 2.3)."""

from __future__ import annotations

import numpy as np

from aae_tf.evaluation.clustering import contingency, heads_by_assignment


def component_measures(posterior: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How often the prior's most probable part, given the code, is the class's.

    Args:
      posterior: p(part | code) under the prior, `(n, parts)`.
      labels: `(n,)`, classes that the parts of the same number stand for.

    Returns:
      'component_share': that share; 'component_share_matched': the same if the parts were given to
      the classes so as to make it largest, which is what a run without labels can be asked for.
    """
    parts, count = posterior.argmax(1), posterior.shape[1]
    matched = heads_by_assignment(parts, labels, count)
    right = contingency(parts, labels, count, count)[np.arange(count), matched].sum()
    return {
        "component_share": float(np.mean(parts == labels)),
        "component_share_matched": float(right / len(labels)),
    }
