"""Searches small enough for tests, and trials whose scores are told and not trained for."""

from __future__ import annotations

import contextlib

import tiny

from aae_tf.errors import DivergedError
from aae_tf.results.run_folder import RunFolder
from aae_tf.sweep import plan, space, study
from aae_tf.sweep.worker import Progress

SPACE = """
reconstruction_learning_rate = log(1e-4, 1e-1)  # of the encoder and the decoder
latent_dim = int(2, 4)
encoder_units = {16 | 8,8}
"""


def make(
    folder,
    trials=3,
    rungs="1,2",
    epochs=4,
    score="reconstruction_error",
    text=SPACE,
    storage=None,
    **changes,
):
    """A search with the small settings of the tests; its space lies beside its folder."""
    settings = tiny.settings(epochs=epochs, xla=False, **changes)
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = folder.parent / "tiny.space"
    file.write_text(text)
    read = space.read(file, settings)
    halving = plan.parse_halving(rungs, epochs)
    return plan.search(settings, read, trials, score, halving, folder, storage)


def begin(sweep):
    """The study of a sweep, with its trials."""
    sweep.folder.mkdir(parents=True, exist_ok=True)
    opened = study.open_study(sweep)
    study.add_trials(sweep, opened)
    return opened


def tell(sweep, curve):
    """Takes the next trial and reports the scores of a curve, by epoch, as a worker does.

    A score that is no number makes it diverge.

    Returns:
      The epochs that it came to.
    """
    opened = study.open_study(sweep)
    with contextlib.ExitStack() as lock:
        trial = study.take(sweep, opened, lock)
        folder = RunFolder(sweep.folder / trial.user_attrs["folder"])
        folder.checkpoints.mkdir(exist_ok=True)
        progress = Progress(sweep, trial, folder.path.name, folder)
        for epoch in progress.rungs:
            try:
                if not progress.report(epoch, curve[epoch]):
                    break
            except DivergedError as error:
                progress.fail(str(error))
                break
        return epoch


def states(sweep):
    """The state of each trial, by optuna's name."""
    return [trial.state.name for trial in study.trials_of(sweep, study.open_study(sweep))]
