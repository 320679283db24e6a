"""Checkpoints and exports of convolutional networks: complete, and good for any batch size."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.evaluation.inference import Inference
from aae_tf.serving.export import export_saved_model
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import digest, network_variables, optimizer_variables

CHANGES = {"experiment": "clustering", "network": "conv", "encoder": "implicit", "num_clusters": 5}


@pytest.fixture(scope="module")
def rig():
    rig = tiny.rig(**CHANGES)
    with tiny.eagerly():
        rig.trainer.train(0, 4, 4)
    return rig


def _checkpoints(folder, made):
    networks = network_variables(made.method.networks)
    return Checkpoints(folder, networks, optimizer_variables(made.phases))


@pytest.mark.slow
def test_checkpoint_brings_every_variable_back(rig, tmp_path):
    checkpoints = _checkpoints(tmp_path, rig)
    checkpoints.save()
    fresh = tiny.rig(**CHANGES, seed=5)
    # Moving moments start alike whatever the seed, weights don't.
    for variable in fresh.variables.values():
        variable.assign(tf.ones_like(variable) * tf.cast(7, variable.dtype))
    assert _checkpoints(tmp_path, fresh).restore()
    assert digest(fresh.variables) == digest(rig.variables)
    names = network_variables(rig.method.networks)
    for name in (
        "encoder/trunk/down_2/norm/moving_mean",
        "decoder/trunk/up_1/convolution/kernel",
        "encoder/trunk/noise_channel/kernel",
        "decoder/pixels/bias",
    ):
        assert name in names


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_export_answers_any_batch_size(precision, tmp_path):
    method = tiny.method(**CHANGES, precision=precision)
    loaded = tf.saved_model.load(str(export_saved_model(method, tmp_path / "model")))
    images = tf.constant(tiny.split(7).intensities())
    styles = tf.constant(np.random.default_rng(0).normal(size=(7, method.latent_dim)), tf.float32)
    labels = tf.range(7, dtype=tf.int64) % 5
    tolerance = 2e-2 if precision == "mixed_bfloat16" else 1e-5
    expected = method.reconstruct(tf.cast(images, method.dtype))
    for size in (0, 1, 7):
        rebuilt = loaded.signatures["reconstruct"](images=images[:size])["images"]
        assert rebuilt.dtype == tf.float32 and rebuilt.shape == (size, 8, 8, 1)
        np.testing.assert_allclose(rebuilt, expected[:size], atol=tolerance)
        actual = loaded.signatures["classify"](images=images[:size])
        assert actual["probabilities"].shape == (size, 5)
        made = loaded.signatures["generate"](labels=labels[:size], styles=styles[:size])["images"]
        assert made.shape == (size, 8, 8, 1)
        count = tf.constant(size)
        drawn = loaded.signatures["sample"](seed=tf.constant([1, 2]), count=count)
        assert drawn["images"].shape == (size, 8, 8, 1)


@pytest.mark.slow
def test_inference_over_a_split_goes_in_smaller_blocks(rig):
    split = tiny.split(230)
    actual = Inference(rig.method).classify(split)
    np.testing.assert_allclose(actual, rig.method.classify(split.intensities()), atol=1e-5)
