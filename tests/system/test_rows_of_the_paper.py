"""Every row of the paper that has a number: its flagfiles can be read, and train a step."""

import math
import pathlib

import flagfile
import pytest

from aae_tf import data, experiments
from aae_tf.errors import UserError
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs.training_run import TrainingRun
from aae_tf.settings import override
from aae_tf.training.distribution import make_strategy

FLAGS = pathlib.Path(__file__).parents[2] / "flags" / "aae"
# By what the paper's row asks for, in the order of the catalogue.
ROWS = {
    ("semi_supervised", "100", "mnist"): "table2_mnist_100",
    ("semi_supervised", "1000", "mnist"): "table2_mnist_1000",
    ("semi_supervised", "all", "mnist"): "table2_mnist_all",
    ("semi_supervised", "1000", "svhn_cropped"): "table2_svhn_1000",
    ("clustering", 16, "mnist"): "table3_16_clusters",
    ("clustering", 30, "mnist"): "table3_30_clusters",
    ("dim_reduction", 2, "1000", "mnist"): "figure11a_2d_1000",
    ("dim_reduction", 2, "100", "mnist"): "figure11b_2d_100",
    ("dim_reduction", 2, "0", "mnist"): "figure11c_2d_unsupervised",
    ("dim_reduction", 10, "100", "mnist"): "figure11d_10d_100",
}
CATEGORICAL = ("semi_supervised", "clustering", "dim_reduction")
NAMES = [*ROWS.values(), "table1_mnist_10k", "table1_mnist_10m"]
# The recipes of these rows, the paper's and others, each in a flagfile of its own.
RECIPES = [
    (file.stem, flagfile.read(file).get("recipe", "practical"))
    for row in ("table1_mnist", "table2", "table3", "figure11")
    for file in sorted(FLAGS.glob(f"{row}*.flags"))
]
# Beside the rows: the VAE and the WAE of table 1, and the rows on Fashion-MNIST.
BESIDE = [
    (f"../{file.parent.name}/{file.stem}", flagfile.read(file).get("recipe", "practical"))
    for pattern in ("vae/table1_mnist*.flags", "wae/table1_mnist*.flags", "fashion_mnist/*.flags")
    for file in sorted(FLAGS.parent.glob(pattern))
]


def _settings(name, recipe, **changes):
    given = flagfile.read(FLAGS / f"{name}.flags")
    return override(
        experiments.settings_of(given["experiment"], recipe), {**given, "recipe": recipe, **changes}
    )


def _asked(experiment, figure):
    """What tells a row from the experiment's others."""
    common = ["adversarial_label"] + ["num_clusters"] * (experiment.name == "dim_reduction")
    return [value for flag, value in figure.settings.items() if flag not in common]


def test_every_row_has_its_flagfile():
    rows = {
        (experiment.name, *_asked(experiment, figure))
        for experiment in experiments.CATALOGUE.values()
        for figure in experiment.paper
        if experiment.name in CATEGORICAL
    }
    assert rows == set(ROWS)
    for (_, *values), name in ROWS.items():
        found = _settings(name, "practical")
        experiment = experiments.CATALOGUE[found.experiment]
        figures = experiment.paper_figures(found)
        wanted = [f.value for f in experiment.paper if _asked(experiment, f) == values]
        assert [figure["value"] for figure in figures.values()] == wanted


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_a_flagfile_of_the_papers_recipe(name):
    given, paper = (flagfile.read(FLAGS / f"{name}{end}.flags") for end in ("", "_paper"))
    assert paper["recipe"] == "paper" and paper["experiment"] == given["experiment"]
    experiment = experiments.find(paper["experiment"])
    figures = [
        experiment.paper_figures(_settings(file, own.get("recipe", "practical")))
        for file, own in ((name, given), (f"{name}_paper", paper))
    ]
    assert figures[0] == figures[1] and figures[0]


@pytest.mark.parametrize(("name", "recipe"), RECIPES + BESIDE)
def test_flagfile_trains_a_step(name, recipe, tmp_path):
    # MNIST, which is in the package, has Fashion-MNIST's shape.
    data_set = {"dataset": "mnist"} if "fashion" in name else {}
    settings = _settings(name, recipe, xla=False, **data_set)
    try:
        images = data.load(settings.data)
    except UserError as error:  # SVHN, where it isn't prepared
        pytest.skip(str(error))
    strategy = make_strategy(settings.execution, settings.training.batch_size)
    session = TrainingRun(settings, RunFolder(tmp_path / "run"), images, strategy)
    weight = session.method.encoder.trainable_variables[0].value
    before = weight.numpy()
    # Also the first step with a term that begins later.
    for step in sorted({0, *(s for phase in session.phases for s in phase.begins.values())}):
        source = session.trainer.feed.source(step, None)
        losses = session.trainer.run_steps(source, step, 1)
        assert all(math.isfinite(value[0]) for value in losses.values())
        chosen = settings.categories
        begun = (
            chosen
            and chosen.virtual_adversarial_weight
            and (step >= chosen.virtual_adversarial_start * session.trainer.feed.steps_per_epoch)
        )
        assert any("virtual_adversarial_loss" in key for key in losses) == bool(begun)
    assert (weight.numpy() != before).any()
