#!/usr/bin/env python3
"""Steps per second of the training loop, beside what the machine's matrix products allow.

    python benchmarks/training_speed.py

times the AAE's step (three phases, Adam, batch 100) with the networks 784-1000-1000-8, as the loop
runs it, and the fastest matrix product of the step's shapes that numpy, TensorFlow or XLA reach
here. The bound is the steps per second at which that product rate would do the step's arithmetic,
everything else being free; the fraction of it is what the loop makes of the machine. Nothing else
should be running.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from aae_tf import data, experiments, seeds
from aae_tf.data.pipeline import Feed
from aae_tf.methods.build import method_class
from aae_tf.settings import override
from aae_tf.training import Trainer
from aae_tf.training.distribution import make_strategy

LATENT, BATCH = 8, 100


def gigaflops_of_step() -> float:
    """Arithmetic of the matrix products of one step, in 10^9 operations.

    Per image, forward: encoder and decoder 784*1000 + 1000*1000 + 1000*8 products each,
    discriminator 8*1000 + 1000*1000 + 1000. Backward costs a product for the weights and one for
    the layer's input, the latter not in a network's first layer if nothing lies before it.
    """
    first, autoencoder_half = 784_000, 784_000 + 1_000_000 + LATENT * 1000
    critic_first, critic = LATENT * 1000, LATENT * 1000 + 1_000_000 + 1000
    reconstruction = 3 * 2 * autoencoder_half - first
    discriminator = autoencoder_half + 2 * (3 * critic - critic_first)
    generator = 3 * autoencoder_half - first + 2 * critic  # the critic's weights need no gradient
    return 2 * BATCH * (reconstruction + discriminator + generator) / 1e9


def best_product_rate(seconds: float = 0.5) -> dict[str, float]:
    """10^9 operations per second of the fastest product, by library."""
    shapes = [
        (BATCH, 784, 1000), (BATCH, 1000, 1000), (1000, BATCH, 1000), (2 * BATCH, 1000, 1000),
        (784, BATCH, 1000),
    ]  # fmt: skip
    random = np.random.default_rng(0)
    compiled = tf.function(tf.matmul, jit_compile=True)
    libraries = {"numpy": np.matmul, "tensorflow": tf.matmul, "xla": compiled}
    best = dict.fromkeys(libraries, 0.0)
    for m, k, n in shapes:
        a, b = (random.normal(size=s).astype(np.float32) for s in ((m, k), (k, n)))
        for name, product in libraries.items():
            left, right = (a, b) if name == "numpy" else (tf.constant(a), tf.constant(b))
            product(left, right)
            fastest, until = np.inf, time.perf_counter() + seconds
            while time.perf_counter() < until:
                started = time.perf_counter()
                for _ in range(20):
                    done = product(left, right)
                np.asarray(done)
                fastest = min(fastest, (time.perf_counter() - started) / 20)
            best[name] = max(best[name], 2 * m * k * n / fastest / 1e9)
    return best


def steps_per_second(steps_per_call: int, repeats: int) -> list[float]:
    """Rates of several stretches of 100 steps of the trainer."""
    flat = {"latent_dim": LATENT, "batch_size": BATCH, "discriminator_noise": 0.0}
    settings = override(experiments.settings_of("gaussian", "practical"), flat)
    strategy = make_strategy(settings.execution, BATCH)
    root = seeds.root(0)
    images = data.load(settings.data)
    with strategy.scope():
        method = method_class(settings)(settings, images.image_shape)
        feed = Feed(images.train.images, BATCH, root)
        phases = method.phases(feed.steps_per_epoch)
    trainer = Trainer(phases, feed, root, strategy, prepare=method.prepare)
    order = feed.order(0)
    rates = []
    for stretch in range(-2, repeats):  # the first two compile and warm up
        started = time.perf_counter()
        for first in range(0, 100, steps_per_call):
            trainer.run_steps(order, first, min(steps_per_call, 100 - first))
        if stretch >= 0:
            rates.append(100 / (time.perf_counter() - started))
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps_per_call", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    gigaflops = gigaflops_of_step()
    products = best_product_rate()
    rates = steps_per_second(arguments.steps_per_call, arguments.repeats)
    after = best_product_rate()
    best = max([*products.values(), *after.values()])
    bound = best / gigaflops
    report = {
        "steps_per_second": {
            "median": round(statistics.median(rates), 1),
            "min": round(min(rates), 1),
            "max": round(max(rates), 1),
        },
        "gigaflops_of_step": round(gigaflops, 2),
        "best_product_gigaflops": {k: round(max(v, after[k]), 1) for k, v in products.items()},
        "bound_steps_per_second": round(bound, 1),
        "fraction_of_bound": round(statistics.median(rates) / bound, 2),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
