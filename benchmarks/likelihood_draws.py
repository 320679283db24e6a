#!/usr/bin/env python3
"""How much of a log-likelihood is the luck of its samples, and how two runs compare without tests.

    python benchmarks/likelihood_draws.py RUN_DIR [RUN_DIR ...] --draws 4

scores all validation images, of which an evaluation uses 1000, by a Parzen window on several draws
of 10,000 samples, each by the same seeds for each run, and prints each draw's mean log density in
nats, at the best of a few sigmas, with the mean and standard deviation over draws. Nothing is
looked at of the test images.
"""

import argparse
import math
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from aae_tf import data, seeds
from aae_tf.evaluation.parzen import CHUNK, ModelSamples, ParzenWindow
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs.export import restore_run


def log_likelihoods(run_dir: pathlib.Path, draws: int, samples: int, sigmas) -> list[float]:
    """Mean log density of all validation images by each draw, at its best sigma, in nats."""
    folder = RunFolder(run_dir)
    settings = folder.read_settings()
    images = data.load(settings.data)
    folder.check_data(images)
    method, _ = restore_run(folder, settings, images.image_shape, images.num_classes)
    held_out = images.validation.intensities().reshape(len(images.validation), -1)
    window = ParzenWindow(held_out, held_out.mean(0, dtype=np.float64), sigmas)
    found = []
    for draw in range(draws):
        drawn = ModelSamples(method, seeds.fold(seeds.root(draw), "draws"))
        sums = window.start()
        for number in range(math.ceil(samples / CHUNK)):
            some = min(CHUNK, samples - number * CHUNK)
            sums = window.add(sums, drawn.chunk(number), some)
        found.append(float(window.log_densities(sums).mean(0).max()))
    return found


def main():
    """Prints a line a run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=pathlib.Path, help="folders of runs")
    parser.add_argument("--draws", type=int, default=4, help="of the samples")
    parser.add_argument("--samples", type=int, default=10_000, help="in a draw")
    parser.add_argument("--sigmas", default="0.150,0.153,0.156,0.159,0.162", help="to try")
    options = parser.parse_args()
    sigmas = [float(sigma) for sigma in options.sigmas.split(",")]
    for run in options.runs:
        found = log_likelihoods(run, options.draws, options.samples, sigmas)
        listed = " ".join(f"{value:.2f}" for value in found)
        spread = np.std(found, ddof=1) if len(found) > 1 else 0.0
        print(f"{run.name}: {listed}; {np.mean(found):.2f} ± {spread:.2f}", flush=True)


if __name__ == "__main__":
    main()
