"""The text file of a space: what it says, what is drawn from it, and what is refused."""

import pathlib
import re

import numpy as np
import pytest
import tiny
from scipy import stats

from aae_tf.experiments import settings_of
from aae_tf.sweep import space
from aae_tf.sweep.space import SpaceError

FOLDER = pathlib.Path(__file__).parents[2] / "flags" / "search"


@pytest.fixture
def read(tmp_path):
    def reading(text, **changes):
        (tmp_path / "my.space").write_text(text)
        return space.read(tmp_path / "my.space", tiny.settings(**changes))

    return reading


def _draws(dimensions, count=2000):
    return [space.draw(dimensions, 5, number) for number in range(count)]


def test_the_forms_are_read_in_order_with_comments_and_blank_lines(read):
    found = read(
        "# a comment\n\n latent_dim=int( 2 ,5)   # another\n--standardize = {true | false}\n"
        "generator_learning_rate = log(1e-4, 1e-2)\nencoder_units = {10,20 | 5}\n"
        "discriminator_noise = uniform(0, 0.5)\n"
    )
    assert {flag: str(each) for flag, each in found.items()} == {
        "latent_dim": "int(2, 5)",
        "standardize": "{True | False}",
        "generator_learning_rate": "log(0.0001, 0.01)",
        "encoder_units": "{10,20 | 5}",
        "discriminator_noise": "uniform(0, 0.5)",
    }
    assert next(iter(found)) == "latent_dim"


def test_numbers_are_drawn_evenly_within_their_range(read):
    drawn = _draws(
        read("discriminator_noise = uniform(0.1, 0.5)\ngenerator_learning_rate = log(1e-4, 1e-1)\n")
    )
    noise = np.array([each["discriminator_noise"] for each in drawn])
    rates = np.array([each["generator_learning_rate"] for each in drawn])
    assert stats.kstest(noise, stats.uniform(0.1, 0.4).cdf).pvalue > 0.01
    assert stats.kstest(rates, stats.loguniform(1e-4, 1e-1).cdf).pvalue > 0.01
    assert all(float(f"{value:.4g}") == value for value in (*noise, *rates))


@pytest.mark.parametrize("flag", ["latent_dim = int(2, 6)", "latent_dim = {2 | 3 | 4 | 5 | 6}"])
def test_whole_numbers_and_choices_are_drawn_evenly_with_the_ends(read, flag):
    drawn = [each["latent_dim"] for each in _draws(read(flag))]
    assert all(type(value) is int for value in drawn)
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [2, 3, 4, 5, 6]
    assert stats.chisquare(counts).pvalue > 0.01


def test_whole_numbers_over_the_logarithm_are_whole_and_small_ones_commoner(read):
    drawn = np.array([each["latent_dim"] for each in _draws(read("latent_dim = log(1, 64)"))])
    assert drawn.min() == 1 and drawn.max() == 64
    assert np.issubdtype(drawn.dtype, np.integer)
    shares = [np.mean((drawn >= low) & (drawn < 4 * low)) for low in (1, 4, 16)]
    expected = [np.log((4 * low - 0.5) / (low - 0.5)) / np.log(64.5 / 0.5) for low in (1, 4, 16)]
    assert shares == pytest.approx(expected, abs=0.04)


def test_a_draw_is_a_function_of_seed_and_number(read):
    found = read("discriminator_noise = uniform(0, 0.5)\nlatent_dim = int(2, 500)")
    assert space.draw(found, 3, 7) == space.draw(found, 3, 7)
    others = [space.draw(found, 3, 8), space.draw(found, 4, 7), space.draw(found, 3, 7, 1)]
    assert space.draw(found, 3, 7) not in others


def test_the_first_draws_never_change(read):
    """A search that continues with another release of numpy draws what it drew before."""
    found = read(
        "generator_learning_rate = log(1e-4, 1e-2)\nlatent_dim = int(2, 9)\n"
        "encoder = {deterministic | gaussian}"
    )
    assert [list(space.draw(found, 0, number).values()) for number in range(2)] == FIRST


