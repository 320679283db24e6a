"""Figures are bounded in pixels, and so in memory, whatever the shape of the images."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.data import ImageData, Split
from aae_tf.evaluation import Evaluator
from aae_tf.figures import compare, figures, prior_shape
from aae_tf.figures.style import PICTURE_SIDE, Thumbnails, tile, to_png

SHAPES = [(1, 1, 1), (500, 1, 1), (1, 500, 3), (3, 3000, 1), (150, 120, 3)]
LARGE = (2048, 2048, 1)
EXPERIMENTS = {
    "gaussian": {"evaluation": "nearest"},
    "style": {},
    "label_mixture": {"prior_components": 3},
    "clustering": {"num_clusters": 40},
}


def _data(shape, count):
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    split = Split(images, np.arange(count) % 3)
    return ImageData("noise", split, split, split, ("a", "b", "c"))


def _method(shape, experiment):
    """A method whose networks are functions of the images' first pixel, for images of any shape."""
    changes = {k: v for k, v in EXPERIMENTS[experiment].items() if k != "evaluation"}
    method = tiny.method(experiment=experiment, **changes)
    method.image_shape, dim = shape, method.latent_dim
    if "evaluation" in EXPERIMENTS[experiment]:
        method.figures += ("nearest",)

    def encode(images, noise=None):
        return tf.tile(images[:, 0, 0, :1], [1, dim])

    def decode(codes, categories=None):
        grey = tf.nn.sigmoid(codes[:, :1, None, None])
        return tf.broadcast_to(grey, [tf.shape(codes)[0], *shape])

    method.encode, method.decode = encode, decode
    method.reconstruct = lambda images, labels=None: decode(encode(images))
    if hasattr(method, "classify"):
        method.classify = lambda images: tf.one_hot(
            tf.cast(10 * images[:, 0, 0, 0], tf.int32), method.num_categories
        )
    return method


@pytest.fixture
def coarse(monkeypatch):
    """Priors in little detail: the density of a roll takes long."""
    monkeypatch.setattr(figures, "DENSITY_SIDE", 30)
    monkeypatch.setattr(prior_shape, "SAMPLES", 1000)


def _check(drawn):
    for name, figure in drawn.items():
        assert max(figure.get_size_inches()) * 150 <= 4096, name
        for axes in figure.axes:
            for image in axes.images:
                assert max(image.get_array().shape) <= PICTURE_SIDE, name


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_figures_of_any_shape_are_bounded(shape, coarse):
    data, method = _data(shape, 30), _method(shape, "gaussian")
    _check(figures.draw_all(method, data, Evaluator(method, seeds.root(0), data)))


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if name != "gaussian"])
def test_figures_of_classes_are_bounded(experiment, coarse):
    data, method = _data((500, 2, 1), 30), _method((500, 2, 1), experiment)
    _check(figures.draw_all(method, data, Evaluator(method, seeds.root(0), data)))


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_runs_side_by_side_are_bounded(shape, coarse):
    data, method = _data(shape, 30), _method(shape, "gaussian")
    run = compare.Restored(method, data, Evaluator(method, seeds.root(0), data))
    _check(compare.draw_all({"one": run, "other": run}))


@pytest.mark.slow
def test_figures_of_large_images_are_bounded(coarse):
    data, method = _data(LARGE, 6), _method(LARGE, "gaussian")
    drawn = figures.draw_all(method, data, Evaluator(method, seeds.root(0), data))
    _check(drawn)
    for figure in drawn.values():
        assert len(to_png(figure)) > 1000


def test_a_hundred_categories_are_drawn_at_most(coarse):
    data = _data((8, 8, 1), 30)
    for experiment, changes in (("clustering", {"num_clusters": 3000}), ("style", {})):
        method = tiny.method(experiment=experiment, **changes)
        evaluator = Evaluator(method, seeds.root(0), data)
        method.figures = tuple({"clusters", "style_grid"} & set(method.figures))
        _check(figures.draw_all(method, data, evaluator))


def test_thumbnails_are_averages_and_small_images_stay():
    images = np.random.default_rng(0).random((4, 400, 200, 3)).astype(np.float32)
    small = Thumbnails(images.shape[1:], 2, 2, gap=0, side=200)
    assert small.shape == (100, 50, 3)
    expected = images.reshape(4, 100, 4, 50, 4, 3).mean((2, 4))
    np.testing.assert_allclose(small(images), expected, rtol=1e-5)
    assert tile(small(images), 2, gap=0).shape == (200, 100, 3)
    assert Thumbnails(images.shape[1:], 2, 2)(images) is images


def test_pixels_of_a_long_picture_fill_the_axes_and_others_are_squares():
    for shape, aspect in (((500, 1, 1), "auto"), ((8, 8, 1), 1.0)):
        data, method = _data(shape, 30), _method(shape, "gaussian")
        method.figures = ("samples",)
        drawn = figures.draw_all(method, data, Evaluator(method, seeds.root(0), data))
        assert drawn["samples"].axes[0].get_aspect() == aspect
