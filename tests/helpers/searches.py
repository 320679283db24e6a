"""Searches small enough for tests, and trials as those that were made have left them."""

from __future__ import annotations

import json

import tiny

from aae_tf.sweep import plan, space

SPACE = """
reconstruction_learning_rate = log(1e-4, 1e-1)  # of the encoder and the decoder
latent_dim = int(2, 4)
encoder_units = {16 | 8,8}
"""


def make(
    folder, trials=3, rungs="1,2", epochs=4, score="reconstruction_error", text=SPACE, **changes
):
    """A search with the small settings of the tests; its space lies beside its folder."""
    settings = tiny.settings(epochs=epochs, xla=False, **changes)
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = folder.parent / "tiny.space"
    file.write_text(text)
    drawn = space.read(file, settings)
    return plan.Search(settings, drawn, trials, score, plan.parse_halving(rungs, epochs), folder)


def leave(search, number, scores):
    """The scores.json of a trial."""
    folder = search.folder / "trials" / f"{number:04}"
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(json.dumps(scores))
    return folder