# From numpy alone: exp(log(1e-4) + u log(100)), round(1.5 + 8 u), randint(2).
FIRST = [[0.0002002, 3, "deterministic"], [0.0001683, 5, "gaussian"]]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("latent_dim", "latent_dim: expected FLAG = log("),
        ("latent_dims = int(1, 2)", "latent_dims: expected a setting that --experiment=gaussian"),
        ("num_labels = {100}", "num_labels: expected a setting that --experiment=gaussian has"),
        ("steps_per_call = {1 | 2}", "steps_per_call: expected a setting that"),
        ("data_dir = {a | b}", "data_dir: expected a setting that"),
        ("experiment = {gaussian}", "experiment: expected a setting that"),
        ("epochs = int(1, 9)", "epochs: expected as a flag, the same for all trials"),
        ("latent_dim = normal(1, 2)", "normal(1, 2): expected log(LOW, HIGH), int("),
        ("latent_dim = int(1, 2", "int(1, 2: expected log(LOW, HIGH), int("),
        ("latent_dim = int(1)", "int(1): expected log(LOW, HIGH), int("),
        ("latent_dim = int(1, 2.5)", "int(1, 2.5): expected two whole numbers"),
        ("latent_dim = int(4, 4)", "int(4, 4): expected a smaller and a larger number"),
        ("latent_dim = int(0, 4)", "latent_dim = 0: expected at least 1"),
        ("latent_dim = uniform(1, 4)", "uniform(1, 4): expected int(LOW, HIGH), since it takes"),
        ("latent_dim = {2 | two}", "latent_dim = two: expected a whole number"),
        ("latent_dim = {2 | 2}", "{2 | 2}: expected different values"),
        ("latent_dim = {}", "latent_dim = : expected a whole number"),
        ("discriminator_noise = log(0, 1)", "log(0, 1): expected a smaller and a larger number a"),
        ("discriminator_noise = uniform(a, 1)", "uniform(a, 1): expected two numbers"),
        ("discriminator_noise = uniform(0, inf)", "discriminator_noise = inf: expected a number"),
        ("generator_learning_rate = {0.1 | 0}", "generator_learning_rate = 0: expected a number"),
        ("encoder = int(1, 2)", "int(1, 2): expected {A | B | ...}, since --encoder takes no"),
        ("encoder = {gaussian | random}", "encoder = random: expected one of deterministic"),
        ("encoder_units = {10,x}", "encoder_units = 10,x: expected whole numbers with commas"),
        ("encoder_units = {10,0}", "encoder_units = 10,0: expected positive layer sizes"),
        ("standardize = {yes}", "standardize = yes: expected true or false"),
        ("seed = {1}\nseed = {2}", "my.space:3: seed: stands there twice"),
    ],
)
def test_what_can_not_be_drawn_is_refused_with_file_and_line(read, line, expected):
    with pytest.raises(SpaceError, match=re.escape(expected)) as caught:
        read(f"# a comment\n{line}\n")
    assert re.match(r"\S*my\.space:[23]: ", str(caught.value)) and "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe"])
def test_a_file_without_lines_to_use_is_refused(tmp_path, content):
    (tmp_path / "my.space").write_bytes(content)
    with pytest.raises(SpaceError, match=r"--space=.*my\.space: "):
        space.read(tmp_path / "my.space", tiny.settings())


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SpaceError, match=r"--space=.*nowhere: No such file"):
        space.read(tmp_path / "nowhere", tiny.settings())


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.space")), ids=lambda file: file.stem)
def test_the_examples_can_be_used_with_the_experiment_they_name(file):
    (experiment,) = re.findall(r"--experiment=(\w+)", file.read_text())
    assert space.read(file, settings_of(experiment))
