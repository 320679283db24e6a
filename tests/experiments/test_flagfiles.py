"""The flagfiles: their heads, and that they train what the earlier, more numerous ones trained."""

import json
import pathlib
import re

import flagfile
import numpy as np
import pytest
import tensorflow as tf

from aae_tf import experiments
from aae_tf.objectives.reconstruction import COSTS, gaussian_log_likelihood
from aae_tf.settings import flatten

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "flagfiles.json"
EARLIER = {file: each["flags"] for file, each in json.loads(GOLDEN.read_text()).items()}
FASHION = "--dataset=fashion_mnist"
FASHION_8 = f"{FASHION} --epochs=8"
DROP_AFTER_6 = " ".join(
    f"--{phase}_schedule=6:0.1" for phase in ("reconstruction", "discriminator", "generator")
)
# Before, CelebA's flagfiles didn't weigh that the paper's pixels lie in -1..1.
PIXELS_UNSCALED = "--cost_scale=1 --input_noise=0.01"
# By flagfile: further flags, and the earlier flagfile that they replace.
COMMANDS = {
    "quickstart": {"--discriminator_learning_rate=0.0002": "quickstart"},
    "aae/figure2a_gaussian": {"": "aae/figure2a_gaussian"},
    "aae/figure2b_mixture": {"": "aae/figure2b_mixture"},
    "aae/figure4a_mixture": {
        "": "aae/figure4a_mixture_10000_labels",
        "--num_labels=all": "aae/figure4a_mixture_all_labels",
        "--num_labels=0": "aae/figure4a_mixture_no_labels",
    },
    "aae/figure4c_swiss_roll": {
        "": "aae/figure4c_swiss_roll_10000_labels",
        "--num_labels=all": "aae/figure4c_swiss_roll_all_labels",
    },
    "aae/figure7_style": {"": "aae/figure7_style"},
    "aae/table1_mnist_10k": {
        "": "aae/table1_mnist_10k",
        "--recipe=paper": "aae/table1_mnist_10k_paper",
        "--recipe=averaged": "aae/table1_mnist_10k_averaged",
        "--recipe=paper --likelihood_samples=10000,10000000": "aae/table1_mnist_10m_paper",
        f"{FASHION_8} {DROP_AFTER_6}": "fashion_mnist/table1_10k",
    },
    "aae/table1_mnist_10m": {"": "aae/table1_mnist_10m"},
    "aae/table1_tfd": {"": "aae/table1_tfd"},
    "aae/table2_mnist_100": {
        "": "aae/table2_mnist_100",
        "--recipe=paper": "aae/table2_mnist_100_paper",
        "--recipe=averaged": "aae/table2_mnist_100_averaged",
        FASHION_8: "fashion_mnist/table2_100",
    },
    "aae/table2_mnist_100_regularised": {"": "aae/table2_mnist_100_virtual_adversarial"},
    "aae/table2_mnist_1000": {
        "": "aae/table2_mnist_1000",
        "--recipe=paper": "aae/table2_mnist_1000_paper",
        "--recipe=averaged --epochs=120": "aae/table2_mnist_1000_averaged_120_epochs",
        FASHION_8: "fashion_mnist/table2_1000",
    },
    "aae/table2_mnist_1000_regularised": {"": "aae/table2_mnist_1000_virtual_adversarial"},
    "aae/table2_mnist_all": {
        "": "aae/table2_mnist_all",
        "--recipe=paper": "aae/table2_mnist_all_paper",
        "--epochs=80": "aae/table2_mnist_all_80_epochs",
        FASHION_8: "fashion_mnist/table2_all",
    },
    "aae/table2_mnist_all_regularised": {"": "aae/table2_mnist_all_virtual_adversarial"},
    "aae/table2_svhn_1000": {
        "": "aae/table2_svhn_1000",
        "--recipe=paper_svhn": "aae/table2_svhn_1000_paper",
    },
    "aae/table3_16_clusters": {
        "": "aae/table3_16_clusters",
        "--recipe=paper": "aae/table3_16_clusters_paper",
        "--recipe=refined": "aae/table3_16_clusters_best_of_twelve",
        FASHION: "fashion_mnist/table3_16_clusters",
    },
    "aae/table3_16_clusters_balanced": {"": "aae/table3_16_clusters_virtual_adversarial"},
    "aae/table3_30_clusters": {
        "": "aae/table3_30_clusters",
        "--recipe=paper": "aae/table3_30_clusters_paper",
        "--recipe=long": "aae/table3_30_clusters_120_epochs",
        "--recipe=refined": "aae/table3_30_clusters_best_of_four",
        "--recipe=balanced": "aae/table3_30_clusters_virtual_adversarial",
        FASHION: "fashion_mnist/table3_30_clusters",
    },
    "aae/figure11a_2d_1000": {
        "": "aae/figure11a_2d_1000",
        "--recipe=paper": "aae/figure11a_2d_1000_paper",
        FASHION_8: "fashion_mnist/figure11a_2d_1000",
    },
    "aae/figure11b_2d_100": {
        "": "aae/figure11b_2d_100",
        "--recipe=paper": "aae/figure11b_2d_100_paper",
        "--recipe=spread": "aae/figure11b_2d_100_8_epochs",
        "--recipe=regularised": "aae/figure11b_2d_100_virtual_adversarial",
        f"--recipe=spread {FASHION}": "fashion_mnist/figure11b_2d_100",
    },
    "aae/figure11c_2d_unsupervised": {
        "": "aae/figure11c_2d_unsupervised",
        "--recipe=paper": "aae/figure11c_2d_unsupervised_paper",
        "--recipe=stochastic": "aae/figure11c_2d_unsupervised_30_epochs",
        "--recipe=balanced": "aae/figure11c_2d_unsupervised_virtual_adversarial",
        f"--recipe=balanced {FASHION_8}": "fashion_mnist/figure11c_2d_unsupervised",
    },
    "aae/figure11d_10d_100": {
        "": "aae/figure11d_10d_100",
        "--recipe=paper": "aae/figure11d_10d_100_paper",
        "--recipe=averaged --epochs=75": "aae/figure11d_10d_100_75_epochs",
        FASHION_8: "fashion_mnist/figure11d_10d_100",
    },
    "vae/figure2c_gaussian": {
        "": "vae/figure2c_gaussian",
        "--latent_dim=8 --likelihood_samples=10000": "vae/table1_mnist_10k",
    },
    "vae/figure2d_mixture": {"": "vae/figure2d_mixture"},
    "wae/figure2_mnist_mmd": {
        "": "wae/figure2_mnist_mmd",
        "--recipe=practical --likelihood_samples=10000": "wae/table1_mnist_10k",
    },
    "wae/figure2_mnist_gan": {"": "wae/figure2_mnist_gan"},
    "wae/figure2_mnist_vae": {"": "wae/figure2_mnist_vae"},
    "wae/table1_celeba_mmd": {PIXELS_UNSCALED: "wae/table1_celeba_mmd"},
    "wae/table1_celeba_gan": {PIXELS_UNSCALED: "wae/table1_celeba_gan"},
    "wae/table1_celeba_vae": {"--decoder_variance=0.3": "wae/table1_celeba_vae"},
    "compare/sample_quality": {
        "": "compare/wae_mmd_imq",
        "--divergence=cramer_wold": "compare/wae_cramer_wold",
        "--divergence=mmd_multiscale": "compare/wae_mmd_multiscale",
        "--divergence=mmd_rbf": "compare/wae_mmd_rbf",
        "--divergence=sinkhorn --penalty_weight=30": "compare/wae_sinkhorn",
        "--divergence=sliced_wasserstein": "compare/wae_sliced_wasserstein",
        "--experiment=wae_gan --penalty_weight=3": "compare/wae_gan",
        "--experiment=vae_gaussian": "compare/vae",
        "--experiment=gaussian --discriminator_learning_rate=1e-3 --generator_learning_rate=2e-4": (
            "compare/aae"
        ),
    },
    None: {  # which no figure or row of the papers needs
        "--experiment=swiss_roll": "aae/swiss_roll",
        "--experiment=uniform": "aae/uniform",
        "--experiment=sphere": "aae/sphere",
        "--experiment=discrete": "aae/discrete_with_adversary",
        "--experiment=discrete --noadversarial_label": "aae/discrete_without_adversary",
    },
}
PAIRS = [
    pytest.param(file, more.split(), EARLIER[f"flags/{earlier}.flags"], id=earlier)
    for file, replaced in COMMANDS.items()
    for more, earlier in replaced.items()
]


