#!/usr/bin/env python3
"""Latency and throughput of an export's signatures, beside the Keras models' own `predict`.

    python benchmarks/serving_speed.py

exports an untrained AAE (networks 784-1000-1000-8) to a temporary folder, loads it and answers
batches of several sizes in turn by the SavedModel's signatures `encode` and `sample` and by the
Keras models: the encoder's `predict`, and draws of the prior through the decoder's `predict`. It
prints for each size the median and the 95th percentile of the latency in ms, and images per second
at the median. Nothing else should be running.
"""

import argparse
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from aae_tf import experiments
from aae_tf.methods.build import method_class
from aae_tf.serving.export import export_saved_model
from aae_tf.settings import override

SHAPE = (28, 28, 1)


def calls(method, signatures, size):
    """What is timed, by name: each a function of no arguments that ends with arrays in numpy."""
    images = np.random.default_rng(0).random((size, *SHAPE), np.float32)
    tensor, seed, count = tf.constant(images), tf.constant([1, 2]), tf.constant(size)
    encoder, decoder = method.networks["encoder"], method.networks["decoder"]

    def served(name, **inputs):
        return [output.numpy() for output in signatures[name](**inputs).values()]

    def sampled():
        codes = method.prior.sample(size, seed=seed)
        return codes.numpy(), decoder.predict(codes, batch_size=size, verbose=0)

    return {
        ("encode", "SavedModel"): lambda: served("encode", images=tensor),
        ("encode", "Keras predict"): lambda: encoder.predict(images, batch_size=size, verbose=0),
        ("sample", "SavedModel"): lambda: served("sample", seed=seed, count=count),
        ("sample", "Keras predict"): sampled,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,10,100,1000", help="of batches")
    parser.add_argument(
        "--seconds", type=float, default=12, help="for each size, all ways together"
    )
    arguments = parser.parse_args()
    chosen = override(experiments.settings_of("gaussian", "practical"), {"latent_dim": 8})
    method = method_class(chosen)(chosen, SHAPE)
    with tempfile.TemporaryDirectory() as folder:
        version = export_saved_model(method, pathlib.Path(folder) / "gaussian")
        model = tf.saved_model.load(str(version))
    print("| signature | batch | by | median ms | 95 % ms | images/s |")
    print("|---|---|---|---|---|---|")
    for size in map(int, arguments.sizes.split(",")):
        ways = calls(method, model.signatures, size)
        taken = {way: [] for way in ways}
        for call in ways.values():
            call(), call()
        until = time.perf_counter() + arguments.seconds
        while time.perf_counter() < until:
            for way, call in ways.items():  # in turn, so that a disturbance hits them all
                started = time.perf_counter()
                call()
                taken[way].append(time.perf_counter() - started)
        for (signature, by), seconds in taken.items():
            median, slow = np.percentile(seconds, [50, 95])
            print(
                f"| `{signature}` | {size} | {by} | {1e3 * median:.2f} | {1e3 * slow:.2f} "
                f"| {size / median:.0f} |"
            )


if __name__ == "__main__":
    main()
