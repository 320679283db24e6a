#!/usr/bin/env python3
"""Resident memory over a streamed run, which must not grow with the images it has seen.

    python benchmarks/streaming_memory.py

writes a temporary folder of 20,000 colour PNG images of 64 x 64, trains small dense networks on it
with --stream=always and prints a table of the process's resident memory (RSS) against the step,
with what the training images would take in memory beside it. It exits with status 1 if RSS grows
by more than --bound MiB after the warm-up. Only memory is measured: other load does no harm.
"""

import argparse
import math
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from aae_tf import data, experiments, seeds
from aae_tf.data.pipeline import make_feed
from aae_tf.methods.build import method_class
from aae_tf.settings import override
from aae_tf.training import Observer, Trainer
from aae_tf.training.distribution import make_strategy

BATCH, SIDE, MIB = 100, 64, 2**20


def write_images(folder: pathlib.Path, count: int) -> None:
    """Coloured blots: 8 x 8 random colours, made larger."""
    random = np.random.default_rng(0)
    for number in range(count):
        coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
        image = coarse.repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)
        (folder / f"{number:06}.png").write_bytes(tf.io.encode_png(image).numpy())


def resident() -> float:
    """RSS of this process in MiB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


class Sampler(Observer):
    """Notes RSS after the first call and then every so many steps."""

    def __init__(self, every: int):
        self.every, self.due, self.samples = every, 0, {}

    def after_call(self, report):
        if report.step >= self.due:
            self.samples[report.step] = resident()
            self.due = (report.step // self.every + 1) * self.every


def trainer_of(images: data.ImageData, settings) -> Trainer:
    strategy, root = make_strategy(settings.execution, BATCH), seeds.root(0)
    with strategy.scope():
        method = method_class(settings)(settings, images.image_shape)
        feed = make_feed(images.train.images, BATCH, root)
        phases = method.phases(feed.steps_per_epoch)
    return Trainer(phases, feed, root, strategy, prepare=method.prepare)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--every", type=int, default=100, help="steps between samples")
    parser.add_argument("--warm_up", type=int, default=300, help="steps before growth counts")
    parser.add_argument("--bound", type=float, default=32, help="growth allowed, in MiB")
    arguments = parser.parse_args()
    flat = {f"{name}_units": "64" for name in ("encoder", "decoder", "discriminator")}
    settings = override(experiments.settings_of("gaussian", "practical"), flat)
    with tempfile.TemporaryDirectory() as name:
        write_images(pathlib.Path(name), arguments.images)
        rows = [("imports done, images written", resident())]
        streamed = override(settings, {"dataset": name, "stream": "always"})
        images = data.load(streamed.data)
        rows.append(("folder checked, held-out images read", resident()))
        images.describe()
        rows.append(("checksum taken", resident()))
        sampler = Sampler(arguments.every)
        trainer_of(images, streamed).train(0, arguments.steps, 20, [sampler])
    per_epoch = len(images.train) / BATCH
    rows += [(f"step {n} (epoch {n / per_epoch:.1f})", rss) for n, rss in sampler.samples.items()]
    print("| after | RSS, MiB |\n|---|---|")
    for label, rss in rows:
        print(f"| {label} | {rss:.0f} |")
    size = math.prod(images.train.images.shape) / MIB
    kept = sum(split.images.nbytes for split in (images.validation, images.test)) / MIB
    print(
        f"\ntraining images as an array: {size:.0f} MiB; held-out images, in memory: {kept:.0f} MiB"
    )
    warm = [rss for step, rss in sampler.samples.items() if step >= arguments.warm_up]
    growth = max(warm) - warm[0]
    print(f"growth after step {arguments.warm_up}: {growth:.0f} MiB, allowed {arguments.bound:.0f}")
    return int(growth > arguments.bound)


if __name__ == "__main__":
    sys.exit(main())
