"""Compiling with XLA changes nothing but rounding."""

import numpy as np
import pytest
import tiny


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
