"""Successive halving, against a plain one written here."""

import sys

import numpy as np
import pytest

from aae_tf.errors import SettingsError, UserError
from aae_tf.sweep.plan import Halving, Pruner, parse_halving


@pytest.mark.parametrize(
    "text, epochs, rungs",
    [
        (None, 18, [2, 6, 18]),
        (None, 20, [2, 6, 18, 20]),
        (None, 1, [1]),
        (None, 3, [1, 3]),
        ("2,2", 9, [2, 4, 8, 9]),
        ("1,10", 10, [1, 10]),
        ("off", 9, [9]),
    ],
)
def test_rungs_grow_by_the_factor_up_to_all_epochs(text, epochs, rungs):
    assert parse_halving(text, epochs).rungs == rungs


@pytest.mark.parametrize("text", ["", "2", "2,3,4", "a,3", "0,3", "9,3", "2,1", "-1,3", "2,1.5"])
def test_other_rungs_are_refused(text):
    with pytest.raises(SettingsError, match=rf"--halving={text}: expected .*or off"):
        parse_halving(text, 9)


def _reference(curves, halving, sign):
    """Epochs that each trial reaches: the best 1/factor so far go on, at least the best."""
    reached, seen = [], {rung: [] for rung in halving.rungs}
    for curve in curves:
        for rung in halving.rungs:
            seen[rung].append(sign * curve[rung])
            promoted = max(1, len(seen[rung]) // halving.factor)
            if rung == halving.epochs or sign * curve[rung] > sorted(seen[rung])[promoted - 1]:
                break
        reached.append(rung)
    return reached


@pytest.mark.parametrize("larger", [False, True])
@pytest.mark.parametrize("halving", [Halving(18, 2), Halving(9, 2, 2), Halving(5, 5)])
def test_trials_go_on_that_are_among_the_best_so_far(halving, larger):
    random = np.random.default_rng(3)
    curves = [dict(zip(halving.rungs, random.normal(size=9), strict=False)) for _ in range(30)]
    judge, reached = Pruner(halving, larger), []
    for curve in curves:
        judge.begin({})
        for rung in halving.rungs:
            if not judge.goes_on(rung, curve[rung]):
                break
        reached.append(rung)
    assert reached == _reference(curves, halving, -1 if larger else 1)
    if halving.first < halving.epochs:
        assert len(set(reached)) == len(halving.rungs)


def test_without_the_extra_it_is_told_how_to_have_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"expected the extra, pip install -e '\.\[search\]'$"):
        Pruner(Halving(9, 1), False)


def test_a_trial_that_failed_counts_for_nothing():
    judge = Pruner(Halving(9, 1), False)
    judge.begin({})
    judge.failed()
    judge.begin({})
    assert judge.goes_on(1, 5.0)


def test_the_same_scores_give_the_same_decisions():
    def decide():
        judge, decisions = Pruner(Halving(4, 1, 2), False), []
        for number, scores in enumerate(((3.0, 3.0), (2.0, 4.0), (2.5, 0.0), (1.0, 1.0))):
            judge.begin({"latent_dim": number})
            for rung, score in zip((1, 2), scores, strict=True):
                decisions.append(judge.goes_on(rung, score))
                if not decisions[-1]:
                    break
        return decisions

    assert decide() == decide()
