"""What models with classes, clusters and heads serve."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import serving

CHANGES = {
    "style": {"latent_dim": 4},
    "semi_supervised": {"latent_dim": 4, "num_labels": "30"},
    "clustering": {"latent_dim": 4, "num_clusters": 5},
    "dim_reduction": {"latent_dim": 4, "num_labels": "30"},
}
DEFAULTS = {
    "style": "generate",
    "semi_supervised": "classify",
    "clustering": "classify",
    "dim_reduction": "embed",
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    made = {}
    for name, changes in CHANGES.items():
        method = tiny.method(experiment=name, **changes)
        loaded = tf.saved_model.load(str(serving.export(method, folder / name)))
        made[name] = (method, loaded)
    return made


@pytest.fixture
def images():
    return tf.constant(tiny.split(6).intensities())


def _names(function):
    return set(function.structured_input_signature[1]), set(function.structured_outputs)


@pytest.mark.parametrize("name", CHANGES)
def test_default_signature_is_what_the_method_is_for(models, name):
    method, loaded = models[name]
    assert method.default_signature == DEFAULTS[name]
    default, named = loaded.signatures["serving_default"], loaded.signatures[DEFAULTS[name]]
    assert _names(default) == _names(named)


@pytest.mark.parametrize("name", ["semi_supervised", "clustering", "dim_reduction"])
def test_classify_gives_the_most_probable_class(models, images, name):
    method, loaded = models[name]
    found = loaded.signatures["classify"](images=images)
    assert found["classes"].dtype == tf.int64 and found["probabilities"].dtype == tf.float32
    assert found["probabilities"].shape == (6, method.num_categories)
    np.testing.assert_allclose(found["probabilities"], method.classify(images), atol=1e-6)
    np.testing.assert_array_equal(found["classes"], np.argmax(found["probabilities"], 1))
    np.testing.assert_allclose(tf.reduce_sum(found["probabilities"], 1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["semi_supervised", "clustering", "dim_reduction"])
def test_encode_gives_codes_and_probabilities(models, images, name):
    method, loaded = models[name]
    found = loaded.signatures["encode"](images=images)
    assert set(found) == {"codes", "probabilities"}
    np.testing.assert_allclose(found["codes"], method.encode(images), atol=1e-6)


@pytest.mark.parametrize("name", CHANGES)
def test_generate_decodes_the_class_that_was_asked_for(models, name):
    method, loaded = models[name]
    labels = tf.constant([0, 2, 1], tf.int64)
    styles = tf.random.stateless_normal([3, 4], [1, 2])
    found = loaded.signatures["generate"](labels=labels, styles=styles)["images"]
    one_hot = tf.one_hot(labels, method.num_categories)
    np.testing.assert_allclose(found, method.decode(styles, one_hot), atol=1e-6)
    none = loaded.signatures["generate"](labels=tf.zeros([0], tf.int64), styles=tf.zeros([0, 4]))
    assert none["images"].shape == (0, 8, 8, 1)


@pytest.mark.parametrize("label", [-1, 5, 100])
@pytest.mark.parametrize("name", CHANGES)
def test_generate_refuses_a_label_out_of_range(models, name, label):
    method, loaded = models[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected labels from 0 to"):
        loaded.signatures["generate"](
            labels=tf.constant([0, label], tf.int64), styles=tf.zeros([2, 4])
        )
    assert method.num_categories <= 5


def test_generate_refuses_other_than_one_label_a_style(models):
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many labels as styles"):
        models["style"][1].signatures["generate"](
            labels=tf.zeros([3], tf.int64), styles=tf.zeros([2, 4])
        )


def test_embed_gives_the_reduced_representation_and_its_plane(models, images):
    method, loaded = models["dim_reduction"]
    found = loaded.signatures["embed"](images=images)
    assert set(found) == {"embeddings", "plane"}
    np.testing.assert_allclose(found["embeddings"], method.embed(images), atol=1e-5)
    np.testing.assert_allclose(found["plane"], method.project(method.embed(images)), atol=1e-3)


@pytest.mark.parametrize("name", CHANGES)
def test_samples_come_with_their_labels(models, name):
    method, loaded = models[name]
    draw = loaded.signatures["sample"]
    seed, count = tf.constant([3, 4]), tf.constant(40)
    first, again = draw(seed=seed, count=count), draw(seed=seed, count=count)
    for key in ("codes", "labels", "images"):
        np.testing.assert_array_equal(first[key], again[key])
    assert set(first["labels"].numpy()) == set(range(method.num_categories))
    one_hot = tf.one_hot(first["labels"], method.num_categories)
    np.testing.assert_allclose(first["images"], method.decode(first["codes"], one_hot), atol=1e-5)


def test_style_reconstructs_images_with_their_labels(models, images):
    method, loaded = models["style"]
    labels = tf.constant([0, 1, 2, 0, 1, 2], tf.int64)
    found = loaded.signatures["reconstruct_labelled"](images=images, labels=labels)["images"]
    np.testing.assert_allclose(found, method.reconstruct(images, labels), atol=1e-6)


@pytest.mark.parametrize("label", [-1, 3, 100])
def test_reconstruct_labelled_refuses_a_label_out_of_range(models, images, label):
    labels = tf.constant([0, 1, 2, 0, 1, label], tf.int64)
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected labels from 0 to 2"):
        models["style"][1].signatures["reconstruct_labelled"](images=images, labels=labels)


def test_reconstruct_labelled_refuses_other_than_one_label_an_image(models, images):
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many labels as images"):
        models["style"][1].signatures["reconstruct_labelled"](
            images=images, labels=tf.zeros([5], tf.int64)
        )
