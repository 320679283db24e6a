"""The figure of samples and their nearest training images."""

import numpy as np
import pytest
import tiny
from sklearn.neighbors import NearestNeighbors

from aae_tf import seeds
from aae_tf.evaluation import Evaluator
from aae_tf.figures import figures
from aae_tf.figures.style import to_png


@pytest.mark.parametrize("experiment", ["gaussian", "style", "clustering"])
def test_each_nearest_training_image_is_below_its_sample(experiment):
    method = tiny.method_for(tiny.settings(experiment, sample_quality=True))
    method.figures = ("nearest",)
    data = tiny.data()
    evaluator = Evaluator(method, seeds.root(0), data)
    drawn = figures.draw_all(method, data, evaluator)
    assert set(drawn) == {"nearest"} and len(to_png(drawn["nearest"])) > 3000
    canvas = np.asarray(drawn["nearest"].axes[0].images[0].get_array(), np.float64)
    samples, train = evaluator.samples(40), data.train.intensities().reshape(64, -1)
    search = NearestNeighbors(n_neighbors=1).fit(train)
    rows = search.kneighbors(samples.reshape(40, -1), return_distance=False)[:, 0]
    for number in range(40):
        top, left = 2 * (number // 10) * 9, number % 10 * 9
        for at, image in ((top, samples[number]), (top + 9, train[rows[number]])):
            found = canvas[at : at + 8, left : left + 8, 0]
            np.testing.assert_allclose(found, image.reshape(8, 8), atol=1e-2)


@pytest.mark.parametrize(
    "asked, is_drawn",
    [({}, False), ({"sample_quality": True}, True), ({"likelihood_samples": "100"}, True)],
)
def test_it_is_drawn_where_measures_of_samples_are_asked_for(asked, is_drawn):
    method, data = tiny.method(**asked), tiny.data()
    drawn = figures.draw_all(method, data, Evaluator(method, seeds.root(0), data))
    assert ("nearest" in drawn) == is_drawn
