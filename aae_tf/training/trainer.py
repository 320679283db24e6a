"""The loop: many steps in one compiled call, phases in order within each step."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from aae_tf import seeds
from aae_tf.data.pipeline import Feed
from aae_tf.errors import DivergedError
from aae_tf.training.averaging import WeightAverage
from aae_tf.training.observers import Observer, Report, Stopped
from aae_tf.training.phase import Batch, Phase
from aae_tf.training.workers import Workers

LOW_ENOUGH = 0.1  # the loss at which pretraining ends, as in the authors' code


class Trainer:
    """Runs phases.

    Args:
      phases: in the order in which a step runs them.
      feed: of minibatches.
      seed: of the run.
      strategy: in whose scope networks and optimizers were made.
      xla: compile the step with XLA, where there is one replica.
      prepare: `(batch, seed of the step)` to the batch as the phases want it; runs outside the
        compiled step, as the phases' draws do, and sees the whole global batch.
      average: takes in the weights after each step.
    """

    def __init__(
        self,
        phases: Sequence[Phase],
        feed: Feed,
        seed: seeds.Seed,
        strategy: tf.distribute.Strategy,
        xla: bool = True,
        prepare: Callable[[Batch, seeds.Seed], Batch] | None = None,
        average: WeightAverage | None = None,
    ):
        self.phases = tuple(phases)
        self.feed = feed
        self._seed = seed
        self._prepare = prepare or (lambda batch, seed: batch)
        self._strategy, self._average = strategy, average
        self._replicas = strategy.num_replicas_in_sync
        self._workers = Workers(strategy)
        # The step is compiled once for each stage of training, which ends where a term begins: in a
        # tf.cond a term could neither gather the replicas' rows nor synchronise their moments.
        self._begins = sorted({step for phase in self.phases for step in phase.begins.values()})
        self._keys: dict[int, tuple[str, ...]] = {}
        # XLA can't compile a function that captures the variables of several CPU devices.
        self._jit_compile = xla and self._replicas == 1
        self.trace_anew()
        self._overflown: str | None = None  # a phase whose weights the last call made infinite
        self.stop_requested = False

    def trace_anew(self) -> None:
        """Has the step compiled again, where what it was traced with has changed."""
        # Without AutoGraph, which rewrites all that is called, layers and distributions too: that
        # takes as long as tracing.
        self._step = tf.function(self._replica_step, jit_compile=self._jit_compile, autograph=False)
        self._call = tf.function(self._steps, reduce_retracing=True, autograph=False)

    def train(
        self,
        first_step: int,
        last_step: int,
        steps_per_call: int,
        observers=(),
        seconds_per_call: float = math.inf,
        calls_end_at: Sequence[int] = (),
    ) -> None:
        """Trains from `first_step` up to, not including, `last_step`.

        Args:
          first_step: steps done before.
          last_step: of the whole run.
          steps_per_call: at most; a call doesn't reach into the next epoch.
          observers: called after each call, in this order.
          seconds_per_call: that a call is to take at most, though it has a step at least. It begins
            with calls of a step and makes them longer; results don't depend on it. It doesn't
            count where several workers train.
          calls_end_at: steps beyond which no call reaches, in ascending order.

        Raises:
          DivergedError: if a loss or a weight becomes NaN or infinite.
          Stopped: if `stop_requested` is set, on any worker, maybe before the first step;
            observers have seen every step done.
        """
        step, epoch, source = first_step, -1, None
        per_epoch = self.feed.steps_per_epoch
        if self._workers.count > 1:  # whose calls have to be of the same steps
            seconds_per_call = math.inf
        most = 1 if math.isfinite(seconds_per_call) else steps_per_call
        while step < last_step:
            if self._workers.any_of(self.stop_requested):
                raise Stopped
            if step // per_epoch != epoch:
                epoch = step // per_epoch
                source = self.feed.source(step, source)
            end = next((at for at in calls_end_at if at > step), last_step)
            count = min(most, (epoch + 1) * per_epoch - step, last_step - step, end - step)
            started = time.perf_counter()
            # By which a profile, if one is being taken, tells steps apart.
            with tf.profiler.experimental.Trace("train", step_num=step, _r=1):
                values = self.run_steps(source, step, count)
            seconds = time.perf_counter() - started
            affordable = max(1.0, seconds_per_call * count / seconds)
            most = int(min(steps_per_call, 2 * most, affordable))
            self._check_finite(step, values, observers)
            step += count
            report = Report(
                step, last_step, step / per_epoch, values, seconds, step % per_epoch == 0
            )
            for observer in observers:
                observer.after_call(report)
                if report.epoch_ended:
                    observer.after_epoch(report)

    def run_steps(self, source, first_step: int, count: int) -> dict[str, np.ndarray]:
        """Runs `count` steps of one epoch in one call, from what the feed's `source` gave.

        Returns:
          For each 'phase/metric' its value at each step, `(count,)`.
        """
        stage = bisect.bisect_right(self._begins, first_step)
        try:
            stacked, finite = self._call(source, tf.constant(first_step), tf.constant(count), stage)
        except tf.errors.OpError as error:
            self.feed.explain(error)
            raise
        overflown = [p.name for p, ok in zip(self.phases, finite.numpy(), strict=True) if not ok]
        self._overflown = overflown[0] if overflown else None
        stacked = stacked.numpy()
        return {key: stacked[:, column] for column, key in enumerate(self._keys[stage])}

    def _steps(self, source, first_step, count, stage):
        begun = (0, *self._begins[:stage])

        def one(index, rows):
            step = first_step + index
            batch = self.feed.batch(source, step)
            seed = seeds.fold(self._seed, "step", step)
            batch = self._prepare(batch, seed)
            draws, common = {}, {}
            for phase in self.phases:
                folded = seeds.fold(seed, phase.name)
                drawn = phase.draws(folded, self.feed.batch_size)
                draws[phase.name] = {
                    key: drawn[key] for key in drawn if phase.begins.get(key, 0) in begun
                }
                drawn = phase.common_draws(seeds.fold(folded, "common"))
                common[phase.name] = {**drawn, "step": step}
            values = self._strategy.run(self._step, args=(batch, draws, common, stage))
            row = self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
            if self._average is not None:
                self._average.update(step)
            return index + 1, rows.write(index, tf.cast(row, tf.float64))

        rows = tf.TensorArray(tf.float64, size=count)
        _, rows = tf.while_loop(lambda index, _: index < count, one, (0, rows))
        # Finite losses don't mean finite weights: the last update may have overflowed, and on a CPU
        # a rectifier that is fused with its matrix product turns NaN into 0.
        finite = [
            tf.reduce_all([tf.reduce_all(tf.math.is_finite(v.value)) for v in phase.variables])
            for phase in self.phases
        ]
        return rows.stack(), tf.stack(finite)

    def _replica_step(self, batch, draws, common, stage):
        """One step on one replica's share; returns its part of the means over the global batch."""
        batch, draws = tf.nest.map_structure(self._share, (batch, draws))
        means = {}
        for phase in self.phases:
            variables = phase.variables
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([variable.value for variable in variables])
                loss = phase.loss(batch, {**draws[phase.name], **common[phase.name]})
                # apply() sums gradients over replicas, hence each divides by the global batch.
                mean = self._part_of_mean(loss.per_example)
                descended = phase.optimizer.scale_loss(mean)
            # Zero for what the loss does not reach, such as the style head in classification.
            gradients = tape.gradient(
                descended,
                [variable.value for variable in variables],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            phase.optimizer.apply(gradients, variables)
            means[f"{phase.name}/loss"] = mean
            for name, value in loss.metrics.items():
                means[f"{phase.name}/{name}"] = self._part_of_mean(value)
        self._keys[stage] = tuple(means)
        return tf.stack(list(means.values()))

    def _part_of_mean(self, per_example):
        """This replica's part of the mean over the global batch, of images or of labelled ones."""
        count = tf.shape(per_example)[0] * self._replicas
        return tf.reduce_sum(per_example) / tf.cast(count, per_example.dtype)

    def _share(self, tensor):
        """This replica's rows of a tensor of the global batch."""
        if self._replicas == 1:
            return tensor
        size = (tensor.shape[0] or self.feed.batch_size) // self._replicas
        start = tf.distribute.get_replica_context().replica_id_in_sync_group * size
        share = tensor[start : start + size]
        return tf.ensure_shape(share, [size, *tensor.shape[1:]])

    def _check_finite(self, first_step, values, observers):
        for key, series in values.items():
            bad = np.flatnonzero(~np.isfinite(series))
            if len(bad):
                step = first_step + int(bad[0]) + 1
                self._diverged(step, key, f"became {series[bad[0]]} at step {step}", observers)
        if self._overflown:
            step = first_step + len(next(iter(values.values())))
            what = f"became NaN or infinite by step {step}"
            self._diverged(step, f"{self._overflown}/weights", what, observers)

    def _diverged(self, step, key, what, observers):
        for observer in observers:
            observer.after_diverging(step, key)
        phase, _, metric = key.partition("/")
        error = DivergedError(f"the {metric} of phase '{phase}' {what}")
        error.is_of_training = True
        raise error


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """What a method does before its phases (WAE, supplement).

    Args:
      phase: with an optimizer of its own, which is not kept.
      steps: at most.
      batch_size: over all replicas.
    """

    phase: Phase
    steps: int
    batch_size: int


class _UntilLow(Observer):
    """Stops when the loss is low enough."""

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        self.steps, self.loss = 0, float("inf")

    def after_call(self, report: Report) -> None:
        self.steps = report.step
        self.loss = float(next(iter(report.values.values()))[-1])
        self._trainer.stop_requested = self.loss < LOW_ENOUGH


def pretrain(trainer: Trainer, steps: int) -> tuple[int, float]:
    """Runs a trainer of one phase until its loss is low enough, at most so many steps.

    Returns:
      How many steps it took, and the last loss.

    Raises:
      DivergedError: if the loss or a weight became NaN or infinite.
    """
    watch = _UntilLow(trainer)
    with contextlib.suppress(Stopped):
        trainer.train(0, steps, 1, (watch,))
    return watch.steps, watch.loss
