"""What is given and read by nothing: it is said, and nothing else is."""

import pathlib
import shutil

import flagfile
import pytest

from aae_tf import experiments
from aae_tf.cli.main import main
from aae_tf.results.record import runs_below
from aae_tf.settings import describe, override, without_effect
from aae_tf.settings.unused import COUNT_WITH

ROOT = pathlib.Path(__file__).parents[2]
FLAGFILES = sorted((ROOT / "flags").rglob("*.flags"))
LABELS = {"num_labels": "100"}
ENCODER, DECODER = {"encoder_network": "mine:network"}, {"decoder_network": "mine:network"}
VAT = {"virtual_adversarial_weight": 1.0}
NEIGHBOUR = {"virtual_adversarial_neighbour_share": 0.2}
MMD, SINKHORN, SLICED = (
    {"divergence": name} for name in ("mmd_imq", "sinkhorn", "sliced_wasserstein")
)
PHASES_OF = {
    **dict.fromkeys(("reconstruction", "discriminator", "generator"), "gaussian"),
    "classification": "semi_supervised",
    "elbo": "vae_gaussian",
    "wasserstein": "wae_mmd",
}
# Flag, value, an experiment and flags without which it counts for nothing, and with which it does.
CASES = [
    ("resize_filter", "lanczos3", "gaussian", {"dataset": "cifar10"}, {"image_size": 8}),
    ("resize_filter", "bilinear", "gaussian", {}, {"dataset": "CelebA:2.1.0"}),
    ("input_noise_kind", "truncated", "gaussian", {"input_noise": 0.0}, {"input_noise": 0.1}),
    ("discriminator_noise", 0.7, ("vae_gaussian", "gaussian"), {}, {}),
    ("discriminator_units", "7", ("wae_mmd", "wae_gan"), {}, {}),
    ("critic_penalty", "r1", ("wae_mmd", "wae_gan"), {}, {}),
    ("critic_penalty_weight", 0.5, ("vae_gaussian", "gaussian"), {}, {"critic_penalty": "r1"}),
    ("critic_penalty_weight", 0.5, "wae_gan", {}, {"critic_penalty": "gradient"}),
    (
        "critic_penalty_weight",
        0.5,
        "semi_supervised",
        {"critic_penalty": "spectral"},
        {"critic_penalty": "r1"},
    ),
    ("prior_thickness", 0.3, ("gaussian", "label_swiss_roll"), {}, {}),
    ("prior_components", 4, ("gaussian", "vae_mixture"), {}, {}),
    ("encoder_noise_sd", 0.7, "gaussian", {"encoder": "gaussian"}, {"encoder": "isotropic"}),
    ("encoder_noise_dim", 3, "gaussian", {"encoder": "isotropic"}, {"encoder": "implicit"}),
    ("encoder_units", "7", "gaussian", {"network": "conv"}, {"network": "dense"}),
    ("decoder_units", "7", "gaussian", {"network": "conv"}, {"network": "dense"}),
    ("encoder_filters", "7", "gaussian", {"network": "dense"}, {"network": "conv"}),
    ("decoder_filters", "7", "gaussian", {"network": "dense"}, {"network": "conv"}),
    ("filter_size", 3, "gaussian", {"network": "dense"}, {"network": "conv"}),
    ("conv_batch_norm", False, "gaussian", {"network": "dense"}, {"network": "conv"}),
    ("encoder_units", "7", "gaussian", ENCODER, {}),
    ("encoder_filters", "7", "gaussian", {"network": "conv", **ENCODER}, {"network": "conv"}),
    ("encoder_batch_norm", True, "gaussian", ENCODER, {}),
    ("encoder_initializer", "glorot_uniform", "gaussian", ENCODER, {}),
    ("decoder_units", "7", "gaussian", DECODER, {}),
    ("decoder_filters", "7", "gaussian", {"network": "conv", **DECODER}, {"network": "conv"}),
    ("decoder_batch_norm", True, "gaussian", DECODER, {}),
    ("output_activation", "linear", "gaussian", DECODER, {}),
    ("discriminator_units", "7", "gaussian", {"discriminator_network": "mine:network"}, {}),
    ("discriminator_network", "mine:network", ("wae_mmd", "wae_gan"), {}, {}),
    ("labelled_batch_size", 50, "dim_reduction", {"num_labels": "0"}, LABELS),
    ("labelled_batch_size", 50, ("label_mixture", "semi_supervised"), {}, {}),
    ("classification_learning_rate", 0.5, "dim_reduction", {"num_labels": "0"}, LABELS),
    ("classification_schedule", "2:0.5", "dim_reduction", {"num_labels": "0"}, LABELS),
    *(
        (
            f"{name}_epsilon",
            1e-8,
            experiment,
            {f"{name}_optimizer": "sgd"},
            {f"{name}_optimizer": "adam"},
        )
        for name, experiment in PHASES_OF.items()
    ),
    ("virtual_adversarial_radius", 1.5, "semi_supervised", {}, VAT),
    ("virtual_adversarial_warmup", 1.5, "semi_supervised", {}, VAT),
    ("virtual_adversarial_start", 1, "semi_supervised", {}, VAT),
    ("virtual_adversarial_neighbour_share", 0.2, "semi_supervised", {}, VAT),
    ("virtual_adversarial_radius", 1.5, "semi_supervised", VAT | NEIGHBOUR, VAT),
    ("virtual_adversarial_phase", "classification", "semi_supervised", {}, VAT),
    ("head_distance", 3.0, "dim_reduction", {"head_penalty": 0.0}, {"head_penalty": 2.0}),
    ("head_penalty", 3.0, "dim_reduction", {"head_distance": 0.0}, {"head_distance": 2.0}),
    ("decoder_variance", 0.5, "vae_gaussian", {}, {"likelihood": "gaussian"}),
    ("projections", 7, "wae_mmd", SINKHORN, SLICED),
    ("entropy_share", 0.1, "wae_mmd", MMD, SINKHORN),
    ("decoder_penalty", "l2", "rae", {"decoder_penalty_weight": 0.0}, {}),
    ("sampler_components", 5, "gaussian", {"sampler": "kde"}, {"sampler": "gmm"}),
    ("pretraining_batch_size", 70, "wae_mmd", {}, {"pretraining_steps": 9}),
    ("quality_samples", 500, "gaussian", {}, {"sample_quality": True}),
    ("inception_weights", "imagenet", "gaussian", {}, {"sample_quality": True}),
]


