"""What models with classes, clusters and heads serve."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

DEFAULTS = {
    "style": "generate",
    "semi_supervised": "classify",
    "clustering": "classify",
    "dim_reduction": "embed",
}


@pytest.fixture
def model(exported, loaded):
    """A method and what its export serves, by the experiment's name."""
    return lambda name: (exported(name)[0], loaded(name).signatures)


@pytest.fixture
def images():
    return tf.constant(tiny.split(6).intensities())


def _names(function):
    return set(function.structured_input_signature[1]), set(function.structured_outputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFAULTS)
def test_default_signature_is_what_the_method_is_for(model, name):
    method, signatures = model(name)
    assert method.default_signature == DEFAULTS[name]
    default, named = signatures["serving_default"], signatures[DEFAULTS[name]]
    assert _names(default) == _names(named)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["semi_supervised", "clustering", "dim_reduction"])
def test_classify_gives_the_most_probable_class(model, images, name):
    method, signatures = model(name)
    actual = signatures["classify"](images=images)
    assert actual["classes"].dtype == tf.int64 and actual["probabilities"].dtype == tf.float32
    assert actual["probabilities"].shape == (6, method.num_categories)
    np.testing.assert_allclose(actual["probabilities"], method.classify(images), atol=1e-6)
    np.testing.assert_array_equal(actual["classes"], np.argmax(actual["probabilities"], 1))
    np.testing.assert_allclose(tf.reduce_sum(actual["probabilities"], 1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["semi_supervised", "clustering", "dim_reduction"])
def test_encode_gives_codes_and_probabilities(model, images, name):
    method, signatures = model(name)
    actual = signatures["encode"](images=images)
    assert set(actual) == {"codes", "probabilities"}
    np.testing.assert_allclose(actual["codes"], method.encode(images), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFAULTS)
def test_generate_decodes_the_class_that_was_asked_for(model, name):
    method, signatures = model(name)
    labels = tf.constant([0, 2, 1], tf.int64)
    styles = tf.random.stateless_normal([3, 4], [1, 2])
    actual = signatures["generate"](labels=labels, styles=styles)["images"]
    one_hot = tf.one_hot(labels, method.num_categories)
    np.testing.assert_allclose(actual, method.decode(styles, one_hot), atol=1e-6)
    none = signatures["generate"](labels=tf.zeros([0], tf.int64), styles=tf.zeros([0, 4]))
    assert none["images"].shape == (0, 8, 8, 1)


def test_embed_gives_the_reduced_representation_and_its_plane(model, images):
    method, signatures = model("dim_reduction")
    actual = signatures["embed"](images=images)
    assert set(actual) == {"embeddings", "plane"}
    np.testing.assert_allclose(actual["embeddings"], method.embed(images), atol=1e-5)
    np.testing.assert_allclose(actual["plane"], method.project(method.embed(images)), atol=1e-3)


@pytest.mark.parametrize("name", DEFAULTS)
def test_samples_come_with_their_labels(model, name):
    method, signatures = model(name)
    draw = signatures["sample"]
    seed, count = tf.constant([3, 4]), tf.constant(40)
    first, again = draw(seed=seed, count=count), draw(seed=seed, count=count)
    for key in ("codes", "labels", "images"):
        np.testing.assert_array_equal(first[key], again[key])
    assert set(first["labels"].numpy()) == set(range(method.num_categories))
    one_hot = tf.one_hot(first["labels"], method.num_categories)
    np.testing.assert_allclose(first["images"], method.decode(first["codes"], one_hot), atol=1e-5)


def test_style_reconstructs_images_with_their_labels(model, images):
    method, signatures = model("style")
    labels = tf.constant([0, 1, 2, 0, 1, 2], tf.int64)
    actual = signatures["reconstruct_labelled"](images=images, labels=labels)["images"]
    np.testing.assert_allclose(actual, method.reconstruct(images, labels), atol=1e-6)
