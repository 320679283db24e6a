"""Exports to convert, and what is asked of them; no network has its first weights."""

import numpy as np
import tensorflow as tf
import tiny

from aae_tf.serving.export import export_saved_model

CASES = {
    "normalized": {"encoder_batch_norm": True, "decoder_batch_norm": True},
    "convolutional": {
        "experiment": "clustering",
        "network": "conv",
        "encoder": "implicit",
        "num_clusters": 5,
    },
    "labelled": {"experiment": "style"},
    "heads": {"experiment": "dim_reduction", "latent_dim": 4},
}
BATCHES = (1, 7)


def export(case, folder, **changes):
    """The case's SavedModel, with moving moments and biases that change something."""
    method = tiny.method(**{**CASES[case], **changes})
    random = np.random.default_rng(0)
    for network in method.networks.values():
        for variable in network.variables:
            drawn = 0.3 * random.normal(size=variable.shape)
            variable.assign(np.abs(drawn) + 0.5 if "variance" in variable.path else drawn)
    return export_saved_model(method, folder / case)


def given(function, size):
    """Inputs of a signature: images in 0..1, codes, labels 0 to 2."""
    random = np.random.default_rng(size + 10)
    inputs = {}
    for name, spec in function.structured_input_signature[1].items():
        shape = (size, *spec.shape[1:])
        if name == "labels":
            inputs[name] = np.arange(size, dtype=np.int64)[::-1] % 3
        elif name == "images":
            inputs[name] = random.random(shape, np.float32)
        else:
            inputs[name] = random.normal(size=shape).astype(np.float32)
    return inputs


def answers(function, inputs):
    actual = function(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in actual.items()}