def _flat(*command):
    """The settings of a command, without the recipe's name, as they stand in a file."""
    flat = flatten(flagfile.settings(*command))
    del flat["recipe"]
    return json.dumps(flat)


@pytest.mark.parametrize(("file", "more", "earlier"), PAIRS)
def test_a_command_has_the_settings_of_the_flagfile_that_it_replaces(file, more, earlier):
    start = [f"--flagfile={flagfile.FOLDER / file}.flags"] if file else []
    assert _flat(*start, *more) == _flat(*earlier)


def test_every_earlier_flagfile_is_replaced_and_every_flagfile_replaces_one():
    replaced = [earlier for each in COMMANDS.values() for earlier in each.values()]
    assert sorted(f"flags/{earlier}.flags" for earlier in replaced) == sorted(EARLIER)
    assert {flagfile.FOLDER / f"{file}.flags" for file in COMMANDS if file} == {*flagfile.FILES}


@pytest.mark.parametrize(
    "file", flagfile.FILES, ids=lambda file: str(file.relative_to(flagfile.FOLDER))
)
def test_a_flagfiles_head_says_in_three_lines_what_it_is_its_result_and_its_time(file):
    lines = file.read_text().splitlines()
    what, result, time = lines[:3]
    assert what.startswith("# ") and len(what) > 20
    assert result.startswith("# Result: ") and time.startswith("# Time: ")
    assert max(map(len, lines)) <= 140
    assert all(line.startswith("--") for line in lines[3:])


