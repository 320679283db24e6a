"""Compiling with XLA changes nothing but rounding, and is done where it is faster."""

import itertools

import keras
import numpy as np
import pytest
import tiny

from aae_tf.training.distribution import compiles_with_xla, uses_xla


@pytest.mark.parametrize(
    "choice, where",
    [
        ("auto", {("dense", "cpu"), ("dense", "gpu"), ("conv", "gpu")}),
        ("on", {("dense", "cpu"), ("dense", "gpu"), ("conv", "cpu"), ("conv", "gpu")}),
        ("off", set()),
    ],
)
def test_auto_compiles_all_but_convolutions_on_a_cpu(choice, where):
    for network, device in itertools.product(("dense", "conv"), ("cpu", "gpu")):
        found = compiles_with_xla(choice, network == "conv", device == "gpu")
        assert found == ((network, device) in where)


@pytest.mark.parametrize("gpus, conv_compiles", [([], False), (["one"], True)])
def test_the_networks_of_a_run_and_its_device_decide(gpus, conv_compiles, monkeypatch):
    dense, conv = (tiny.method(network=name).networks.values() for name in ("dense", "conv"))
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: gpus)
    assert uses_xla("auto", dense)
    assert uses_xla("auto", conv) == conv_compiles
    assert uses_xla("on", conv) and not uses_xla("off", dense)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv1D(2, 1),
        keras.layers.Conv3D(2, 1),
        keras.layers.Conv2DTranspose(2, 1),
        keras.layers.DepthwiseConv2D(1),
        keras.layers.SeparableConv1D(2, 1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_convolution_within_a_users_network_counts(layer, monkeypatch):
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    dense = [keras.layers.Flatten(), keras.layers.Dense(2)]
    assert uses_xla("auto", [keras.Sequential(dense)])
    assert not uses_xla(
        "auto", [keras.Sequential(dense), keras.Sequential([keras.Sequential([layer])])]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "critic_penalty"), [("dense", "gradient"), ("conv", "r1"), ("dense", "spectral")]
)
def test_xla_agrees_with_the_plain_graph_to_rounding(network, critic_penalty):
    weights, curves = [], []
    for xla in (True, False):
        rig = tiny.rig(
            xla=xla,
            precision="float64",
            encoder="implicit",
            discriminator_noise=0.2,
            prior="mixture",
            network=network,
            critic_penalty=critic_penalty,
        )
        note = tiny.Notebook()
        rig.trainer.train(0, 18, 5, [note])
        weights.append({key: value.numpy() for key, value in rig.variables.items()})
        curves.append({key: note.curve(key) for key in note.reports[0].values})
    for key, value in weights[0].items():
        np.testing.assert_allclose(value, weights[1][key], rtol=1e-9, atol=1e-11, err_msg=key)
    for key, curve in curves[0].items():
        np.testing.assert_allclose(curve, curves[1][key], rtol=1e-9, err_msg=key)
