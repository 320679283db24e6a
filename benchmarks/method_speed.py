#!/usr/bin/env python3
"""Time of training by method, every one in turn in one process.

    python benchmarks/method_speed.py

makes what flags/compare/sample_quality.flags and each method's flags train, and times stretches of
steps of the training loop in turn. It prints the median and the range of ms a step, and the minutes
that the epochs make of the median, without evaluation. Nothing else should be running.
"""

import argparse
import os
import pathlib
import shlex
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from aae_tf import data, experiments
from aae_tf.cli import flags
from aae_tf.cli.modes import MODES
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs.training_run import TrainingRun
from aae_tf.settings import Settings, override
from aae_tf.training.distribution import make_strategy

FLAGFILE = pathlib.Path(__file__).parents[1] / "flags/compare/sample_quality.flags"
RATES = "--discriminator_learning_rate=1e-3 --generator_learning_rate=2e-4"
METHODS = {
    "AAE": f"--experiment=gaussian {RATES}",
    "VAE": "--experiment=vae_gaussian",
    "WAE-GAN": "--experiment=wae_gan --penalty_weight=3",
    "WAE-MMD (IMQ)": "",
    "WAE, RBF kernel": "--divergence=mmd_rbf",
    "WAE, seven IMQ kernels": "--divergence=mmd_multiscale",
    "WAE, sliced Wasserstein": "--divergence=sliced_wasserstein",
    "WAE, Cramér-Wold": "--divergence=cramer_wold",
    "WAE, Sinkhorn": "--divergence=sinkhorn --penalty_weight=30",
}


def settings_of(command: str) -> Settings:
    """The settings that the flagfile and the flags after it give."""
    values = flags.define(dict.fromkeys(MODES, ""))
    flags.parse(values, ["", f"--flagfile={FLAGFILE}", *shlex.split(command)])
    start = experiments.settings_of(values.experiment, values.recipe)
    return override(start, flags.given(values))


class Timed:
    """A method's training, of which stretches of steps are timed."""

    def __init__(self, method: str, folder: pathlib.Path, steps: int):
        self.settings, self.steps = settings_of(METHODS[method]), steps
        images = data.load(self.settings.data)
        strategy = make_strategy(self.settings.execution, self.settings.training.batch_size)
        session = TrainingRun(self.settings, RunFolder(folder / method), images, strategy)
        self._trainer, feed = session.trainer, session.trainer.feed
        self._source = feed.source(0, None)
        self.total = self.settings.training.epochs * feed.steps_per_epoch
        self.milliseconds: list[float] = []

    def stretch(self) -> float:
        """ms a step, over one stretch."""
        per_call = self.settings.execution.steps_per_call
        started = time.perf_counter()
        for first in range(0, self.steps, per_call):
            self._trainer.run_steps(self._source, first, min(per_call, self.steps - first))
        return 1e3 * (time.perf_counter() - started) / self.steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100, help="of a stretch")
    parser.add_argument("--repeats", type=int, default=7, help="stretches of each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        timed = [Timed(method, pathlib.Path(folder), arguments.steps) for method in METHODS]
        for repeat in range(-1, arguments.repeats):  # the first compiles and warms up
            for each in timed:
                milliseconds = each.stretch()
                if repeat >= 0:
                    each.milliseconds.append(milliseconds)
    print("| method | ms a step | range | minutes of training |")
    print("|---|---|---|---|")
    for method, each in zip(METHODS, timed, strict=True):
        median = statistics.median(each.milliseconds)
        span = f"{min(each.milliseconds):.1f} to {max(each.milliseconds):.1f}"
        print(f"| {method} | {median:.1f} | {span} | {median * each.total / 6e4:.1f} |")


if __name__ == "__main__":
    main()
