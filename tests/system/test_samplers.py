"""A finished run is sampled by what is fitted to its codes, in every mode."""

import json
import pathlib
import shutil

import numpy as np
import program
import pytest
import tensorflow as tf

from aae_tf.cli.main import main

ASK = ("--sample_quality", "--quality_samples=200", "--cache_dir=cache")
GMM, KDE = ("--sampler=gmm", "--sampler_components=4"), ("--sampler=kde",)


@pytest.fixture(scope="module")
def evaluated(undisturbed, place, tmp_path_factory):
    """A copy of the finished run after an evaluation with a sampler; what was said; its place."""
    folder = tmp_path_factory.mktemp("sampled")
    shutil.copytree(undisturbed[1], folder / "run")
    shutil.copy(place / "bars.npz", folder)
    done = program.call(folder, "--mode=evaluate", "--run_dir=run", *ASK, *GMM)
    assert done.returncode == 0, done.stderr[-3000:]
    return done, folder


def _command(monkeypatch, folder, *flags):
    monkeypatch.chdir(folder)
    return main(["run_experiment.py", *flags])


def _metrics(run):
    return program.read_json(run, "result.json")["metrics"]


def _card(version):
    extra = version / "assets.extra"
    card, page = (extra / f"model_card.{ending}" for ending in ("json", "md"))
    return json.loads(card.read_text()), page.read_text()


def _codes(version):
    sample = tf.saved_model.load(str(version)).signatures["sample"]
    return sample(seed=tf.constant([1, 2]), count=tf.constant(2000))["codes"].numpy()


def test_numbers_of_both_stand_side_by_side(evaluated, undisturbed):
    done, folder = evaluated
    result = program.read_json(folder / "run", "result.json")
    assert result["evaluation"]["sampler"] == "gmm"
    assert result["evaluation"]["sampler_components"] == 4
    for split in ("validation", "test"):
        assert f"{split}/precision_of_sampler" in result["metrics"]
        for name in ("fid_classifier", "kid_classifier", "sharpness"):
            prior, fit = (result["metrics"][f"{split}/{name}{end}"] for end in ("", "_of_sampler"))
            assert prior != fit
            assert f"{split}/{name}_of_sampler_of_data" not in result["metrics"]
    assert "fid_classifier_of_sampler" in done.stdout
    assert "sampler: a mixture of 4 Gaussians fitted to codes" in done.stderr
    with np.load(folder / "run" / "sampler_gmm.npz", allow_pickle=False) as arrays:
        assert arrays["means"].shape == (4, 2)
    for name in ("settings.json", "run.flags", "metrics.csv", "provenance.json"):
        found = (folder / "run" / name).read_bytes()
        assert found == (undisturbed[1] / name).read_bytes()


def test_numbers_of_the_prior_are_what_they_are_without_a_sampler(evaluated, monkeypatch, tmp_path):
    _, folder = evaluated
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with_sampler = _metrics(tmp_path / "run")
    assert _command(monkeypatch, tmp_path, "--mode=evaluate", "--run_dir=run", *ASK) == 0
    without = _metrics(tmp_path / "run")
    assert {key for key in with_sampler if key not in without} == {
        key for key in with_sampler if key.endswith("_of_sampler")
    }
    assert {key: with_sampler[key] for key in without} == pytest.approx(without, rel=1e-6)
    assert _command(monkeypatch, tmp_path, "--mode=evaluate", "--run_dir=run", *ASK, *GMM) == 0
    assert _metrics(tmp_path / "run") == pytest.approx(with_sampler, rel=1e-6)


