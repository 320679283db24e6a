"""The classifier in whose features samples are evaluated: trained once, cached, read again."""

import dataclasses

import numpy as np
import pytest
import tiny

from aae_tf.data import ImageData, Split
from aae_tf.evaluation import classifier
from aae_tf.evaluation.classifier import FEATURES, Classifier, can_classify, classifier_of


@pytest.fixture(scope="module")
def data():
    return tiny.data(train=300, validation=50, test=60)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(data, cache):
    return classifier_of(data, str(cache))


@pytest.fixture
def untrainable(monkeypatch):
    """Has training fail, so that what comes out was read."""

    def train(self, data):
        raise AssertionError("trained again")

    monkeypatch.setattr(Classifier, "train", train)


def _equal(first, second):
    return all((a == b).all() for a, b in zip(first.weights, second.weights, strict=True))


def _files(cache):
    return sorted(cache.rglob("*"))[1:]


@pytest.mark.slow
def test_it_learns_the_classes_of_held_out_images(trained, data):
    features = trained.features(data.test.intensities())
    assert features.shape == (60, FEATURES) and features.dtype == np.float32
    assert np.mean(trained.classes(features) == data.test.labels) > 0.95


@pytest.mark.slow
def test_features_have_a_mean_square_of_one_over_the_training_images(trained, data):
    features = trained.features(data.train.intensities())
    assert np.mean(features**2) == pytest.approx(1, rel=1e-4)


@pytest.mark.slow
def test_second_use_reads_the_file_and_has_the_same_bits(trained, data, cache, untrainable):
    assert [path.suffix for path in _files(cache)] == [".npz"]
    again = classifier_of(data, str(cache))
    assert _equal(trained, again)
    images = data.test.intensities()
    np.testing.assert_array_equal(trained.features(images), again.features(images))


@pytest.mark.slow
def test_training_again_gives_the_same_bits(trained, data, tmp_path):
    again = classifier_of(data, str(tmp_path))
    assert _equal(trained, again)
    assert (_files(tmp_path)[0].name) and len(_files(tmp_path)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda train: Split(train.images ^ np.uint8(1), train.labels),
        lambda train: Split(train.images, train.labels[::-1].copy()),
    ],
    ids=["images", "labels"],
)
def test_other_images_or_labels_have_a_file_of_their_own(change, data):
    other = dataclasses.replace(data, train=change(data.train))
    assert classifier._key(other) != classifier._key(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:2000]),
        lambda path: path.write_bytes(b"not an archive"),
        lambda path: np.savez(path, weight_0=np.zeros(3)),
        lambda path: np.savez(path, **{f"weight_{n}": np.zeros(3, np.float32) for n in range(8)}),
        lambda path: np.savez(path, **{f"weight_{n}": np.array([{}]) for n in range(8)}),
    ],
    ids=["empty", "cut", "text", "few", "shapes", "pickled"],
)
def test_broken_file_is_noted_and_replaced(
    spoil, trained, data, cache, tmp_path, caplog, monkeypatch
):
    def train(self, data):
        self.set_weights(trained.weights)

    monkeypatch.setattr(Classifier, "train", train)
    (tmp_path / "classifiers").mkdir()
    path = tmp_path / "classifiers" / _files(cache)[0].name
    path.write_bytes(_files(cache)[0].read_bytes())
    spoil(path)
    again = classifier_of(data, str(tmp_path))
    noted = caplog.text
    assert f"{path} can't be used (" in noted and "the classifier is trained again" in noted
    assert _equal(trained, again)
    caplog.clear()
    assert _equal(trained, classifier_of(data, str(tmp_path)))
    assert str(path) not in caplog.text
    assert _files(tmp_path) == [path]


def test_weights_that_are_not_finite_are_refused(trained):
    spoiled = trained.weights
    spoiled[0][0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        trained.set_weights(spoiled)


def test_a_folder_that_cannot_be_written_costs_the_file_only(data, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(Classifier, "train", lambda self, data: None)
    (tmp_path / "classifiers").write_text("in the way")
    assert classifier_of(data, str(tmp_path)).weights
    assert "the classifier isn't cached" in caplog.text


@pytest.mark.parametrize("shape", [(64, 64, 3), (2, 2, 1), (9, 17, 2), (1, 30, 1)])
def test_images_of_any_size_have_features(shape):
    images = np.random.default_rng(0).random((3, *shape), np.float32)
    network = Classifier(shape, 4)
    features = network.features(images)
    assert features.shape == (3, FEATURES) and np.isfinite(features).all()
    assert set(network.classes(features)) <= set(range(4))
    assert _equal(network, Classifier(shape, 4))


@pytest.mark.slow
def test_images_of_floating_point_are_learned_from_as_well(data, tmp_path):
    train = Split(data.train.intensities(), data.train.labels)
    network = classifier_of(dataclasses.replace(data, train=train), str(tmp_path))
    features = network.features(data.test.intensities())
    assert np.mean(network.classes(features) == data.test.labels) > 0.95


@pytest.mark.parametrize(
    "labels, expected",
    [(None, False), ([0, 0, 0], False), ([0, 1, -1], False), ([0, 1, 2], True)],
)
def test_data_without_two_classes_has_no_classifier(labels, expected):
    train = Split(tiny.images(3), None if labels is None else np.array(labels))
    assert can_classify(ImageData("bars", train, train, train)) == expected


def test_cache_lies_where_users_keep_theirs(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert str(classifier.cache_folder()) == "/home/someone/.cache/aae_tf"
    assert str(classifier.cache_folder("~/mine")) == "/home/someone/mine"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert classifier.cache_folder() == tmp_path / "aae_tf"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert str(classifier.cache_folder()) == "/home/someone/.cache/aae_tf"


@pytest.mark.slow
def test_it_knows_mnists_digits(tmp_path):
    from aae_tf.data.load import load_mnist

    mnist = load_mnist()
    network = classifier_of(mnist, str(tmp_path))
    starts = range(0, len(mnist.test), 1000)
    images = [mnist.test.intensities(slice(start, start + 1000)) for start in starts]
    classes = np.concatenate([network.classes(network.features(block)) for block in images])
    assert np.mean(classes == mnist.test.labels) > 0.985
