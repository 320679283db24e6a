"""The tf.distribute strategy of a run, and the rows of all its replicas."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

import keras
import tensorflow as tf

from aae_tf.errors import SettingsError
from aae_tf.networks.layers import has_convolutions
from aae_tf.settings import ExecutionSettings
from aae_tf.training.workers import multi_worker_strategy

MOST_CPUS = 16  # logical devices: tracing a step takes as many times as long


def make_strategy(settings: ExecutionSettings, batch_size: int) -> tf.distribute.Strategy:
    """The strategy in whose scope networks and optimizers are to be made.

    Args:
      settings: strategy and number of replicas.
      batch_size: over all replicas.

    Raises:
      SettingsError: if there are fewer devices than replicas, or they can't share a batch evenly.
    """
    if settings.strategy == "multi_worker":
        return _multi_worker(settings, batch_size)
    gpus = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
    if settings.strategy == "one_device":
        if settings.replicas > 1:
            raise SettingsError("replicas", settings.replicas, "1 with --strategy=one_device")
        return tf.distribute.OneDeviceStrategy(gpus[0].name if gpus else "/cpu:0")
    replicas = settings.replicas or len(gpus) or 1
    if not gpus and replicas > MOST_CPUS:
        raise SettingsError("replicas", replicas, f"at most {MOST_CPUS} without GPUs")
    devices = gpus[:replicas] if gpus else _logical_cpus(replicas)
    if len(devices) < replicas:
        raise SettingsError("replicas", replicas, f"at most {len(devices)}, the devices found")
    _check_shared(batch_size, replicas)
    with _without_cluster():
        return tf.distribute.MirroredStrategy([device.name for device in devices])


def _multi_worker(settings: ExecutionSettings, batch_size: int) -> tf.distribute.Strategy:
    if settings.replicas:
        expected = "0 with --strategy=multi_worker, which takes all devices of each worker"
        raise SettingsError("replicas", settings.replicas, expected)
    if settings.on_nan == "rollback":
        raise SettingsError("on_nan", "rollback", "stop with --strategy=multi_worker")
    strategy = multi_worker_strategy()
    _check_shared(batch_size, strategy.num_replicas_in_sync)
    return strategy


def _check_shared(batch_size: int, replicas: int) -> None:
    if batch_size % replicas:
        raise SettingsError("batch_size", batch_size, f"a multiple of the {replicas} replicas")


def devices_of(strategy: tf.distribute.Strategy) -> list[str]:
    """The names of the devices that a strategy computes on."""
    if tf.distribute.has_strategy() or strategy is not tf.distribute.get_strategy():
        return list(strategy.extended.worker_devices)
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"  # TensorFlow's own choice
    return [tf.config.list_logical_devices(kind)[0].name]


def uses_xla(choice: str, networks: Iterable[keras.Model]) -> bool:
    """Whether networks are compiled with XLA on this machine's device, see `compiles_with_xla`."""
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    return compiles_with_xla(choice, any(map(has_convolutions, networks)), on_gpu)


def compiles_with_xla(choice: str, convolutional: bool, on_gpu: bool) -> bool:
    """Whether to compile with XLA what runs on one replica.

    Args:
      choice: 'on', 'off' or 'auto': where that is faster. On CPUs XLA's convolutions are slower
        than TensorFlow's own.
      convolutional: whether a network has convolutions.
      on_gpu: whether the device is a GPU.
    """
    if choice == "auto":
        return on_gpu or not convolutional
    return choice == "on"


@contextlib.contextmanager
def _without_cluster() -> Iterator[None]:
    """Within it the environment describes no cluster, which MirroredStrategy would look for."""
    cluster = os.environ.pop("TF_CONFIG", None)
    try:
        yield
    finally:
        if cluster is not None:
            os.environ["TF_CONFIG"] = cluster


def _logical_cpus(count: int):
    if count > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        # It raises where TensorFlow is initialised already; what there is, is listed below.
        with contextlib.suppress(RuntimeError):
            tf.config.set_logical_device_configuration(cpu, parts)
    return tf.config.list_logical_devices("CPU")[:count]


def gathered(values: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, in the order of the global batch; gradients flow back to each.

    Args:
      values: this replica's rows `(share, ...)`.

    Returns:
      `(replicas * share, ...)`, the same on every replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    everything = context.all_gather(values, axis=0)
    shape = [values.shape[0] * context.num_replicas_in_sync, *values.shape[1:]]
    return tf.ensure_shape(everything, shape)
