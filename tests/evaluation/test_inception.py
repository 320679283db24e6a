"""FID and KID in InceptionV3's features, with random weights."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from keras.src.legacy.saving import legacy_h5_format

from aae_tf import seeds
from aae_tf.errors import DataError
from aae_tf.evaluation import Evaluator, inception, sample_quality
from aae_tf.evaluation.sample_metrics import frechet_distance
from aae_tf.settings import EvaluationSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def network(folder):
    """An InceptionV3 of random weights, which lie in both kinds of file."""
    keras.utils.set_random_seed(0)
    built = keras.applications.InceptionV3(
        weights=None, include_top=False, pooling="avg", input_shape=(299, 299, 3)
    )
    built.save_weights(folder / "inception.weights.h5")
    with h5py.File(folder / "inception.h5", "w") as file:
        # The layout of the file that keras.applications downloads.
        legacy_h5_format.save_weights_to_hdf5_group(file, built)
    return built


def _features(network, images):
    """What the documentation of keras.applications does."""
    resized = tf.image.resize(images, (299, 299))
    return network(keras.applications.inception_v3.preprocess_input(resized * 255)).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name, channels", [("inception.weights.h5", 1), ("inception.h5", 3)])
def test_features_are_those_of_keras_applications(network, folder, name, channels, monkeypatch):
    images = np.random.default_rng(0).random((3, 20, 24, channels), np.float32)
    loaded = inception.Inception(str(folder / name))
    found = loaded.features(images)
    coloured = images if channels == 3 else np.repeat(images, 3, -1)
    assert found.shape == (3, inception.FEATURES)
    np.testing.assert_allclose(found, _features(network, coloured), rtol=1e-3, atol=1e-5)
    assert found.std(0).max() > 0
    seen = []
    monkeypatch.setattr(loaded, "_model", lambda images, training: seen.append(images) or images)
    loaded._pooled(tf.stack([tf.zeros((8, 8, 3)), tf.ones((8, 8, 3))]))
    np.testing.assert_allclose(seen[0][0], -np.ones((299, 299, 3)), atol=1e-5)
    np.testing.assert_allclose(seen[0][1], np.ones((299, 299, 3)), atol=1e-5)


@pytest.mark.slow
def test_fid_and_kid_are_there_where_the_weights_are(network, folder, tmp_path):
    file = str(folder / "inception.weights.h5")
    data = tiny.data(train=100, validation=20, test=20, labelled=False)
    method = tiny.method(
        sample_quality=True, quality_samples=100, inception_weights=file, cache_dir=str(tmp_path)
    )
    found = Evaluator(method, seeds.root(0), data).evaluate(data.test, final=True)
    assert {"fid", "kid", "fid_of_data", "kid_of_data"} <= set(found)
    assert found["fid"] > found["fid_of_data"]
    parts = [
        np.concatenate(
            [_features(network, images[at : at + 20]) for at in range(0, len(images), 20)]
        )
        for images in (np.repeat(split.intensities(), 3, -1) for split in (data.train, data.test))
    ]
    assert found["fid_of_data"] == pytest.approx(frechet_distance(*parts), rel=1e-2)


@pytest.fixture(scope="module")
def wrong(folder):
    """Files that aren't of such weights."""
    (folder / "text.weights.h5").write_text("not HDF5")
    (folder / "text.h5").write_text("not HDF5")
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights(folder / "other.weights.h5")
    other.save(folder / "other.h5")
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "missing.h5",
        "text.h5",
        "text.weights.h5",
        pytest.param("other.weights.h5", marks=pytest.mark.slow),
        pytest.param("other.h5", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_file_is_refused_in_one_line_before_anything_else(wrong, name):
    settings = EvaluationSettings(sample_quality=True, inception_weights=str(wrong / name))
    with pytest.raises(DataError) as caught:
        sample_quality.check(settings)
    message = str(caught.value)
    assert message.startswith(f"--inception_weights={wrong / name}: ") and "\n" not in message
    assert message.endswith("InceptionV3 without its top, as .weights.h5 or .h5")


@pytest.mark.slow
def test_a_right_file_passes_the_check(network, folder):
    weights = str(folder / "inception.weights.h5")
    sample_quality.check(EvaluationSettings(sample_quality=True, inception_weights=weights))


def test_nothing_is_checked_or_built_without_sample_quality():
    assert inception.inception_of("") is None
    sample_quality.check(EvaluationSettings(inception_weights="missing.h5"))


def test_without_a_network_imagenets_weights_are_done_without(monkeypatch, caplog):
    monkeypatch.setattr(inception.tfds, "has_network", lambda: False)
    monkeypatch.setattr(inception, "_is_cached", lambda: False)
    assert inception.inception_of("imagenet") is None
    expected = "no fid and kid: --inception_weights=imagenet can't be had (no network)"
    assert caplog.messages == [expected]


def test_a_download_that_fails_is_done_without(monkeypatch, caplog):
    def fail(**options):
        raise Exception("URL fetch failure on https://host: None -- unreachable\nmore")

    monkeypatch.setattr(inception.tfds, "has_network", lambda: True)
    monkeypatch.setattr(keras.applications, "InceptionV3", fail)
    assert inception.inception_of("imagenet") is None
    assert "URL fetch failure" in caplog.text


def test_weights_that_keras_has_downloaded_before_need_no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert not inception._is_cached()
    (tmp_path / "models").mkdir()
    name = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
    (tmp_path / "models" / name).touch()
    assert inception._is_cached()
