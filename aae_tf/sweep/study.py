"""The study of a sweep: its trials in optuna's storage, and the workers that take them from there.

A worker is a process that takes one trial, trains it, and itself tells the study of its scores. Any
number of them, started here or by the same command elsewhere, share a storage. A trial is its
worker's as long as that locks the trial's folder: one that a killed worker left is taken up again.

It imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aae_tf.errors import RunFolderError, SettingsError, UserError
from aae_tf.results.run_folder import RunFolder
from aae_tf.sweep import plan, results
from aae_tf.sweep.plan import Sweep
from aae_tf.sweep.process import Processes
from aae_tf.utils import log_format, make_folder, write_json

if TYPE_CHECKING:  # optuna takes a second to import, which not every command needs
    import optuna
    from optuna.trial import FrozenTrial, Trial

logger = logging.getLogger(__name__)
POLL_SECONDS = 1.0  # between looks for what has changed elsewhere
CREATE_ATTEMPTS = 3  # for a database whose tables another command makes at the same time


def open_study(sweep: Sweep) -> optuna.Study:
    """The study of a sweep, made if there is none.

    Raises:
      UserError: if its storage can't be used.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    halving, storage = sweep.halving, sweep.storage
    pruner = optuna.pruners.NopPruner()
    if halving.first < halving.epochs:
        pruner = optuna.pruners.SuccessiveHalvingPruner(halving.first, halving.factor)
    try:
        create = _create_in_database
        if "://" not in storage:
            storage, create = JournalStorage(JournalFileBackend(storage)), optuna.create_study
        return create(
            study_name=sweep.study,
            storage=storage,
            direction="maximize" if plan.is_better_larger(sweep.score) else "minimize",
            pruner=pruner,
            load_if_exists=True,
        )
    except Exception as error:  # each database has errors of its own
        raise UserError(
            f"--storage={sweep.storage}: can't be used ({error}); expected a file, or the URL of a "
            "database such as sqlite:///FILE"
        ) from None


def _create_in_database(**arguments) -> optuna.Study:
    """optuna's create_study, again if another command makes the database's tables meanwhile."""
    import optuna
    import sqlalchemy.exc

    for _ in range(CREATE_ATTEMPTS - 1):
        try:
            return optuna.create_study(**arguments)
        except sqlalchemy.exc.DBAPIError:  # a table or row that wasn't there when it looked
            time.sleep(POLL_SECONDS)
    return optuna.create_study(**arguments)


def add_trials(sweep: Sweep, study: optuna.Study) -> None:
    """Puts the sweep's draws into its study, as far as they aren't there."""
    from optuna.trial import TrialState, create_trial

    distributions = {flag: dimension.distribution() for flag, dimension in sweep.space.items()}
    present = {trial.user_attrs["folder"] for trial in study.get_trials(deepcopy=False)}
    for draw in sweep.draws:
        if draw.folder not in present:
            study.add_trial(
                create_trial(
                    state=TrialState.WAITING,
                    params=dict(draw.flags),
                    distributions=distributions,
                    user_attrs={"folder": draw.folder},
                )
            )


