"""Every row of the paper that has a number: its flagfiles can be read, and train a step."""

import math

import flagfile
import pytest

from aae_tf import data, experiments
from aae_tf.errors import UserError
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs.training_run import TrainingRun
from aae_tf.training.distribution import make_strategy

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
SMALL = (
    *("--xla=off", "--encoder_units=100,100", "--decoder_units=100,100"),
    "--discriminator_units=100,100",
)
PAPERS_RECIPE = {"table2_svhn_1000": "paper_svhn"}  # where it isn't called paper


def _settings(name, *more):
    return flagfile.settings(f"--flagfile={flagfile.FOLDER}/aae/{name}.flags", *more)


def _trained():
    """(flagfile, further flags): one for each recipe of an experiment."""
    of_recipe = {}
    for file in flagfile.FILES:
        if file.parent.name == "aae" and file.stem.startswith(("table", "figure11")):
            given = flagfile.read(file)
            of_recipe[given["experiment"], given.get("recipe", "practical")] = (file.stem,)
    for name in NAMES:
        experiment = experiments.find(_settings(name).experiment)
        for recipe in experiment.recipes:
            of_recipe.setdefault((experiment.name, recipe), (name, f"--recipe={recipe}"))
    return list(of_recipe.values())


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
        settings = _settings(name)
        experiment = experiments.CATALOGUE[settings.experiment]
        expected = [f.value for f in experiment.paper if _asked(experiment, f) == values]
        figures = experiment.paper_figures(settings)
        assert [figure["value"] for figure in figures.values()] == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_row_can_be_trained_as_the_paper_trains(name):
    usual, paper = _settings(name), _settings(name, f"--recipe={PAPERS_RECIPE.get(name, 'paper')}")
    figures = [experiments.find(each.experiment).paper_figures(each) for each in (usual, paper)]
    assert figures[0] == figures[1] and figures[0]
    assert {phase.optimizer for phase in paper.phases} == {"sgd"}


@pytest.mark.parametrize("command", _trained(), ids=" ".join)
def test_a_row_trains_a_step(command, tmp_path):
    settings = _settings(*command, *SMALL)
    try:
        images = data.load(settings.data)
    except UserError as error:  # SVHN and TFD, where they aren't there
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
