"""Labels as scikit-learn has them: whole numbers or words, -1 for none; clusters and the plane."""

import numpy as np
import pytest

import aae_tf
from aae_tf.errors import UserError

pytestmark = pytest.mark.slow

SMALL = {
    "encoder_units": (16,),
    "decoder_units": (16,),
    "discriminator_units": (8,),
    "batch_size": 25,
    "xla": False,
}
Y = np.arange(120) % 3
X = (np.eye(3)[Y] * 3 + np.random.default_rng(0).normal(size=(120, 3))).astype(np.float32)


@pytest.mark.slow
def test_few_labels_as_words_are_learned_and_given_back():
    words = np.array(["ant", "bee", "cat"])[Y]
    model = aae_tf.SemiSupervisedAAE(**SMALL, epochs=15, labelled_batch_size=25)
    model.fit(X, words, verbose=0)
    found = model.predict(X)
    assert model.classes_.tolist() == ["ant", "bee", "cat"]
    assert model.class_names == ("ant", "bee", "cat") and set(found) <= set(words)
    assert (found == words).mean() > 0.5  # a third by chance
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (120, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert "error_percent" in model.evaluate(X, words)


def test_minus_one_is_no_label_and_validation_takes_none_of_the_labels():
    some = np.where(np.arange(120) < 30, Y, -1)
    model = aae_tf.SemiSupervisedAAE(**SMALL, epochs=1)
    history = model.fit(X, some, verbose=0)
    train = model._data.train
    assert (train.labels >= 0).sum() == 30 and len(train) == 100
    assert model._data.validation.labels is None
    assert model.settings["labelled_batch_size"] == 30
    assert "validation/error_percent" not in history.history
    assert model.predict(X).shape == (120,) and model.classes_.tolist() == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("labels", [None, Y])
def test_clusters_need_no_labels(labels):
    model = aae_tf.ClusteringAAE(**SMALL, epochs=1, num_clusters=4)
    model.fit(X, labels, verbose=0)
    assert model.predict_proba(X).shape == (120, 4)
    assert model.predict(X).dtype.kind == "i"
    assert model.decode(model.encode(X), model.predict(X)).shape == X.shape


@pytest.mark.slow
def test_the_plane_of_dimensionality_reduction():
    model = aae_tf.DimReductionAAE(**SMALL, epochs=1)
    assert model.fit_transform(X, Y, verbose=0).shape == (120, 2)


def test_the_supervised_decoder_takes_labels():
    model = aae_tf.SupervisedAAE(**SMALL, epochs=1)
    model.fit(X, Y, verbose=0)
    assert model.reconstruct(X, Y).shape == X.shape
    with pytest.raises(UserError, match="labels: none, expected 120 categories"):
        model.decode(model.encode(X))


@pytest.mark.parametrize(
    ("model", "labels", "said"),
    [
        (aae_tf.SemiSupervisedAAE, None, "has no labels"),
        (aae_tf.SupervisedAAE, np.where(Y == 1, -1, Y), "labels"),
        (aae_tf.SemiSupervisedAAE, Y - 2, "labels count from 0"),
        (aae_tf.SemiSupervisedAAE, Y + 0.5, "y: 'y' holds 0.5"),
        (aae_tf.SemiSupervisedAAE, np.zeros(120, int), "one class, expected two or more"),
        (aae_tf.SemiSupervisedAAE, np.where(Y == 1, 0, Y), "class 1 has no training image"),
    ],
)
def test_labels_that_cannot_be_used_are_named_in_a_line(model, labels, said):
    with pytest.raises(UserError, match=said) as caught:
        model(**SMALL).fit(X, labels, verbose=0)
    assert "\n" not in str(caught.value)