def test_every_experiment_of_a_figure_or_row_has_a_flagfile_and_no_other_has():
    of_papers = {
        name
        for name, experiment in experiments.CATALOGUE.items()
        if re.match(r"[AW]AE, (figure|table)", experiment.reproduces)
    }
    assert of_papers == {flagfile.read(file)["experiment"] for file in flagfile.FILES}


@pytest.mark.parametrize("name", ["mmd", "gan", "vae"])
def test_celebas_flagfiles_give_the_gradients_of_the_papers_pixels(name):
    # The authors' pixels and outputs lie in -1..1, those here in 0..1. As tanh(a) = 2 sigmoid(2 a) - 1,
    # a last layer twice as large shows the same picture, and has a gradient half as large.
    settings = flagfile.settings(f"--flagfile={flagfile.FOLDER}/wae/table1_celeba_{name}.flags")
    random = np.random.default_rng(0)
    images = tf.constant(random.random((5, 3, 3, 2)))
    codes, weights = (tf.constant(random.normal(size=size)) for size in ((5, 4), (4, 18)))

    def ours(images, rebuilt):
        if name == "vae":
            return -gaussian_log_likelihood(images, rebuilt, settings.variational.decoder_variance)
        return settings.wasserstein.cost_scale * COSTS[settings.wasserstein.cost](images, rebuilt)

    def papers(images, rebuilt):
        squared = tf.reduce_sum((images - rebuilt) ** 2, [1, 2, 3])
        return squared / (2 * 0.3) if name == "vae" else squared

    def gradients(cost, images, activation, weights):
        with tf.GradientTape() as tape:
            tape.watch((codes, weights))
            value = cost(images, tf.reshape(activation(codes @ weights), images.shape))
        return tape.gradient(value, (codes, weights))

    found = gradients(ours, images, tf.sigmoid, 2 * weights)
    expected = gradients(papers, 2 * images - 1, tf.tanh, weights)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    np.testing.assert_allclose(2 * found[1], expected[1], rtol=1e-9)
    if name != "vae":  # the papers' noise, on pixels that differ by twice as much
        assert 2 * settings.training.input_noise == 0.01
