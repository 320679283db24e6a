"""Runs that went wrong are told so, each with what to try; others aren't."""

import pytest

from aae_tf.experiments import settings_of
from aae_tf.results.health import notes
from aae_tf.settings import override

GOOD = {
    "step": 2000.0,
    "train/reconstruction/loss": 20.0,
    "train/discriminator/accuracy_on_prior": 0.6,
    "train/discriminator/accuracy_on_codes": 0.55,
    "validation/reconstruction_error": 22.0,
    "validation/sliced_wasserstein": 0.15,
    "validation/sliced_wasserstein_of_prior": 0.02,
    "validation/coverage": 0.8,
}
RIGHT = {
    "train/discriminator/accuracy_on_prior": 1.0,
    "train/discriminator/accuracy_on_codes": 0.99,
}
WRONG = {
    "few steps": (
        [{"step": 12.0}],
        {},
        "12 steps in all are few: try more --epochs, or a smaller --batch_size",
    ),
    "codes outside": (
        [{"validation/coverage": 0.02}],
        {},
        "codes leave most of the prior empty (coverage 0.02): try more --epochs, or a higher "
        "--generator_learning_rate",
    ),
    "always right": (
        [RIGHT],
        {},
        "the discriminator is nearly always right (99.0%), and the encoder learns little from it: "
        "try a lower --discriminator_learning_rate, or more --discriminator_noise",
    ),
    "rising": (
        [{"validation/sliced_wasserstein": 0.1}, {"validation/sliced_wasserstein": 0.2}],
        {},
        "the distance to the prior rose from 0.1 to 0.2: try lower learning rates, or a higher "
        "--generator_learning_rate",
    ),
    "moments apart": (
        [{"validation/reconstruction_error": 50.0}],
        {"encoder_batch_norm": True},
        "held-out images have 2.5 times the error of training (50, 20): try --precise_batch_norm",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_went_wrong_is_said_with_what_to_try(case):
    rows, changes, expected = WRONG[case]
    settings = override(settings_of("gaussian"), changes)
    assert notes(settings, [{**GOOD, **row} for row in rows]) == [expected]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{}],
        [{"validation/sliced_wasserstein": 0.12}, {}],  # as it scatters
        [{"validation/sliced_wasserstein": 0.02}, {"validation/sliced_wasserstein": 0.05}],
        [{"train/discriminator/accuracy_on_prior": 1.0}],  # and wrong of codes
        [{"validation/reconstruction_error": 50.0}],  # without batch norm
    ],
)
def test_a_sound_run_gets_no_note(rows):
    assert notes(settings_of("gaussian"), [{**GOOD, **row} for row in rows]) == []


def test_what_has_no_prior_or_critic_gets_no_note_on_them():
    assert notes(settings_of("rae"), [{"step": 500.0, "train/rae/loss": 3.0}]) == []


def test_a_penaltys_weight_is_named_where_there_is_one():
    settings = override(settings_of("wae_mmd"), {"latent_dim": 2})
    (note,) = notes(settings, [{**GOOD, "validation/coverage": 0.01}])
    assert note.endswith("or a higher --penalty_weight")


def test_coverage_of_codes_of_many_dimensions_gets_no_note():  # which earlier versions took
    rows = [{**GOOD, "validation/coverage": 0.01}]
    for dim, number in ((3, 1), (4, 0)):
        assert len(notes(override(settings_of("wae_mmd"), {"latent_dim": dim}), rows)) == number
