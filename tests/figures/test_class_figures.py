"""Figures of classes: the confusion matrix, and categorical codes over few epochs and many."""

import numpy as np
import pytest
import tiny
from sklearn.metrics import confusion_matrix

from aae_tf import seeds
from aae_tf.evaluation import Evaluator
from aae_tf.figures import class_figures
from aae_tf.figures.class_figures import categories_over_training, confusion
from aae_tf.figures.style import CARD, picture, to_png

LABELLED = {"experiment": "semi_supervised", "num_labels": "30"}


def _confusion(data=None, **changes):
    method, data = tiny.method(**{**LABELLED, **changes}), data or tiny.data()
    evaluator = Evaluator(method, seeds.root(0), data)
    return confusion(method, data, evaluator), evaluator, data


def test_the_confusion_matrix_is_scikit_learns_and_beside_it_each_classs_error():
    figure, evaluator, data = _confusion()
    matrix, errors = figure.axes
    taken = evaluator.inference.classify(data.validation).argmax(1)
    expected = 100 * confusion_matrix(data.validation.labels, taken, normalize="true")
    np.testing.assert_allclose(matrix.images[0].get_array(), expected, atol=1e-9)
    widths = [bar.get_width() for bar in errors.patches]
    np.testing.assert_allclose(widths, 100 - np.diag(expected), atol=1e-9)
    assert errors.get_xlim()[0] == 0
    names = [label.get_text() for label in matrix.get_yticklabels()]
    assert names == ["top", "middle", "bottom"] and len(to_png(figure)) > 3000


def test_without_labels_or_where_categories_are_clusters_there_is_none():
    assert _confusion(tiny.data(labelled=False))[0] is None
    clusters = {"experiment": "dim_reduction", "num_labels": "0", "num_clusters": 3}
    assert _confusion(**clusters)[0] is None


def _rows(epochs, categories=3):
    kinds = {"largest_probability": 20, "entropy": 20, "usage": categories}
    values = {f"{kind}/{n}": 1 / size for kind, size in kinds.items() for n in range(size)}
    return [{"step": e, "epoch": e, **values} for e in epochs]


@pytest.mark.parametrize("epochs", [[1], [1, 2], list(range(1, 31))], ids=len)
def test_columns_are_epochs_between_whole_numbers_and_no_wider_than_a_tenth(epochs):
    figure = categories_over_training({"": _rows(epochs)}, 3, ("top", "middle", "bottom"))
    to_png(figure)
    for axes in figure.axes[:3]:
        assert axes.get_xlim() == (0, max(10, epochs[-1]))
        edges = axes.collections[0].get_coordinates()[0, :, 0]
        np.testing.assert_allclose(edges, [0, *epochs])
        assert all(tick == int(tick) for tick in axes.get_xticks())
    usage = figure.axes[2]
    assert [label.get_text() for label in usage.get_yticklabels()] == ["top", "middle", "bottom"]
    assert not figure.axes[1].get_title()


def test_axes_labels_lie_within_a_card():
    figure = categories_over_training({"": _rows([1, 2])}, 3)
    figure.set_size_inches(CARD * figure.get_size_inches())
    figure.canvas.draw()
    for axes in figure.axes:
        box = axes.yaxis.label.get_window_extent()
        assert box.y0 >= 0 and box.y1 <= figure.bbox.y1, axes.get_ylabel()


def test_categories_that_are_no_classes_have_numbers():
    usage = categories_over_training({"": _rows([1, 2], 16)}, 16).axes[2]
    assert all(tick == int(tick) for tick in usage.get_yticks())


def test_names_stand_where_their_classes_are_unless_they_would_cover_each_other():
    generator = np.random.default_rng(0)
    for apart, expected in ((5.0, ["a", "b", "c"]), (0.0, ["a"])):
        labels = np.arange(300) % 3
        points = generator.normal(size=(300, 2), scale=0.5) + apart * labels[:, None]
        axes = picture(np.zeros((2, 2, 3))).axes[0]
        class_figures.scatter_classes(axes, points, labels, ("a", "b", "c"))
        assert [text.get_text() for text in axes.texts] == expected
        for text, number in zip(axes.texts, range(3), strict=False):
            assert np.abs(np.array(text.xy) - apart * number).max() < 0.5


@pytest.mark.parametrize("columns", [1, 2, 30])
def test_a_picture_of_few_images_does_not_draw_them_large(columns):
    figure = picture(np.zeros((10 * 9, columns * 9, 3)), columns=columns)
    assert figure.get_size_inches()[0] <= min(5.0, max(2.4, 0.55 * columns))
