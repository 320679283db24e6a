"""A search: its trials one after another, each in a process of its own, and what came of them.

A trial's draw is a function of the seed and its number, its scores lie in its folder, and what goes
on is decided from them in order: a search that was stopped, or gets more trials, is told all scores
again and ends as one that was not stopped.

It imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Collection, Sequence

from aae_tf.errors import SettingsError, UserError
from aae_tf.experiments import command
from aae_tf.results.run_folder import RunFolder
from aae_tf.settings import Settings, flatten
from aae_tf.sweep import plan, results, scores
from aae_tf.sweep.plan import Pruner, Search, Trial, read_scores
from aae_tf.sweep.process import Children, status_of
from aae_tf.utils import write_json


def run(search: Search, say: Say) -> int:
    """Makes the trials that aren't made yet, and writes what came of all.

    Args:
      search: a checked one.
      say: told what happens, line by line.

    Returns:
      0, or the exit status of a stop by a signal.

    Raises:
      UserError: if a trial can't be made.
    """
    trials = plan.drawn(search)
    judge = Pruner(search.halving, scores.is_better_larger(search.score))
    search.folder.mkdir(parents=True, exist_ok=True)
    with RunFolder(search.folder).locked(), Children() as children:
        plan.check(search)  # again: another process may have begun one meanwhile
        is_new = not (search.folder / plan.FILE).exists()
        write_json(search.folder / plan.FILE, search.described())
        for trial in trials:
            judge.begin(trial.drawn)
            status = 0
            if _decide_again(search, trial, judge):
                say(f"trial {trial.number} is {trial.state(search.halving.epochs)} already")
            elif not children.received:
                try:
                    status = _make(search, trial, judge, children, say)
                except UserError as error:
                    if is_new:
                        _withdraw(search, trials, error)
                    raise
            if children.received or status:
                results.write(search, trials)
                return 128 + children.received if children.received else status
            _tidy(search, trial)
            results.write(search, trials)
            results.write_hparams(search, trial)
    return 0


def _decide_again(search: Search, trial: Trial, judge: Pruner) -> bool:
    """Decides from the scores that a trial has already; returns whether it is at its end."""
    for epoch, score in sorted(trial.scores(search.halving.rungs).items()):
        trial.ended = not judge.goes_on(epoch, score)
        if trial.ended:
            return True
    if trial.diverged:
        judge.failed()
    return bool(trial.diverged)


def _make(search: Search, trial: Trial, judge: Pruner, children: Children, say: Say) -> int:
    """Makes a trial, or what is left of it; returns the exit status of a stop, or 0."""
    told = ", ".join(f"{flag}={value}" for flag, value in trial.drawn.items())
    say(f"trial {trial.number} ({trial.number + 1} of {search.trials}): {told}")
    known = trial.scores()
    rungs = [epoch for epoch in search.halving.rungs if epoch not in known]
    name = f"trial {trial.number}"

    def goes_on(epoch: int, score: float) -> bool:
        trial.ended = not judge.goes_on(epoch, score)
        if trial.ended and epoch < search.halving.epochs:
            say(f"{name}: stopped, as others did better")
        return not trial.ended

    status = train_trial(
        children, name, trial.settings, trial.folder, search.score, rungs, goes_on, say
    )
    if status or children.received:
        return status
    if trial.diverged:
        judge.failed()
        say(f"{name}: {trial.diverged}")
    elif not trial.ended:
        raise UserError(f"{name}: ended with status 0, as told above")
    return 0


def _withdraw(search: Search, trials: Sequence[Trial], error: UserError) -> None:
    """Leaves the folder to the corrected command, if the error came before there was any score.

    Args:
      search: one that was begun just now.
      trials: its trials.
      error: that ended it.
    """
    if any(read_scores(trial.folder) for trial in trials):
        return
    if error.exit_status == SettingsError.exit_status:
        # What was trained up to the first rung can't be judged by what was asked for.
        shutil.rmtree(search.folder / "trials", ignore_errors=True)
    if not (search.folder / "trials").exists():
        (search.folder / plan.FILE).unlink()


def _tidy(search: Search, trial: Trial) -> None:
    """Removes the checkpoints of a trial that went no further, which nothing needs any more."""
    if trial.state(search.halving.epochs) in ("pruned", "diverged"):
        shutil.rmtree(trial.folder / "checkpoints", ignore_errors=True)


Say = Callable[[str], None]


def train_trial(
    children: Children,
    name: str,
    settings: Settings,
    folder: pathlib.Path,
    score: str,
    rungs: Collection[int],
    goes_on: Callable[[int, float], bool],
    say: Say,
) -> int:
    """Trains a trial from where it stands, in a process of its own, as long as it is to go on.

    Args:
      children: the process is one of them.
      name: of the trial, for what is told.
      settings: of its run.
      folder: of its run.
      score: the measure on validation images to go by.
      rungs: epochs after which to ask.
      goes_on: asked with the epochs done and the score.
      say: told what happens, line by line.

    Returns:
      0, or the exit status of a stop by a signal. A trial that diverged says so in its folder.

    Raises:
      UserError: if the trial can't be made.
    """
    job = {
        "settings": flatten(settings),
        "folder": str(folder),
        "score": score,
        "rungs": sorted(rungs),
    }
    # The worker reads no flags; they are there for provenance.json to tell.
    arguments = ["aae-tf", *command.flags_of(flatten(settings)), f"--run_dir={folder}"]
    process = children.start(
        "aae_tf.sweep.worker", arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    error = ""
    with process.stdout:
        _tell(process, json.dumps(job))
        for line in process.stdout:
            message = json.loads(line)
            error = message.get("error", error)
            if "say" in message:
                say(message["say"])
            if "score" in message:
                epoch, value = message["epoch"], message["score"]
                say(f"{name}: {score} {value:.5g} after epoch {epoch}")
                _tell(process, "on" if goes_on(epoch, value) else "stop")
    status = status_of(process)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    if children.received or status >= 128:
        return status
    if error:
        problem = UserError(f"{name}: {error}")
        problem.exit_status = status
        raise problem
    if status:
        raise UserError(f"{name}: ended with status {status}, as told above")
    return 0


def _tell(process: subprocess.Popen, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # it has ended; its exit status says why
        process.stdin.write(line + "\n")
        process.stdin.flush()
