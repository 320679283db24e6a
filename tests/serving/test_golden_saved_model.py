"""A SavedModel of an earlier day still loads and still answers the same."""

import numpy as np
import pytest
import tensorflow as tf
from golden import make_golden as golden


@pytest.fixture(scope="module")
def model():
    return tf.saved_model.load(str(golden.HERE / "saved_model"))


def test_golden_saved_model_answers_as_recorded(model):
    images, codes = map(tf.constant, golden.inputs())
    expected = np.load(golden.HERE / "expected.npz")
    serve = model.signatures
    np.testing.assert_allclose(
        serve["encode"](images=images)["codes"], expected["codes"], atol=1e-5
    )
    np.testing.assert_allclose(
        serve["decode"](codes=codes)["images"], expected["decoded"], atol=1e-5
    )
    np.testing.assert_allclose(
        serve["reconstruct"](images=images)["images"], expected["reconstructed"], atol=1e-5
    )


def test_golden_saved_model_draws_the_recorded_samples(model):
    expected = np.load(golden.HERE / "expected.npz")
    drawn = model.signatures["sample"](
        seed=tf.constant(golden.SEED), count=tf.constant(golden.COUNT)
    )
    np.testing.assert_allclose(drawn["codes"], expected["sample_codes"], atol=1e-5)
    np.testing.assert_allclose(drawn["images"], expected["sample_images"], atol=1e-5)
