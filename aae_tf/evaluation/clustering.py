"""Metrics of categories, clusters and parts of the prior (AAE, sections 2.3, 5 and 6).

How well they agree with the classes, and how the categories are used.
"""

from __future__ import annotations

import numpy as np

BINS = 20  # of histograms


def error_percent(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Share of wrong classes, in percent."""
    return 100.0 * float(np.mean(predicted != labels))


def classes_by_confidence(log_probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The paper's way to label clusters: by the validation image with the largest q(y_i|x).

    Args:
      log_probabilities: log q(y|x) of validation images, `(n, clusters)`; in float32, or without
        the log, many images share a probability of exactly 1, and the first of them would be taken.
      labels: theirs, `(n,)`.

    Returns:
      A class for each cluster, `(clusters,)` (AAE, section 6).
    """
    return labels[log_probabilities.argmax(0)]


def classes_by_majority(
    clusters: np.ndarray, labels: np.ndarray, num_clusters: int, num_classes: int
) -> np.ndarray:
    """The commonest class of each cluster's validation images, `(num_clusters,)`.

    A cluster without any gets the commonest class of all.
    """
    counts = contingency(clusters, labels, num_clusters, num_classes)
    counts[counts.sum(1) == 0] = counts.sum(0)
    return counts.argmax(1)


def classes_by_assignment(clusters: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The one-to-one assignment of clusters to as many classes that gets most images right."""
    from scipy.optimize import linear_sum_assignment

    counts = contingency(clusters, labels, num_classes, num_classes)
    return linear_sum_assignment(counts, maximize=True)[1]


def contingency(
    clusters: np.ndarray, labels: np.ndarray, num_clusters: int, num_classes: int
) -> np.ndarray:
    """How many images each cluster has of each class, `(num_clusters, num_classes)`."""
    counts = np.zeros((num_clusters, num_classes), np.int64)
    np.add.at(counts, (clusters, labels), 1)
    return counts


def clustering_metrics(
    log_probabilities: np.ndarray,
    labels: np.ndarray,
    validation_log_probabilities: np.ndarray,
    validation_labels: np.ndarray,
    num_classes: int,
) -> dict[str, float]:
    """Scores a clustering; clusters get their class from validation images only.

    Args:
      log_probabilities: log q(y|x) of the images to score, `(n, clusters)`.
      labels: theirs, `(n,)`.
      validation_log_probabilities: `(m, clusters)`.
      validation_labels: `(m,)`.
      num_classes: of the data.

    Returns:
      'error_percent': by the paper's protocol; 'error_majority_percent': by majority;
      'error_assigned_percent': by the Hungarian assignment, where there are as many clusters as
      classes; 'nmi', 'ari': normalised mutual information, adjusted Rand index (scikit-learn).
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    num_clusters = log_probabilities.shape[1]
    clusters, held_out = log_probabilities.argmax(1), validation_log_probabilities.argmax(1)
    ways = {
        "error_percent": classes_by_confidence(validation_log_probabilities, validation_labels),
        "error_majority_percent": classes_by_majority(
            held_out, validation_labels, num_clusters, num_classes
        ),
    }
    if num_clusters == num_classes:
        ways["error_assigned_percent"] = classes_by_assignment(
            held_out, validation_labels, num_classes
        )
    return {
        **{name: error_percent(heads[clusters], labels) for name, heads in ways.items()},
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }


def entropies(probabilities: np.ndarray) -> np.ndarray:
    """Entropy of each q(y|x), `(n,)`, in nats; 0 for a one-hot one."""
    wide = np.asarray(probabilities, np.float64)
    return -np.sum(np.where(wide > 0, wide * np.log(np.where(wide > 0, wide, 1)), 0), 1)


def usage(probabilities: np.ndarray) -> np.ndarray:
    """The share of images whose most probable category each one is, `(categories,)`."""
    size = probabilities.shape[1]
    return np.bincount(probabilities.argmax(1), minlength=size) / len(probabilities)


def category_metrics(probabilities: np.ndarray) -> dict[str, float]:
    """What a categorical code looks like over a split.

    Args:
      probabilities: q(y|x), `(n, categories)`.

    Returns:
      'largest_probability': its mean, 1 for one-hot codes; 'category_entropy': the mean entropy of
      q(y|x) in nats; 'categories_in_use': e to the entropy of `usage`, which is the number of
      categories if all are used alike.
    """
    shares = usage(probabilities)
    return {
        "largest_probability": float(probabilities.max(1).mean()),
        "category_entropy": float(entropies(probabilities).mean()),
        "categories_in_use": float(np.exp(entropies(shares[None])[0])),
    }


def histograms(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Shares of images by largest probability and by entropy, in equal bins, and `usage`.

    Returns:
      'largest_probability': `(BINS,)` from 0 to 1; 'entropy': `(BINS,)` from 0 to log(categories);
      'usage': `(categories,)`.
    """
    top = np.log(probabilities.shape[1])
    largest, _ = np.histogram(probabilities.max(1), BINS, (0, 1))
    entropy, _ = np.histogram(np.clip(entropies(probabilities), 0, top), BINS, (0, top))
    count = len(probabilities)
    return {
        "largest_probability": largest / count,
        "entropy": entropy / count,
        "usage": usage(probabilities),
    }


def component_metrics(posterior: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How often the prior's most probable part, given the code, is the class's.

    Args:
      posterior: p(part | code) under the prior, `(n, parts)`.
      labels: `(n,)`, classes that the parts of the same number stand for.

    Returns:
      'component_share': that share; 'component_share_matched': the same if the parts were given to
      the classes so as to make it largest, which is what a run without labels can be asked for.
    """
    parts, count = posterior.argmax(1), posterior.shape[1]
    matched = classes_by_assignment(parts, labels, count)
    right = contingency(parts, labels, count, count)[np.arange(count), matched].sum()
    return {
        "component_share": float(np.mean(parts == labels)),
        "component_share_matched": float(right / len(labels)),
    }
