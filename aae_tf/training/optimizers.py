"""From a phase's settings to a Keras optimizer whose rate is a function of the step."""

from __future__ import annotations

import keras
import tensorflow as tf

from aae_tf.settings import PhaseSettings, parse_schedule


def learning_rate(settings: PhaseSettings, steps_per_epoch: int, epochs: int):
    """The phase's learning rate: a number, or a Keras schedule of the step.

    Args:
      settings: initial rate and schedule; a schedule's epochs count from 0, so that '50:0.1' takes
        effect once 50 epochs are done.
      steps_per_epoch: minibatches in an epoch.
      epochs: of the whole run, where a cosine ends.
    """
    initial = settings.learning_rate
    schedule = parse_schedule(settings.schedule)
    if schedule == "constant":
        return initial
    if schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(initial, steps_per_epoch * epochs)
    # PiecewiseConstantDecay keeps a value up to its boundary, boundary included.
    boundaries = [epoch * steps_per_epoch - 1 for epoch, _ in schedule]
    values = [initial] + [initial * factor for _, factor in schedule]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


class LossScale(keras.optimizers.LossScaleOptimizer):
    """Scales the loss, so that no gradient in float16 falls below what that has.

    Where a scaled gradient overflows, the step is skipped and the scale halved; after 2000 steps
    without it is doubled. At a scale of 1 nothing is left to halve: the step is taken, whose
    weights tell that training diverged.
    """

    def check_finite(self, grads):
        """Whether to take the step, the same on all replicas; Keras asks the first one alone."""
        replica = tf.distribute.get_replica_context()
        finite = tf.cast(super().check_finite(grads), tf.int32)
        everywhere = replica.all_reduce(tf.distribute.ReduceOp.SUM, finite)
        least = tf.convert_to_tensor(self.dynamic_scale) <= 1
        return (everywhere == replica.num_replicas_in_sync) | least


def build(
    settings: PhaseSettings, variables, steps_per_epoch: int, epochs: int, scaled: bool = False
):
    """An optimizer whose state for `variables` is made (call it in the strategy's scope).

    Args:
      settings: of the phase.
      variables: that it moves.
      steps_per_epoch: minibatches in an epoch.
      epochs: of the whole run.
      scaled: whether to scale the loss, see `LossScale`.
    """
    rate = learning_rate(settings, steps_per_epoch, epochs)
    name = f"{settings.name}_{settings.optimizer}"
    if settings.optimizer == "adam":
        optimizer = keras.optimizers.Adam(
            rate, beta_1=settings.momentum, epsilon=settings.epsilon, name=name
        )
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=settings.momentum, name=name)
    if scaled:
        optimizer = LossScale(optimizer, name=f"{name}_scaled")
    optimizer.build(variables)
    return optimizer


class _Scaled(keras.optimizers.schedules.LearningRateSchedule):
    """A share of a schedule's rates."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, share: float):
        self._schedule, self._share = schedule, share

    def __call__(self, step):
        return self._share * self._schedule(step)


def scale_rate(optimizer: keras.optimizers.Optimizer, rate, share: float) -> None:
    """Gives an optimizer a share of a rate: of a number, or a schedule, to be traced anew."""
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        optimizer.learning_rate = _Scaled(rate, share)
    else:
        optimizer.learning_rate = share * rate


def rate_of(optimizer: keras.optimizers.Optimizer):
    """The learning rate as it was set: a number, or a schedule of the step."""
    rate = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return rate
    return float(rate.numpy())


def rate_at(optimizer: keras.optimizers.Optimizer, step: int) -> float:
    """The learning rate that the optimizer uses for the step of that number, from 0."""
    rate = rate_of(optimizer)
    return rate if isinstance(rate, float) else float(rate(step))
