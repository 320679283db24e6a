#!/usr/bin/env python3
"""How long the log-likelihood by 10 million samples would take, and that memory doesn't grow.

    python benchmarks/parzen.py

decodes some chunks of 2000 samples by the untrained networks of the `likelihood` experiment and
compares them with 1000 made-up validation images at 16 sigmas, and with these and 10,000 test
images at one, as an evaluation does. It prints the seconds of a chunk, the rate, what 10 million
samples come to, and resident memory (RSS). It exits with status 1 if RSS grows by more than --bound
MiB after the first chunks. The times mean something only if nothing else runs on the machine.
"""

import argparse
import itertools
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from aae_tf import experiments, seeds
from aae_tf.evaluation.parzen import CHUNK, SIGMAS, ModelSamples, ParzenWindow
from aae_tf.methods.build import method_class

SHAPE, MIB, WARM_UP = (28, 28, 1), 2**20, 3
PIXELS = 28 * 28


def resident() -> float:
    """RSS of this process in MiB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def decoding(settings) -> float:
    """Floating-point operations of one decoded sample."""
    sizes = (settings.prior.latent_dim, *settings.networks.decoder_units, PIXELS)
    return 2.0 * sum(a * b for a, b in itertools.pairwise(sizes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=15, help="of each pass, after the warm-up")
    parser.add_argument("--samples", type=int, default=10_000_000, help="to extrapolate to")
    parser.add_argument("--test", type=int, default=10_000, help="test images")
    parser.add_argument("--validation", type=int, default=1000, help="validation images")
    parser.add_argument("--bound", type=float, default=32, help="growth allowed, in MiB")
    arguments = parser.parse_args()
    settings = experiments.settings_of("likelihood")
    samples = ModelSamples(method_class(settings)(settings, SHAPE), seeds.root(0))
    random, hours, growth = np.random.default_rng(0), 0.0, 0.0
    print("| pass | images | sigmas | s a chunk | GFLOPS | minutes for all samples | RSS, MiB |")
    print("|---|---|---|---|---|---|---|")
    for name, count, sigmas in (
        ("sigma", arguments.validation, SIGMAS),
        ("test", arguments.validation + arguments.test, SIGMAS[4:5]),
    ):
        images = random.random((count, PIXELS), np.float32)
        window = ParzenWindow(images, images.mean(0), sigmas)
        sums, seconds, memory = window.start(), [], []
        for number in range(WARM_UP + arguments.chunks):
            start = time.perf_counter()
            sums = window.add(sums, samples.chunk(number))
            seconds.append(time.perf_counter() - start)
            memory.append(resident())
        each = float(np.median(seconds[WARM_UP:]))
        rate = CHUNK * (decoding(settings) + 2.0 * PIXELS * count) / each / 1e9
        hours += each * arguments.samples / CHUNK / 3600
        growth = max(growth, max(memory[WARM_UP:]) - memory[WARM_UP - 1])
        print(
            f"| {name} | {count} | {len(sigmas)} | {each:.3f} | {rate:.0f} | "
            f"{each * arguments.samples / CHUNK / 60:.1f} | {memory[-1]:.0f} |"
        )
    print(f"\n{arguments.samples} samples: {60 * hours:.0f} min in all")
    print(f"growth of memory: {growth:.0f} MiB, allowed {arguments.bound:.0f}")
    return int(growth > arguments.bound)


if __name__ == "__main__":
    sys.exit(main())
