"""Cluster errors by hand: the paper's protocol, majority, assignment, NMI and ARI."""

import numpy as np
import pytest

from aae_tf.evaluation.clustering import (
    clustering_measures,
    error_percent,
    heads_by_assignment,
    heads_by_confidence,
    heads_by_majority,
)

# Three clusters, two classes; q(y|x) of six validation images.
VALIDATION = np.log(
    [
        [0.90, 0.05, 0.05],
        [0.60, 0.30, 0.10],
        [0.70, 0.20, 0.10],
        [0.10, 0.80, 0.10],
        [0.20, 0.10, 0.70],
        [0.10, 0.10, 0.80],
    ]
)
LABELS = np.array([1, 0, 0, 1, 0, 1])


def test_paper_labels_a_cluster_by_its_most_confident_image_not_by_majority():
    # Cluster 0 holds classes 1, 0, 0, and its most confident image is of class 1.
    assert heads_by_confidence(VALIDATION, LABELS).tolist() == [1, 1, 1]
    clusters = VALIDATION.argmax(1)
    assert heads_by_majority(clusters, LABELS, 3, 2).tolist() == [0, 1, 0]


def test_near_certainties_are_told_apart():
    near = np.array([[-1e-12, -28.0], [-1e-14, -32.0], [-5.0, -0.01]])
    assert np.exp(near).astype(np.float32)[0, 0] == np.exp(near).astype(np.float32)[1, 0] == 1
    assert heads_by_confidence(near, np.array([3, 4, 5]))[0] == 4


def test_empty_cluster_gets_the_commonest_class():
    clusters, labels = np.array([0, 0, 2, 2, 2]), np.array([0, 0, 1, 1, 1])
    assert heads_by_majority(clusters, labels, 3, 2).tolist() == [0, 1, 1]


def test_assignment_is_one_to_one_where_majority_is_not():
    clusters = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    labels = np.array([0, 0, 1, 0, 0, 0, 1, 1])
    assert heads_by_majority(clusters, labels, 2, 2).tolist() == [0, 0]
    assert sorted(heads_by_assignment(clusters, labels, 2)) == [0, 1]


def test_measures_of_test_images_take_their_classes_from_validation_images():
    test = np.log([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.4, 0.5, 0.1]])
    labels = np.array([1, 1, 0, 0])
    found = clustering_measures(test, labels, VALIDATION, LABELS, num_classes=2)
    assert found["error_percent"] == 50  # all read as class 1
    assert found["error_majority_percent"] == 50  # 0, 1, 0, 1 against 1, 1, 0, 0
    assert "error_assigned_percent" not in found  # three clusters, two classes


def test_names_of_clusters_do_not_matter():
    labels = np.arange(30) % 3
    perfect = np.log(np.eye(3)[(labels + 1) % 3] * 0.9 + 0.03)
    found = clustering_measures(perfect, labels, perfect, labels, num_classes=3)
    assert found["error_percent"] == found["error_assigned_percent"] == 0
    assert found["nmi"] == pytest.approx(1) and found["ari"] == pytest.approx(1)


def test_error_is_in_percent():
    assert error_percent(np.array([0, 1, 2, 3]), np.array([0, 1, 2, 0])) == 25
