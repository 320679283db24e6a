"""What a model serves: names, types and shapes, and samples as a function of seed and count."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.priors import distributions
from aae_tf.serving.export import export_saved_model
from aae_tf.serving.signatures import ServingModule, servable_signatures


@pytest.fixture
def signatures(loaded):
    return loaded("gaussian").signatures


def _inputs(function):
    return {
        key: (spec.dtype, spec.shape.as_list())
        for key, spec in function.structured_input_signature[1].items()
    }


def _outputs(function):
    return {
        key: (spec.dtype, spec.shape.as_list()) for key, spec in function.structured_outputs.items()
    }


def test_signatures_have_their_names_types_and_shapes(signatures):
    images = {"images": (tf.float32, [None, 8, 8, 1])}
    encoded = {"image_bytes": (tf.string, [None])}
    codes = {"codes": (tf.float32, [None, 2])}
    draw = {"seed": (tf.int32, [2]), "count": (tf.int32, [])}
    names = ("reconstruction_error", "prior_log_density", "discriminator_logit")
    scores = {name: (tf.float32, [None]) for name in names}
    expected = {
        "encode": (images, codes),
        "decode": (codes, images),
        "reconstruct": (images, images),
        "score": (images, scores),
        "sample": (draw, codes | images),
        "serving_default": (images, images),
        "encode_bytes": (encoded, codes),
        "reconstruct_bytes": (encoded, images),
        "score_bytes": (encoded, scores),
    }
    assert set(signatures) == set(expected)
    for name, (inputs, outputs) in expected.items():
        assert _inputs(signatures[name]) == inputs, name
        assert _outputs(signatures[name]) == outputs, name


def test_default_signature_is_reconstruct(signatures):
    images = tf.constant(tiny.split(3).intensities())
    default, named = (signatures[n](images=images) for n in ("serving_default", "reconstruct"))
    np.testing.assert_array_equal(default["images"], named["images"])


def test_reconstruct_decodes_what_encode_gives(signatures):
    images = tf.constant(tiny.split(3).intensities())
    codes = signatures["encode"](images=images)["codes"]
    decoded = signatures["decode"](codes=codes)["images"]
    rebuilt = signatures["reconstruct"](images=images)["images"]
    np.testing.assert_allclose(decoded, rebuilt, atol=1e-6)


def test_wrong_image_size_is_refused(signatures):
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError)):
        signatures["encode"](images=tf.zeros((1, 7, 8, 1)))


@pytest.mark.parametrize(("prior", "latent_dim"), [("gaussian", 2), ("categorical", 4)])
def test_sample_is_a_function_of_seed_and_count(prior, latent_dim):
    method = tiny.method(prior=prior, latent_dim=latent_dim)
    sample = ServingModule(method).signature("sample")

    def draw(seed, count):
        return {key: value.numpy() for key, value in sample(seed, count).items()}

    seed = tf.constant([1, 2])
    first, again, other = draw(seed, 50), draw(seed, 50), draw(tf.constant([1, 3]), 50)
    for key in ("codes", "images"):
        np.testing.assert_array_equal(first[key], again[key])
        assert not np.array_equal(first[key], other[key])
    assert first["codes"].shape == (50, method.latent_dim)
    assert first["images"].shape == (50, 8, 8, 1)
    np.testing.assert_allclose(first["images"], method.decode(first["codes"]), atol=1e-6)
    assert draw(seed, 0)["images"].shape == (0, 8, 8, 1)
    assert draw(seed, 1)["codes"].shape == (1, method.latent_dim)


@pytest.mark.parametrize("precision", ["float64", "mixed_bfloat16", "mixed_float16"])
def test_tensors_are_float32_whatever_the_networks_compute_in(precision):
    module = ServingModule(tiny.method(precision=precision))
    for name in ("encode", "decode", "reconstruct", "score", "sample"):
        function = module.signature(name)
        assert {dtype for dtype, _ in _outputs(function).values()} == {tf.float32}
    images = tiny.split(2).intensities()
    assert np.isfinite(module.signature("reconstruct")(tf.constant(images))["images"]).all()


class _NumpyPrior:
    def sample(self, shape, seed):
        generator = np.random.default_rng(np.asarray(seed).astype(np.uint32))
        return generator.normal(size=(*np.atleast_1d(shape).astype(int), 2))


@pytest.mark.slow
def test_a_prior_that_cannot_be_put_into_a_graph_is_not_served(tmp_path):
    method = tiny.method()
    method.prior = distributions.UserPrior(_NumpyPrior(), 2)
    images = ("encode", "reconstruct", "score")
    expected = ("encode", "decode", *images[1:], *(f"{name}_bytes" for name in images))
    assert servable_signatures(method) == expected
    model = tf.saved_model.load(str(export_saved_model(method, tmp_path)))
    assert set(model.signatures) == {*expected, "serving_default"}