def _told(experiment, given):
    usual = experiments.settings_of(experiment)
    return [flag for flag, _ in without_effect(given, usual, override(usual, given))]


@pytest.mark.parametrize(
    ("flag", "value", "experiment", "off", "on"),
    CASES,
    ids=[f"{case[0]}-{case[2]}" for case in CASES],
)
def test_what_nothing_reads_is_told_and_what_something_reads_is_not(
    flag, value, experiment, off, on
):
    pair = experiment if isinstance(experiment, tuple) else (experiment, experiment)
    assert _told(pair[0], {**off, flag: value}) == [flag]
    assert _told(pair[1], {**on, flag: value}) == []


def test_every_flag_of_the_table_has_a_case_and_is_a_flag():
    named = {flag for flags, _, _ in COUNT_WITH for flag in flags}
    assert named - {"classification_"} <= {case[0] for case in CASES}
    assert named - {"classification_"} <= {setting.flag for setting in describe()}


def test_what_is_given_as_it_is_anyway_is_passed_over():
    usual = experiments.settings_of("gaussian")
    assert _told("gaussian", {"encoder_noise_sd": usual.networks.encoder_noise_sd}) == []


@pytest.mark.parametrize("file", FLAGFILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_flagfiles_give_nothing_in_vain(file):
    given = flagfile.read(file)
    usual = experiments.settings_of(given.pop("experiment"), given.pop("recipe", None))
    assert list(without_effect(given, usual, override(usual, given))) == []


def test_recorded_runs_give_nothing_in_vain():
    for run in runs_below(ROOT / "docs" / "results"):
        usual = experiments.settings_of(run.result["experiment"], run.result["recipe"])
        settings = override(usual, run.settings)
        assert list(without_effect(run.settings, usual, settings)) == [], run.folder.name


def test_the_command_says_it_in_a_line(empty_folder, capsys):
    arguments = ("--experiment=gaussian", "--encoder_noise_sd=0.5", "--batch_size=50001")
    assert main(["run_experiment.py", *arguments]) == 2
    note = "note: --encoder_noise_sd has no effect here; it counts with --encoder=isotropic\n"
    assert capsys.readouterr().err.startswith(note)


@pytest.mark.slow
def test_an_evaluation_says_it_too(empty_folder, capsys):
    shutil.copytree(ROOT / "tests" / "golden" / "old_runs" / "figure2a_gaussian_8_epochs", "run")
    assert main(["run_experiment.py", "--mode=evaluate", "--run_dir=run", "--quality_samples=300"])
    note = "note: --quality_samples has no effect here; it counts with --sample_quality\n"
    assert capsys.readouterr().err.startswith(note)
