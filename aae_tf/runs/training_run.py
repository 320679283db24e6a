"""A run in training: its networks, phases, feed and checkpoints, and the loop until it stops."""

from __future__ import annotations

import contextlib
import logging
import math
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from aae_tf import seeds
from aae_tf.data import ImageData
from aae_tf.data.pipeline import make_feed
from aae_tf.errors import DivergedError, SettingsError, UserError
from aae_tf.evaluation import code_sampler
from aae_tf.methods.build import labelled_for, method_for
from aae_tf.results.provenance import earlier_sessions, provenance
from aae_tf.results.run_folder import RunFolder, identity
from aae_tf.runs.rollback import Rollback
from aae_tf.runs.stopping import Stop
from aae_tf.settings import Settings
from aae_tf.training import Observer, Report, Stopped, Trainer, averaging, initial_weights
from aae_tf.training.averaging import WeightAverage
from aae_tf.training.checkpoints import Checkpoints, CheckpointWriter
from aae_tf.training.distribution import devices_of, uses_xla
from aae_tf.training.trainer import pretrain
from aae_tf.training.variables import (
    averaged_variables,
    digest,
    network_variables,
    optimizer_variables,
)
from aae_tf.training.workers import Workers
from aae_tf.utils import (
    evenly_spaced,
    printable,
    progress_bar,
    set_fitting_postfix,
    without_bars,
    write_aside,
)

logger = logging.getLogger(__name__)
SHORT = {"reconstruction": "rec", "discriminator": "disc", "generator": "gen"}
CALL_SECONDS = 5.0  # at most, so that a signal doesn't wait for many slow steps


class ProgressBar(Observer):
    """Draws on standard error; one line a minute where that isn't a terminal.

    Args:
      first_step: steps done before.
      total_steps: of the whole run.
      shown: whether it is drawn at all.
    """

    def __init__(self, first_step: int, total_steps: int, shown: bool = True):
        with contextlib.nullcontext() if shown else without_bars():
            self._bar = progress_bar(total_steps, "step", first_step)

    def after_call(self, report: Report) -> None:
        losses = [
            f"{SHORT.get(key.removesuffix('/loss'), key)} {series.mean():.3g}"
            for key, series in report.values.items()
            if key.endswith("/loss")
        ]
        self._bar.set_description_str(f"epoch {report.epoch:.1f} ", refresh=False)
        set_fitting_postfix(self._bar, losses)
        self._bar.update(report.step - self._bar.n)

    def after_rollback(self, step: int) -> None:
        self._bar.n = step

    def close(self) -> None:
        self._bar.refresh()
        self._bar.close()


class Profile(Observer):
    """Writes TensorBoard's profile of some steps, which run one in a call.

    Args:
      folder: of the run.
      first: of the steps, counted from 0.
      last: the one before which it ends.
      total_steps: of the run.

    Attributes:
      calls_end_at: steps beyond which no call is to reach.

    Raises:
      SettingsError: if the run has no such steps.
    """

    def __init__(self, folder: pathlib.Path, first: int, last: int, total_steps: int):
        if last > total_steps:
            raise _wrong_profile(first, last, f"steps up to {total_steps}, the end of the run")
        self._folder, self._first, self._last = folder, first, last
        self.calls_end_at = range(first, last + 1)
        self._is_running = self._is_written = False

    def check(self, step: int) -> None:
        """Checks that a run that goes on at a step comes by those to profile.

        Raises:
          SettingsError: if it doesn't.
        """
        if step > self._first:
            expected = f"{step} or more as the first step, where the run goes on"
            raise _wrong_profile(self._first, self._last, expected)

    def look(self, step: int) -> None:
        """Begins or ends with so many steps done."""
        if step == self._last:
            self.close()
        elif step == self._first and not self._is_running and not self._is_written:
            tf.profiler.experimental.start(str(self._folder))
            self._is_running = True

    def after_call(self, report: Report) -> None:
        self.look(report.step)

    def close(self) -> None:
        """Writes what there is, where training stopped among the steps."""
        if self._is_running:
            tf.profiler.experimental.stop()
            self._is_running, self._is_written = False, True
            logger.info("profile: %s", printable(self._folder / "plugins" / "profile"))


def _wrong_profile(first: int, last: int, expected: str) -> SettingsError:
    return SettingsError("profile", f"{first},{last}", expected)


