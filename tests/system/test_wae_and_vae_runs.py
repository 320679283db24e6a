"""Whole runs of Wasserstein and variational auto-encoders by the command line."""

import json

import program
import pytest

SMALL = (*program.SMALL, "--epochs=2", "--latent_dim=3")


@pytest.fixture(scope="module")
def wae(place):
    flags = (
        "--experiment=wae_gan",
        "--recipe=paper",
        "--network=dense",
        *SMALL,
        "--export_dir=models",
        "--pretraining_batch_size=20",
        "--log_prior_trick",
        "--cost=huber",
        "--encoder=gaussian",
    )
    done = program.call(place, *flags, "--run_dir=straight_wae")
    assert done.returncode == 0, done.stderr[-2000:]
    return place, flags, done


def _state(folder, run):
    return json.loads((folder / run / "provenance.json").read_text())["state_sha256"]


def test_a_wae_run_pretrains_trains_and_measures(wae):
    folder, _, done = wae
    assert "pretrained the encoder's moments: " in done.stderr
    result = json.loads((folder / "straight_wae" / "result.json").read_text())
    assert {"test/reconstruction_cost", "test/sliced_wasserstein"} <= set(result["metrics"])
    assert (folder / "straight_wae" / "figures" / "interpolations.png").exists()
    assert list(folder.glob("models/wae_gan_bars/1/saved_model.pb"))


def test_a_pretrained_run_that_is_stopped_and_resumed_ends_with_the_same_bits(wae):
    folder, flags, _ = wae
    first = program.call(folder, *flags, "--run_dir=parts", "--epochs=1")
    assert first.returncode == 0, first.stderr[-2000:]
    again = program.call(folder, *flags, "--run_dir=parts")
    assert again.returncode == 0, again.stderr[-2000:]
    assert "resumed at step" in again.stderr
    assert "pretrained" not in again.stderr
    assert _state(folder, "parts") == _state(folder, "straight_wae")


def test_a_vae_run_measures_its_bound(place):
    done = program.call(
        place,
        "--experiment=vae_mixture",
        *program.SMALL,
        "--epochs=1",
        "--run_dir=vae",
        "--beta=2",
        "--export_dir=models",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads((place / "vae" / "result.json").read_text())["metrics"]
    assert metrics["test/elbo"] < 0
    assert {"test/kl", "test/empty_region", "test/mode_excess"} <= set(metrics)


@pytest.mark.parametrize(
    "flags, message",
    [
        (
            ("--experiment=wae_mmd", "--batch_size=1"),
            "--batch_size=1: expected 2 or more for --divergence=mmd_imq, which compares pairs",
        ),
        (
            ("--experiment=wae_mmd", "--divergence=here:there"),
            "--divergence=here:there: expected an importable function",
        ),
        (
            ("--experiment=wae_gan", "--prior=uniform", "--log_prior_trick"),
            "--log_prior_trick=True: expected false, since the prior has no density",
        ),
        (
            ("--experiment=vae_gaussian", "--prior=uniform"),
            "--prior=uniform: expected a prior with a density on the whole space of codes",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_line_and_nothing_is_written(place, flags, message):
    done = program.call(place, *program.SMALL, *flags, "--run_dir=refused")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(program.error_lines(done)) == 1
    assert not (place / "refused").exists()
