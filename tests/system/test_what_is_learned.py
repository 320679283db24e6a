"""Short runs on the real MNIST, and a fact about each that a broken method would not show."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from aae_tf import experiments, seeds
from aae_tf.data import Split
from aae_tf.data.labelled import labelled_rows
from aae_tf.data.load import load_mnist
from aae_tf.data.pipeline import Feed
from aae_tf.evaluation import Evaluator
from aae_tf.evaluation.sample_metrics import coarse_pixels, frechet_distance, kernel_distance
from aae_tf.methods.build import labelled_for, method_class
from aae_tf.objectives.divergences import directions, squared_sliced_wasserstein
from aae_tf.settings import override
from aae_tf.training import Trainer

pytestmark = pytest.mark.slow
SMALL = {"encoder_units": "200,200", "decoder_units": "200,200", "discriminator_units": "200,200"}


@pytest.fixture(scope="module")
def mnist():
    """With 20,000 of its training images."""
    data = load_mnist()
    train = Split(data.train.images[:20_000], data.train.labels[:20_000])
    return dataclasses.replace(data, train=train)


def _trained(mnist, experiment, epochs=3, **changes):
    """The validation measures of a run with smaller networks."""
    _, evaluator = _method(mnist, experiment, epochs, **changes)
    return evaluator.evaluate(mnist.validation, final=True)


def _method(mnist, experiment, epochs, **changes):
    """A trained method with smaller networks, and its evaluator."""
    settings = override(experiments.settings_of(experiment), {**SMALL, "epochs": epochs, **changes})
    root = seeds.root(settings.training.seed)
    method = method_class(settings)(settings, mnist.image_shape, mnist.num_classes)
    feed = Feed(
        mnist.train.images,
        settings.training.batch_size,
        root,
        labelled=labelled_for(method, mnist, 1),
    )
    phases = method.phases(feed.steps_per_epoch)
    trainer = Trainer(phases, feed, root, tf.distribute.get_strategy(), prepare=method.prepare)
    trainer.train(0, epochs * feed.steps_per_epoch, 50)
    return method, Evaluator(method, root, mnist)


def test_labels_bring_the_codes_to_their_classs_component(mnist):
    informed, blind = (_trained(mnist, "label_mixture", num_labels=count) for count in ("all", "0"))
    assert blind["component_share"] < 0.35  # chance is 0.1, and some components fit by chance
    assert informed["component_share"] > blind["component_share"] + 0.3


def test_adversary_on_the_category_makes_it_sharp_and_even(mnist):
    on, off = (
        _trained(mnist, "discrete", adversarial_label=adversary) for adversary in (True, False)
    )
    assert on["largest_probability"] > off["largest_probability"] + 0.05
    assert on["category_entropy"] < off["category_entropy"]
    assert on["categories_in_use"] > 8


def test_a_hundred_labels_beat_a_supervised_network_on_the_same_hundred(mnist):
    from sklearn.neural_network import MLPClassifier

    found = _trained(mnist, "semi_supervised", epochs=4, num_labels="100")
    rows = labelled_rows(mnist, 100, run_seed=0)
    alone = MLPClassifier((300, 300), max_iter=500, random_state=0)
    images = mnist.train.intensities(rows).reshape(100, -1)
    alone.fit(images, mnist.train.labels[rows])
    held_out = mnist.validation.intensities().reshape(len(mnist.validation), -1)
    supervised = 100 * (1 - alone.score(held_out, mnist.validation.labels))
    assert 15 < supervised < 40
    assert found["error_percent"] < 0.7 * supervised


def test_clusters_agree_with_classes_that_they_never_saw(mnist):
    found = _trained(mnist, "clustering", num_clusters=30)
    assert found["error_majority_percent"] < 40  # 88 by chance
    assert found["nmi"] > 0.4


def test_style_keeps_less_of_the_class_than_the_plain_code(mnist):
    style = _trained(mnist, "style", epochs=8)
    assert style["class_read_of_images"] > 0.95
    assert style["class_read_as_asked"] > 0.7
    assert style["class_from_style_linear"] < 0.5


def test_reduction_to_a_plane_keeps_the_classes(mnist):
    found = _trained(mnist, "dim_reduction", num_labels="1000", latent_dim=2)
    assert found["error_percent"] < 15
    assert np.isfinite(found["reconstruction_error"])


@pytest.fixture(scope="module")
def without_divergence(mnist):
    return _trained(mnist, "wae_mmd", epochs=1, penalty_weight=1e-6)


@pytest.mark.parametrize("divergence", ["mmd_imq", "sinkhorn"])
def test_a_divergence_brings_the_codes_to_the_prior(mnist, without_divergence, divergence):
    without = without_divergence
    with_it = _trained(mnist, "wae_mmd", epochs=1, divergence=divergence, penalty_weight=100.0)
    assert with_it["sliced_wasserstein"] < 0.5 * without["sliced_wasserstein"]
    assert with_it["reconstruction_error"] < 25  # the mean image: 26.4


def test_the_vaes_beta_trades_the_divergence_for_the_reconstruction(mnist):
    tight, loose = (_trained(mnist, "vae_gaussian", epochs=1, beta=beta) for beta in (4.0, 0.5))
    assert tight["kl"] < loose["kl"] - 1
    assert loose["reconstruction_error"] < tight["reconstruction_error"]
    assert max(tight["elbo"], loose["elbo"]) > -190  # each pixel's mean alone gives about -207


def test_codes_of_an_autoencoder_without_a_prior_are_sampled_by_what_is_fitted_to_them(mnist):
    """Nearer to held-out codes and, decoded, to held-out images than samples of the prior are."""
    method, evaluator = _method(mnist, "rae", 3, sampler="gmm")
    evaluator.fit_sampler()
    held_out = evaluator.inference.encode(mnist.validation)
    images = coarse_pixels(mnist.validation.intensities())
    along = directions(100, method.latent_dim, seeds.root(1), tf.float32)
    apart = {}
    for name, source in (("prior", method.prior), ("fit", method.sampler)):
        codes = method.draw(seeds.root(2), len(held_out), source)["codes"]
        decoded = evaluator.inference.decode(codes.numpy(), of_block=coarse_pixels)
        apart[name] = {
            "codes": float(squared_sliced_wasserstein(codes, held_out, along)),
            "frechet": frechet_distance(decoded, images),
            "kernel": kernel_distance(decoded, images),
        }
    for name, distance in apart["fit"].items():
        assert distance < 0.5 * apart["prior"][name], apart