def test_an_export_has_the_sampler_that_is_asked_for_and_its_card_says_so(
    evaluated, monkeypatch, tmp_path, capsys
):
    _, folder = evaluated
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    export = ("--mode=export", "--run_dir=run", "--export_dir=models")
    for flags in ((), GMM, KDE):
        assert _command(monkeypatch, tmp_path, *export, *flags) == 0
    versions = [tmp_path / "models" / "gaussian_bars" / str(number) for number in (1, 2, 3)]
    cards = [_card(version) for version in versions]
    assert [card["sampler"] for card, _ in cards] == [
        "the prior",
        "a mixture of 4 Gaussians fitted to codes",
        "a kernel density of codes",
    ]
    assert [card["settings"]["sampler"] for card, _ in cards] == ["prior", "gmm", "kde"]
    for card, page in cards:
        assert card["sampler"] in page
        # The numbers of the last evaluation are those of one of the three alone.
        of_sampler = [key for key in card["metrics"] if key.endswith("_of_sampler")]
        assert bool(of_sampler) == (card["settings"]["sampler"] == "gmm")
    codes = [_codes(version) for version in versions]
    assert not np.array_equal(codes[0], codes[1]) and not np.array_equal(codes[1], codes[2])
    np.testing.assert_allclose(codes[1].mean(0), codes[2].mean(0), atol=0.1)

    # The fit is kept: without the data the model is the same.
    (tmp_path / "bars.npz").unlink()
    assert _command(monkeypatch, tmp_path, *export, *KDE) == 0
    np.testing.assert_array_equal(_codes(versions[0].parent / "4"), codes[2])
    capsys.readouterr()
    (tmp_path / "run" / "sampler_kde.npz").unlink()
    assert _command(monkeypatch, tmp_path, *export, *KDE) == 1
    assert "run/sampler_kde.npz: holds no fit of these weights" in capsys.readouterr().err
    assert _command(monkeypatch, tmp_path, *export, "--epochs=3") == 1
    assert "expected no other flags than those of the sampler" in capsys.readouterr().err


def test_the_same_command_with_a_sampler_draws_and_exports_anew_and_only_once(
    evaluated, monkeypatch, tmp_path, flags
):
    _, folder = evaluated
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run, before = tmp_path / "run", program.state(tmp_path / "run")
    command = (*flags, "--run_dir=run", "--export_dir=models")
    pictures, exports = [], []
    for sampler in ((), KDE, KDE, KDE, GMM):
        assert _command(monkeypatch, tmp_path, *command, *sampler) == 0
        pictures.append((run / "figures/samples.png").read_bytes())
        assert program.state(run) == before
        exports.append(len(list(pathlib.Path("models/gaussian_bars").iterdir())))
    assert pictures[0] != pictures[1] == pictures[2] == pictures[3] != pictures[4]
    # Where nothing was drawn before, metrics may differ in a last bit, which makes another card.
    assert exports[:2] == [1, 2] and exports[3] == exports[2] == exports[4] - 1
    fits = [(run / f"sampler_{kind}.npz").read_bytes() for kind in ("gmm", "kde")]
    for kind, sampler, fit in zip(("gmm", "kde"), (GMM, KDE), fits, strict=True):
        (run / f"sampler_{kind}.npz").unlink()
        assert _command(monkeypatch, tmp_path, "--mode=evaluate", "--run_dir=run", *sampler) == 0
        assert (run / f"sampler_{kind}.npz").read_bytes() == fit
    newest = tmp_path / "models" / "gaussian_bars" / str(exports[4])
    assert _card(newest)[0]["settings"]["sampler"] == "gmm"


def test_runs_are_compared_by_their_own_samplers(evaluated, monkeypatch, tmp_path):
    _, folder = evaluated
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    shutil.copytree(tmp_path / "run", tmp_path / "other")
    settings = program.read_json(tmp_path / "other", "settings.json")
    (tmp_path / "other/settings.json").write_text(json.dumps({**settings, "sampler": "kde"}))
    files = {path.name for path in (tmp_path / "other").iterdir()}
    compare = ("--mode=compare", "--runs=run,other", "--run_dir=both")
    assert _command(monkeypatch, tmp_path, *compare) == 0
    assert {path.name for path in (tmp_path / "other").iterdir()} <= files | {".lock"}
    assert (tmp_path / "both/samples.png").stat().st_size > 3000


def test_more_gaussians_than_training_images_are_refused_before_training(
    place, monkeypatch, capsys, flags
):
    asked = ("--sampler=gmm", "--sampler_components=1000", "--dataset=few.npz", "--batch_size=10")
    few = np.load(place / "bars.npz")["images"][:60]
    np.savez(place / "few.npz", images=few, labels=np.arange(60) % 3)
    assert _command(monkeypatch, place, *flags, *asked, "--run_dir=refused") == 2
    assert "--sampler_components=1000: expected at most 44, the number" in capsys.readouterr().err
    assert not (place / "refused").exists()
