"""What begun.json says of a run: the flags that choose it again, and what isn't taken for one."""

import pytest

from aae_tf.results import groups

BEGUN = {"epochs": 2, "score": "nmi", "scores": {"0": 0.5, "3": None, "7": 0.4}, "best": 0}


def test_the_flags_choose_among_the_same_seeds():
    found = groups.read_restarts(BEGUN, 0)
    assert found.flags == ["--seeds=0,3,7", "--best_after=2", "--score=nmi"]
    assert found.told == {"best_of": 3, "best_after": 2, "score": "nmi"}


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 1e999},
        {"epochs": 1.5},
        {"epochs": 0},
        {"epochs": True},
        {"epochs": None},
        {"score": None},
        {"scores": {}},
        {"scores": {"0": 0.5}},
        {"scores": {"1": 0.5, "2": 0.4}},
        {"scores": {"0": 0.5, "one": 0.4}},
        {"scores": [0, 1]},
    ],
)
def test_other_content_is_refused(changes):
    with pytest.raises(ValueError, match=rf"begun.json: {next(iter(changes))} "):
        groups.read_restarts({**BEGUN, **changes}, 0)
