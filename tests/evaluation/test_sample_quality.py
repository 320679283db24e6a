"""All metrics of samples through the real evaluator, on tiny data."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tiny
from scipy.ndimage import gaussian_filter

from aae_tf import data as data_sources
from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.evaluation import Evaluator
from aae_tf.evaluation.sample_metrics import sharpness
from aae_tf.evaluation.sample_quality import SampleQuality
from aae_tf.settings import DataSettings

ROOT = seeds.root(0)
IN_CLASSIFIER = ("fid_classifier", "kid_classifier", "precision", "recall")
IN_PIXELS = ("sharpness", "nearest_training_distance")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def data():
    return tiny.data(train=400, validation=80, test=60)


def _method(cache, samples=100, **changes):
    return tiny.method(sample_quality=True, quality_samples=samples, cache_dir=cache, **changes)


class _Samples:
    """Stands for a trained method: its 'samples' are given images, some noise apart."""

    def __init__(self, method, images):
        self._method, self._images = method, images

    def __getattr__(self, name):
        return getattr(self._method, name)

    def draw(self, seed, count, sampler=None):
        del sampler  # always the same images
        return {"codes": tf.random.stateless_uniform([count], seed, 0, len(self._images), tf.int32)}

    def decode_drawn(self, codes):
        return tf.gather(self._images, codes)


def _quality(method, data, split=None, seed=ROOT):
    """The metrics of samples alone, as `Evaluator` has them."""
    seed = seeds.fold(seed, "evaluation")
    quality = SampleQuality(method, data, method.settings.evaluation, seed)
    return quality.evaluate(split or data.test)


@pytest.mark.slow
def test_metrics_and_those_of_the_data_stand_side_by_side(cache, data):
    method = _method(cache)
    evaluator = Evaluator(method, ROOT, data)
    others = evaluator.evaluate(data.test)
    found = evaluator.evaluate(data.test, final=True)
    names = {key for name in IN_CLASSIFIER + IN_PIXELS for key in (name, f"{name}_of_data")}
    assert set(found) - set(others) == names | {"quality_samples", "classifier_accuracy"}
    assert all(type(value) is float and np.isfinite(value) for value in found.values())
    assert found["quality_samples"] == 100
    assert found["classifier_accuracy"] > 0.9
    assert found["sharpness_of_data"] == pytest.approx(
        sharpness(data.test.intensities()).mean(), rel=1e-5
    )
    # An untrained decoder is far from the data, and training images are near.
    assert found["fid_classifier"] > 10 * found["fid_classifier_of_data"] > 0
    assert found["kid_classifier"] > 10 * abs(found["kid_classifier_of_data"])
    assert found["precision"] < 0.5 < found["precision_of_data"]
    assert found["recall"] < 0.5 < found["recall_of_data"]
    assert found["nearest_training_distance"] > 2 * found["nearest_training_distance_of_data"]


@pytest.mark.slow
def test_without_the_setting_there_is_none(data):
    found = Evaluator(tiny.method(), ROOT, data).evaluate(data.test, final=True)
    assert found == Evaluator(tiny.method(), ROOT, data).evaluate(data.test)
    assert "sharpness" not in found


@pytest.mark.slow
def test_it_is_the_same_again_and_new_for_new_weights(cache, data):
    method = _method(cache)
    seed = seeds.fold(ROOT, "evaluation")
    quality = SampleQuality(method, data, method.settings.evaluation, seed)
    first = quality.evaluate(data.test)
    assert quality.evaluate(data.test) == first == _quality(method, data)
    for variable in method.networks["decoder"].trainable_variables:
        variable.assign(variable * 2)
    assert quality.evaluate(data.test)["sharpness"] != first["sharpness"]


@pytest.mark.slow
def test_samples_are_those_of_the_runs_seed(cache, data):
    method = _method(cache)
    one, two = (_quality(method, data, seed=seeds.root(seed)) for seed in (0, 1))
    assert one["sharpness"] != two["sharpness"]
    assert one["sharpness_of_data"] == two["sharpness_of_data"]


@pytest.mark.slow
def test_spoiled_samples_score_worse_than_real_ones(cache, data):
    real = tiny.split(500, seed=9).intensities()
    spoilt = {
        "real": real,
        "blurred": gaussian_filter(real, (0, 1, 1, 0)).astype(np.float32),
        "shifted": np.roll(real, 2, 1),
        "one class": real[::3],
    }
    method = _method(cache, 300)
    found = {kind: _quality(_Samples(method, images), data) for kind, images in spoilt.items()}
    good = found["real"]
    assert good["fid_classifier"] < 3 * good["fid_classifier_of_data"]
    for kind in ("blurred", "shifted", "one class"):
        for name in ("fid_classifier", "kid_classifier"):
            assert found[kind][name] > 2 * good[name], (kind, name)
    assert found["blurred"]["precision"] < good["precision"]
    assert found["one class"]["recall"] < 0.5 < good["recall"]
    assert found["one class"]["precision"] > 0.8
    assert found["blurred"]["sharpness"] < 0.5 * good["sharpness"]
    assert good["sharpness"] == pytest.approx(good["sharpness_of_data"], rel=0.1)
    near, near_of_data = "nearest_training_distance", "nearest_training_distance_of_data"
    assert good[near] == pytest.approx(good[near_of_data], rel=0.1)
    assert found["shifted"][near] > 1.1 * good[near]


@pytest.mark.slow
def test_copied_training_images_show(cache, data):
    copies = _Samples(_method(cache, 1000), data.train.intensities())
    found = _quality(copies, data)
    assert found["nearest_training_distance"] == 0
    assert found["nearest_training_distance_of_data"] > 0.3
    assert found["fid_classifier"] < 3 * found["fid_classifier_of_data"]


def test_without_labels_precision_and_recall_are_in_pixels(cache):
    data = tiny.data(train=200, validation=50, test=60, labelled=False)
    found = _quality(_method(cache), data)
    assert {"precision_pixels", "recall_pixels", "precision_pixels_of_data"} <= set(found)
    names = {"fid", "kid", "fid_classifier", "kid_classifier", "precision", "classifier_accuracy"}
    assert not names & set(found)
    assert found["precision_pixels"] < 0.5 < found["precision_pixels_of_data"]


def test_a_split_without_labels_has_all_but_the_accuracy(cache, data):
    bare = Split(data.test.images)
    found = _quality(_method(cache), data, bare)
    assert "classifier_accuracy" not in found and found["fid_classifier"] > 0


@pytest.mark.slow
def test_any_precision_can_be_evaluated(cache, data):
    method = _method(cache, precision="mixed_bfloat16")
    found = _quality(method, data)
    assert np.isfinite([found[name] for name in IN_CLASSIFIER + IN_PIXELS]).all()


def test_images_too_small_for_the_filter_have_no_sharpness(cache):
    shrunk = [
        Split(split.images[:, :2, :2]) for split in (tiny.split(n, seed=n) for n in (90, 40, 40))
    ]
    data = dataclasses.replace(tiny.data(), train=shrunk[0], validation=shrunk[1], test=shrunk[2])
    chosen = tiny.settings(sample_quality=True, quality_samples=100, cache_dir=cache)
    found = _quality(tiny.method_for(chosen, side=2), data)
    assert "sharpness" not in found and "sharpness_of_data" not in found
    assert found["nearest_training_distance"] >= 0


@pytest.mark.slow
def test_streamed_training_images_give_the_same_numbers(tmp_path):
    for number, image in enumerate(tiny.images(200)):
        folder = tmp_path / "bars" / str(number % 3)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:03}.png").write_bytes(tf.io.encode_png(image).numpy())
    found = []
    for stream in ("never", "always"):
        settings = DataSettings(dataset=str(tmp_path / "bars"), stream=stream, image_size=8)
        data = data_sources.load(settings)
        assert isinstance(data.train.images, np.ndarray) == (stream == "never")
        method = _method(str(tmp_path / stream))
        found.append(Evaluator(method, ROOT, data).evaluate(data.test, final=True))
    assert found[0] == found[1] and "fid_classifier" in found[0]
