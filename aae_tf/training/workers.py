"""Training on several workers: processes, here or on other machines, each with devices of its own.

They are a cluster of tf.distribute's, described by TF_CONFIG or by Slurm. All of them compute every
step together, and the chief, the first one, alone writes.
"""

from __future__ import annotations

import json
import os

import numpy as np
import tensorflow as tf

from aae_tf.errors import SettingsError, UserError

FLAG = "strategy", "multi_worker"
EXAMPLE = (
    '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
PORT = 12345  # of workers under Slurm


def multi_worker_strategy() -> tf.distribute.MultiWorkerMirroredStrategy:
    """The strategy of the cluster that the environment describes; it waits for the other workers.

    Raises:
      SettingsError: if it describes none, or TensorFlow has computed something before.
    """
    resolver = _resolver()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except RuntimeError as error:
        if "program startup" not in str(error):
            raise
        expected = "another in this process, which has trained or computed something already"
        raise SettingsError(*FLAG, expected) from None


def _resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
    text = os.environ.get("TF_CONFIG", "")
    if not text and "SLURM_PROCID" in os.environ:
        # Slurm gives each task its GPUs; the numbers only keep the resolver from looking for some.
        return tf.distribute.cluster_resolver.SlurmClusterResolver(
            {"worker": int(os.environ["SLURM_STEP_NUM_TASKS"])},
            port_base=PORT,
            gpus_per_node=1024,
            gpus_per_task=1,
            auto_set_gpu=False,
        )
    try:
        described = json.loads(text)
        jobs, task = described["cluster"], described["task"]
        sizes = {job: len(jobs[job]) for job in jobs if isinstance(jobs[job], list)}
        fits = sizes.keys() <= {"chief", "worker"} and 0 <= task["index"] < sizes[task["type"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        fits = False
    if not fits:
        found = f"the environment has TF_CONFIG={text}" if text else "the environment has neither"
        expected = f"TF_CONFIG as {EXAMPLE}, or Slurm's srun; {found}"
        raise SettingsError(*FLAG, expected)
    return tf.distribute.cluster_resolver.TFConfigClusterResolver()


class Workers:
    """The processes that train a run together; most often there is one.

    Args:
      strategy: of tf.distribute.

    Attributes:
      count: of the workers.
      is_chief: whether this is the one that writes.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        resolver = getattr(strategy, "cluster_resolver", None)
        tasks = [] if resolver is None else _tasks(resolver)
        self.count = max(1, len(tasks))
        self.is_chief = self.count == 1 or tasks[0] == (resolver.task_type, resolver.task_id)
        self._gather = tf.function(self._gathered, autograph=False)

    def _gathered(self, number):
        def of_replica():
            context = tf.distribute.get_replica_context()
            return context.all_gather(number[None], axis=0)

        return self._strategy.experimental_local_results(self._strategy.run(of_replica))[0]

    def all_of(self, number: int) -> list[int]:
        """The numbers of all replicas, in one order everywhere; each worker asks with its own."""
        if self.count == 1:
            return [number]
        return np.asarray(self._gather(tf.constant(number, tf.int64))).tolist()

    def any_of(self, condition: bool) -> bool:
        """Whether it holds on any worker; all of them ask."""
        return condition if self.count == 1 else max(self.all_of(int(condition))) > 0

    def check_same_step(self, folder: str, step: int) -> None:
        """Waits for the others, and checks that all begin at one step.

        Raises:
          UserError: if they don't.
        """
        steps = self.all_of(step)
        if len(set(steps)) > 1:
            found = ", ".join(map(str, sorted(set(steps))))
            expected = "expected one folder that all of them see"
            raise UserError(
                f"--run_dir={folder}: the workers find checkpoints of steps {found}; {expected}"
            )

    def lost(self, error: tf.errors.OpError) -> UserError | None:
        """What to say if an error is that another worker is gone."""
        kinds = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        if self.count == 1 or not isinstance(error, (*kinds, tf.errors.InternalError)):
            return None
        again = "start the same commands again, and the run goes on at its newest checkpoint"
        return UserError(f"--strategy=multi_worker: another worker is gone; {again}")


def _tasks(resolver) -> list[tuple[str, int]]:
    jobs = resolver.cluster_spec().as_dict()
    return [(job, number) for job in sorted(jobs) for number in range(len(jobs[job]))]
