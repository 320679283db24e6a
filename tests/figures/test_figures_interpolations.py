"""What lies between two codes, and between which images."""

import numpy as np
import pytest
import tiny
from scipy.spatial import geometric_slerp

from aae_tf import seeds
from aae_tf.evaluation import Evaluator
from aae_tf.figures import figures as module
from aae_tf.figures.figures import PAIRS, STEPS, along_line, along_sphere, interpolations, pairs_of
from aae_tf.figures.style import to_png


@pytest.fixture
def codes():
    return np.random.default_rng(0).normal(size=(2, 5, 4))


def test_line_is_numpys(codes):
    found = along_line(*codes, 7)
    for first, second, points in zip(*codes, found, strict=True):
        np.testing.assert_allclose(points, np.linspace(first, second, 7))


def test_great_circle_is_scipys(codes):
    first, second = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in codes)
    found = along_sphere(first, second, 7)
    for start, end, points in zip(first, second, found, strict=True):
        np.testing.assert_allclose(points, geometric_slerp(start, end, np.linspace(0, 1, 7)))


def test_lengths_change_evenly_along_the_sphere(codes):
    found = along_sphere(*codes, 5)
    np.testing.assert_allclose(found[:, 0], codes[0])
    np.testing.assert_allclose(found[:, -1], codes[1])
    lengths = np.linalg.norm(found, axis=-1)
    np.testing.assert_allclose(lengths, np.linspace(lengths[:, 0], lengths[:, -1], 5).T)


@pytest.mark.parametrize("second", [[1.0, 0, 0], [-1.0, 0, 0], [0.0, 0, 0]])
def test_equal_opposite_and_zero_codes_have_no_holes(second):
    found = along_sphere(np.array([[1.0, 0, 0]]), np.array([second]), 3)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0, -1], second, atol=1e-12)


def test_pairs_are_neighbours_or_of_one_category():
    assert pairs_of(None, 5).tolist() == [[0, 1], [2, 3]]
    assert pairs_of(np.array([0, 1, 2, 1, 0, 0, 2]), 7).tolist() == [[1, 3], [0, 4], [2, 6]]
    assert pairs_of(None, 100).shape == (PAIRS, 2)
    assert pairs_of(np.arange(4), 4).shape == pairs_of(None, 1).shape == (0, 2)


def _drawn(data, decoded=None, **changes):
    """The method and the figure's cells; `decoded` takes the codes that were decoded."""
    method = tiny.method(**changes)
    evaluator = Evaluator(method, seeds.root(0), data)
    decode = evaluator.inference.decode

    def noting(codes, categories, of_block):
        decoded.append(codes) if decoded is not None else None
        return decode(codes, categories, of_block)

    evaluator.inference.decode = noting
    figure = interpolations(method, data, evaluator)
    canvas = np.asarray(figure.axes[0].images[0].get_array())[..., 0]
    rows = canvas.shape[0] // 9 + 1
    cells = [
        [canvas[9 * r : 9 * r + 8, 9 * c : 9 * c + 8] for c in range(STEPS + 2)]
        for r in range(rows)
    ]
    assert len(to_png(figure)) > 3000
    return method, np.array(cells)


@pytest.mark.parametrize("prior", [{}, {"prior": "sphere", "latent_dim": 8}])
def test_rows_go_from_one_image_to_the_next(prior):
    data, decoded = tiny.data(), []
    method, cells = _drawn(data, decoded, encoder_units="64", **prior)
    images = data.validation.intensities()
    rebuilt = method.reconstruct(images).numpy()[..., 0]
    for number, row in enumerate(cells):
        first, second = 2 * number, 2 * number + 1
        np.testing.assert_allclose(row[[0, -1]], images[[first, second], ..., 0], atol=1e-6)
        np.testing.assert_allclose(row[[1, -2]], rebuilt[[first, second]], atol=1e-4)
    codes = method.encode(images[: 2 * PAIRS]).numpy()
    expected = (along_sphere if prior else along_line)(codes[::2], codes[1::2], STEPS)
    np.testing.assert_allclose(decoded[0], expected.reshape(-1, method.latent_dim), atol=1e-5)


def test_a_decoder_that_takes_the_class_keeps_it():
    data = tiny.data()
    method, cells = _drawn(data, experiment="style", latent_dim=3)
    images, labels = data.validation.intensities(), data.validation.labels
    for row, (first, second) in zip(cells, pairs_of(labels, 40), strict=True):
        assert labels[first] == labels[second]
        pair = [first, second]
        rebuilt = method.reconstruct(images[pair], labels[pair]).numpy()[..., 0]
        np.testing.assert_allclose(row[[0, -1]], images[pair, ..., 0], atol=1e-6)
        np.testing.assert_allclose(row[[1, -2]], rebuilt, atol=1e-4)


def test_categories_of_the_encoder_are_kept(monkeypatch):
    monkeypatch.setattr(module, "CANDIDATES", 30)
    data = tiny.data(labelled=False)
    method, cells = _drawn(data, experiment="clustering", latent_dim=3, num_clusters=2, seed=3)
    images = data.validation.intensities()[:30]
    clusters = method.classify(images).numpy().argmax(1)
    assert 3 < np.sum(clusters == 0) < 27
    for row, pair in zip(cells, pairs_of(clusters, 30), strict=True):
        assert clusters[pair[0]] == clusters[pair[1]]
        one_hot = np.eye(2, dtype=np.float32)[clusters[pair]]
        decoded = method.decode(method.encode(images[pair]), one_hot).numpy()[..., 0]
        np.testing.assert_allclose(row[[1, -2]], decoded, atol=1e-4)


def test_where_there_is_no_pair_there_is_no_figure():
    data = tiny.data(validation=1)
    method = tiny.method()
    assert interpolations(method, data, Evaluator(method, seeds.root(0))) is None