def trials_of(sweep: Sweep, study: optuna.Study) -> list[FrozenTrial]:
    """The trial of each draw, as far as it is in the study, in the draws' order."""
    by_folder: dict[str, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        # Two commands that begin at once may both have added it; the second one counts for nothing.
        by_folder.setdefault(trial.user_attrs["folder"], trial)
    return [by_folder[draw.folder] for draw in sweep.draws if draw.folder in by_folder]


def take(sweep: Sweep, study: optuna.Study, lock: contextlib.ExitStack) -> Trial | None:
    """Takes the first trial that no worker has.

    Args:
      sweep: of which to take one.
      study: of the sweep.
      lock: the trial's folder is locked as long as this.

    Returns:
      The trial, now running; None if there is none to take.
    """
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import Trial, TrialState

    for seen in trials_of(sweep, study):
        if not _is_left(sweep, seen):
            continue
        trial = Trial(study, seen._trial_id)
        if seen.state == TrialState.WAITING:
            try:
                if not trial.storage.set_trial_state_values(seen._trial_id, TrialState.RUNNING):
                    continue
            except UpdateFinishedTrialError:
                continue
        # Made by the worker that has the trial: on another disk there is none.
        folder = _folder(sweep, seen)
        make_folder(folder.path)
        with contextlib.suppress(RunFolderError):
            lock.enter_context(folder.locked())
            if trial.storage.get_trial(seen._trial_id).state == TrialState.RUNNING:
                return trial
        lock.close()
    return None


def _folder(sweep: Sweep, trial: FrozenTrial) -> RunFolder:
    return RunFolder(sweep.folder / trial.user_attrs["folder"])


def _is_left(sweep: Sweep, trial: FrozenTrial) -> bool:
    """Whether a trial waits, or runs on this disk without a worker."""
    folder = _folder(sweep, trial)
    if trial.state.name == "RUNNING":
        is_here = folder.path.is_dir() or sweep.storage == str(sweep.folder / plan.JOURNAL)
        return is_here and not _is_locked(folder)
    return trial.state.name == "WAITING" and not _is_locked(folder)


def _is_locked(folder: RunFolder) -> bool:
    try:
        with folder.locked():
            return False
    except FileNotFoundError:
        return False
    except RunFolderError:
        return True


def run(
    sweep: Sweep,
    study: optuna.Study,
    workers: int,
    processes: Processes,
    after_each: Callable[[], None] = lambda: None,
) -> int:
    """Has all trials of a study trained, here or by workers elsewhere.

    Args:
      sweep: whose trials they are.
      study: of the sweep, with its trials.
      workers: how many there are here at a time.
      processes: the workers are some of them.
      after_each: called when a worker ends.

    Returns:
      0 once all have ended; else the exit status of a worker that failed and has said why,
      or of a stop by a signal or for the time.
    """
    waits = False
    while not processes.status:
        unfinished = [trial for trial in trials_of(sweep, study) if not trial.state.is_finished()]
        if len(processes.running) < workers and any(_is_left(sweep, one) for one in unfinished):
            arguments = ["aae-tf", f"--log_format={log_format()}"]
            processes.start("aae_tf.sweep.worker", arguments, sweep.to_json().encode())
            continue
        if not processes.running:
            if not unfinished:
                return 0
            if not waits:
                logger.info("%d trained elsewhere; waiting for their scores", len(unfinished))
                waits = True
        for _, status in processes.wait(POLL_SECONDS):
            if status and not processes.status:
                processes.stop()
                return status
            after_each()
    processes.stop()
    after_each()
    return processes.status


def search(sweep: Sweep, workers: int, minutes: float = 0.0) -> int:
    """Makes the trials that aren't made yet, and writes what came of all.

    Args:
      sweep: from `plan.search`.
      workers: how many train trials here at a time.
      minutes: before which to stop; 0 for no limit.

    Returns:
      0, or the exit status of a worker that can't continue, or of a stop by a signal or for the
      time.

    Raises:
      UserError: if the storage can't be used, or holds another search.
    """
    make_folder(sweep.folder)
    study = open_study(sweep)
    if not (described := study.user_attrs.get("sweep")):
        study.set_user_attr("sweep", sweep.described())
    else:
        sweep.check_same(described)
    is_new = not (sweep.folder / plan.FILE).exists()
    write_json(sweep.folder / plan.FILE, sweep.described())
    add_trials(sweep, study)
    for draw, trial in zip(sweep.draws, trials_of(sweep, study), strict=True):
        if trial.state.is_finished():
            logger.info("%s is %s already", draw.name, results.STATES[trial.state.name])

    def write():
        trials = trials_of(sweep, study)
        results.write(sweep, trials)
        results.write_hparams(sweep, trials)
        for trial in trials:
            if trial.state.name in ("PRUNED", "FAIL"):  # they go no further from there
                folder = _folder(sweep, trial)
                if folder.checkpoints.exists() and not _is_locked(folder):
                    shutil.rmtree(folder.checkpoints)

    with Processes(minutes) as processes:
        status = run(sweep, study, workers, processes, write)
    if is_new and status and not processes.status:
        _withdraw(sweep, study, status)
    elif not status:
        write()
    return status


def _withdraw(sweep: Sweep, study: optuna.Study, status: int) -> None:
    """Leaves the folder to the corrected command, if the error came before there was any score.

    Args:
      sweep: a search that is new.
      study: of the search.
      status: of the worker that could not continue.
    """
    import optuna

    trials = trials_of(sweep, study)
    if any(trial.intermediate_values or trial.state.is_finished() for trial in trials):
        return
    folder = sweep.folder / "trials"
    # What was trained up to the first rung can't be scored by what was asked for.
    usable = status != SettingsError.exit_status
    if usable and any(RunFolder(path).holds_run for path in folder.glob("*")):
        return
    shutil.rmtree(folder, ignore_errors=True)
    (sweep.folder / plan.FILE).unlink()
    optuna.delete_study(study_name=sweep.study, storage=study._storage)