class TrainingRun:
    """What training needs, made from settings and data.

    Args:
      settings: of the run.
      folder: of the run.
      data: that they name.
      strategy: of tf.distribute.
      stop: what may end the run early; by default signals and the settings' time from now on.
      profile: the first of the steps to profile and the one before which that ends; None for none.
    """

    def __init__(
        self,
        settings: Settings,
        folder: RunFolder,
        data: ImageData,
        strategy,
        stop: Stop | None = None,
        profile: tuple[int, int] | None = None,
    ):
        training = settings.training
        if training.batch_size > len(data.train):
            expected = f"at most {len(data.train)}, the number of training images"
            raise SettingsError("batch_size", training.batch_size, expected)
        code_sampler.check(settings, len(data.train))
        self.settings, self.folder, self.data = settings, folder, data
        self.seed = seeds.root(training.seed)
        self.strategy, self.workers = strategy, Workers(strategy)
        with self.strategy.scope():
            self.method = method_for(settings, data)
            self.method.adapt(data.train.images)
            feed = make_feed(
                data.train.images,
                training.batch_size,
                self.seed,
                self.method.dtype,
                labelled_for(self.method, data, strategy.num_replicas_in_sync),
            )
            self.phases = self.method.phases(feed.steps_per_epoch)
            self.pretraining = self.method.pretraining()
            self._average = self._make_average()
        replicas = strategy.num_replicas_in_sync
        if self.pretraining is not None and self._pretraining_batch_size % replicas:
            expected = f"a multiple of {replicas}, the number of replicas"
            raise SettingsError("pretraining_batch_size", self._pretraining_batch_size, expected)
        self._xla = uses_xla(settings.execution.xla, self.method.networks.values())
        self.trainer = Trainer(
            self.phases,
            feed,
            self.seed,
            strategy,
            self._xla,
            self.method.prepare,
            self._average,
        )
        self.profile = None
        if profile is not None:
            if self.workers.count > 1:
                raise _wrong_profile(*profile, "none with --strategy=multi_worker")
            self.profile = Profile(folder.path, *profile, self.total_steps)
        self.stop = stop or Stop(settings.execution.max_minutes)
        self.stop.watch(self.trainer)
        self._variables = network_variables(self.method.networks) | optimizer_variables(self.phases)
        if self._average is not None:
            averages = self._average.variables
            self._variables |= {f"averages/{name}": value for name, value in averages.items()}

    @property
    def total_steps(self) -> int:
        """Of the whole run."""
        return self.settings.training.epochs * self.trainer.feed.steps_per_epoch

    def _make_average(self) -> WeightAverage | None:
        decay = self.settings.training.average_decay
        if not decay:
            return None
        return WeightAverage(averaged_variables(self.method.lasting_networks), decay)

    def _make_precise_norm(self) -> Observer:
        if not self.settings.training.precise_batch_norm:
            return Observer()
        train, method = self.data.train, self.method
        images = train.intensities(evenly_spaced(len(train), averaging.MOMENT_IMAGES))
        return averaging.PreciseNorm(
            method.encoder, method.take_in, images, self.strategy, self._average
        )

    def averaged_weights(self) -> contextlib.AbstractContextManager[None]:
        """Within it the networks have the averages of their weights, if the settings say so."""
        return contextlib.nullcontext() if self._average is None else self._average.in_place()

    @property
    def _pretraining_batch_size(self) -> int:
        return min(self.pretraining.batch_size, len(self.data.train))

    def begin(self) -> None:
        """Does what comes before the first step, if the settings or the method ask for it."""
        source = self.settings.training.init_from
        if source:
            initial_weights.adopt(self.method.networks, source)
            if self._average is not None:
                self._average.adopt()
        elif self.pretraining is not None:
            self._pretrain()

    def _pretrain(self) -> None:
        images, size = self.data.train.images, self._pretraining_batch_size
        seed = seeds.fold(self.seed, "pretraining")
        feed = make_feed(images, size, seed, self.method.dtype)
        trainer = Trainer(
            (self.pretraining.phase,),
            feed,
            seed,
            self.strategy,
            self._xla,
            self.method.prepare,
        )
        steps, loss = pretrain(trainer, self.pretraining.steps)
        logger.info("pretrained the encoder's moments: %.3g after %d steps", loss, steps)

    def open_checkpoints(self) -> None:
        """Opens the run's checkpoints."""
        self.checkpoints = self._checkpoints_in(self.folder.checkpoints)

    def _checkpoints_in(self, folder: pathlib.Path) -> Checkpoints:
        return Checkpoints(
            folder,
            network_variables(self.method.networks),
            optimizer_variables(self.phases),
            self._average.variables if self._average is not None else None,
            identity(self.settings, self.data.describe()),
        )

    def train(self, *recorders: Observer) -> int:
        """Trains to the end, or until it is to stop; writes a checkpoint either way.

        Args:
          *recorders: look on, before a checkpoint is written; may ask the trainer to stop.

        Returns:
          The exit status of a stop by a signal or for the time, or 0.

        Raises:
          DivergedError: if a loss or a weight became NaN or infinite.
        """
        checkpoints, progress = self.checkpoints, self.checkpoints.progress
        total, execution = self.total_steps, self.settings.execution
        chief, calls = self.workers.is_chief, execution.steps_per_call
        writer = CheckpointWriter(checkpoints, execution.checkpoint_minutes if chief else math.inf)
        bar = ProgressBar(progress.step, total, shown=chief)
        # The moments come before the recorder, which evaluates, and the checkpoint.
        rollback = Rollback(
            checkpoints,
            self._checkpoints_in,
            self.phases,
            self.trainer.feed.steps_per_epoch,
            execution.on_nan == "rollback",
        )
        observers = (bar, self._make_precise_norm(), *recorders, writer, rollback, self.stop)
        profile, ends, profiling = self.profile, (), contextlib.nullcontext()
        if profile is not None:
            # First, so that what looks on isn't in it.
            observers, ends = (profile, *observers), profile.calls_end_at
            profiling = contextlib.closing(profile)
        with contextlib.closing(bar), profiling, self._stopped():
            if profile is not None:
                profile.look(progress.step)
            while progress.step < total:
                try:
                    self.trainer.train(progress.step, total, calls, observers, CALL_SECONDS, ends)
                except DivergedError as error:
                    self._go_back(rollback, error, observers)
                except tf.errors.OpError as error:
                    self._tell_of_own_prior()
                    raise self.workers.lost(error) or error from None
        if chief:
            checkpoints.save_if_new()
        return self.stop.status

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[None]:
        """Within it training may stop; where another worker was asked to, that is noted."""
        try:
            yield
        except Stopped:
            if self.workers.count > 1 and not self.trainer.stop_requested:
                self.stop.by_another()

    def _go_back(self, rollback: Rollback, error: DivergedError, observers) -> None:
        try:
            step = rollback.go_back(error)
        except DivergedError as final:
            last = self.checkpoints.latest
            good = f"the last good checkpoint is {last}" if last else "there is no checkpoint yet"
            raise DivergedError(f"{final}; {good}; try lower learning rates") from None
        self.trainer.trace_anew()  # with the schedules' other rates
        for observer in observers:
            observer.after_rollback(step)

    def _tell_of_own_prior(self) -> None:
        """Raises an error of one line if a prior of the user's raised something within a step."""
        raised = getattr(self.method.prior, "raised", "").strip()
        if raised:
            file = self.folder.path / "traceback.txt"
            write_aside(file, f"{raised}\n")
            said = f"raised {raised.splitlines()[-1]} in training; its traceback is in {file}"
            raise UserError(f"--prior={self.settings.prior.prior}: {said}") from None

    def note_provenance(self, first_step: int, commit: str) -> str:
        """Writes where the run comes from, once it was trained or stopped.

        Args:
          first_step: at which this session began to train.
          commit: of the program then.

        Returns:
          The digest of the variables of networks and optimizers.
        """
        state, progress = self.digest(), self.checkpoints.progress
        before = self.folder.read_json("provenance.json")
        # Of a run that another session trained to its end the record stays.
        if progress.step > first_step or before.get("step") != progress.step:
            devices = devices_of(self.strategy)
            earlier = earlier_sessions(before, first_step)
            self.folder.write_provenance(
                provenance(devices, progress.seconds, state, progress.step, earlier, commit)
            )
        return state

    def digest(self) -> str:
        """SHA-256 of the variables of networks and optimizers."""
        return digest(self._variables)
