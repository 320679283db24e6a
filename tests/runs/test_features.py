"""Features from a table to a served model: nothing that only pictures have, all else as ever."""

import csv
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import wine

from aae_tf.cli.main import main
from aae_tf.serving import explorer

pytestmark = pytest.mark.slow

RUNS = {
    "gaussian": ("--standardize", "--epochs=3"),
    "semi_supervised": ("--standardize", "--epochs=3", "--num_labels=30", "--latent_dim=4"),
    "vae_gaussian": ("--standardize", "--epochs=1"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    wine.write(folder / "wine.csv")
    return folder


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)


@pytest.fixture(scope="module")
def trained(place):
    """Trains an experiment once; returns its run folder."""

    def train(name):
        if not (place / name).exists():
            assert _main(f"--experiment={name}", *TABLE, *RUNS[name], f"--run_dir={name}") == 0
        return place / name

    return train


TABLE = ("--dataset=wine.csv", "--label_column=kind", *wine.SMALL, "--export_dir=models")


def _main(*arguments):
    return main(["run_experiment.py", *arguments])


def _refused(capsys, *arguments):
    assert _main(*arguments) != 0
    (line,) = (
        n for n in capsys.readouterr().err.splitlines() if not n.startswith(("note: ", "model: "))
    )
    return line


def _json(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def _table():
    with open("wine.csv", newline="") as file:
        head, *rows = csv.reader(file)
    return head, np.array([row[: wine.FEATURES] for row in rows], np.float32), [r[-1] for r in rows]


def _model(name):
    return tf.saved_model.load(f"models/{name}_wine/1")


@pytest.mark.parametrize("name", RUNS)
def test_output_is_linear_and_a_likelihood_gaussian_without_being_told(trained, name):
    settings = _json(trained(name), "settings")
    assert settings["output_activation"] == "linear"
    assert settings.get("likelihood") == ("gaussian" if name == "vae_gaussian" else None)


@pytest.mark.parametrize("name", RUNS)
def test_data_are_described_with_the_names_of_columns_and_classes(trained, name):
    described = _json(trained(name), "data")
    assert described["image_shape"] == [wine.FEATURES]
    assert described["feature_names"] == _table()[0][: wine.FEATURES]
    assert described["class_names"] == ["class_0", "class_1", "class_2"]
    assert sum(described["sizes"].values()) == 178


@pytest.mark.parametrize("name", RUNS)
def test_figures_are_of_features_and_of_codes_and_none_of_pictures(trained, name):
    drawn = {file.stem for file in (trained(name) / "figures").glob("*.png")}
    expected = {"codes", "learning_curves", "reconstructed_features", "reconstruction_errors"}
    assert drawn == expected | ({"categories", "confusion"} if name == "semi_supervised" else set())


def test_tensorboards_projector_has_codes_and_labels_and_no_sprite(trained):
    logs = trained("gaussian") / "eval"
    assert (logs / "codes.tsv").exists() and not (logs / "sprite.png").exists()
    assert "class_1" in (logs / "metadata.tsv").read_text().split()
    config = (logs / "projector_config.pbtxt").read_text()
    assert "metadata.tsv" in config and "sprite" not in config


@pytest.mark.parametrize("name", RUNS)
def test_exports_take_and_give_features_and_no_encoded_pictures(trained, name):
    trained(name)
    signatures = _model(name).signatures
    assert not [signature for signature in signatures if signature.endswith("_bytes")]
    inputs = signatures["encode"].structured_input_signature[1]
    assert {key: spec.shape.as_list() for key, spec in inputs.items()} == {
        "features": [None, wine.FEATURES]
    }
    decode = signatures["generate" if name == "semi_supervised" else "decode"]
    assert decode.structured_outputs["features"].shape.as_list() == [None, wine.FEATURES]
    assert set(signatures["score"].structured_outputs) >= {"reconstruction_error"}
    drawn = signatures["sample"](seed=tf.constant([1, 2]), count=tf.constant(3))
    assert drawn["features"].shape == (3, wine.FEATURES)


def test_a_served_model_takes_any_finite_numbers(trained):
    trained("gaussian")
    encode = _model("gaussian").signatures["encode"]
    assert np.isfinite(encode(features=tf.fill((2, wine.FEATURES), -1e4))["codes"]).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="features: expected finite values"):
        encode(features=tf.fill((2, wine.FEATURES), np.nan))


@pytest.mark.parametrize("name", RUNS)
def test_predictions_for_the_table_that_was_trained_on_are_the_models(trained, name):
    trained(name)
    command = ("--mode=predict", f"--model=models/{name}_wine", "--input=wine.csv")
    assert _main(*command, "--signature=encode", f"--output={name}_codes.csv") == 0
    with open(f"{name}_codes.csv", newline="") as file:
        head, *rows = csv.reader(file)
    codes = [place for place, column in enumerate(head) if column.startswith("code_")]
    found = np.array(rows, np.float32)[:, codes]
    model = _model(name)
    expected = model.signatures["encode"](features=tf.constant(_table()[1]))["codes"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert _main(*command, "--signature=score", f"--output={name}_scores.csv") == 0
    assert "reconstruction_error" in pathlib.Path(f"{name}_scores.csv").read_text().splitlines()[0]


def test_what_was_decoded_is_a_table_that_is_read_again(trained):
    trained("gaussian")
    command = ("--mode=predict", "--model=models/gaussian_wine")
    sample = ("--signature=sample", "--count=5", "--output=drawn.csv")
    assert _main(*command, *sample) == 0
    encode = ("--signature=encode", "--input=drawn.csv", "--output=again.csv")
    assert _main(*command, *encode) == 0
    assert len(pathlib.Path("again.csv").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--input=short.csv",), "expected feature_0 to feature_13, or 14 columns of numbers"),
        (("--input=a.png",), "takes features, no pictures"),
    ],
)
def test_other_inputs_are_refused_in_a_line(trained, capsys, place, arguments, said):
    trained("gaussian")
    capsys.readouterr()
    (place / "short.csv").write_text("a,b\n1,2\n3,4\n")
    (place / "a.png").write_bytes(tf.io.encode_png(np.zeros((2, 2, 1), np.uint8)).numpy())
    command = ("--mode=predict", "--model=models/gaussian_wine", "--signature=encode")
    assert said in _refused(capsys, *command, *arguments, "--output=none.csv")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("--sample_quality",),
            "--sample_quality=True: expected false for features of shape (14,)",
        ),
        (("--network=conv",), "--network=conv: expected dense for features of shape (14,)"),
        (("--experiment=wae_mmd", "--cost=ssim"), "--cost=ssim: expected another cost"),
        (("--label_column=sort",), "--label_column=sort: expected a column of wine.csv: alcohol"),
        (("--image_size=8",), "--image_size=8: expected 0 unless --dataset is a folder"),
        (("--standardize", "--output_activation=sigmoid"), "--output_activation=sigmoid: expected"),
    ],
)
def test_what_only_pictures_have_is_refused_in_a_line(capsys, place, flags, said):
    command = ("--experiment=gaussian", *TABLE, "--epochs=1", "--run_dir=refused")
    assert said in _refused(capsys, *command, *flags)
    assert not (place / "refused").exists()


def test_the_explorer_has_the_columns_names_and_no_row_of_the_table(trained, place):
    trained("gaussian")
    model = explorer.Model(place / "models/gaussian_wine")
    described = model.describe()
    assert described["features"]["names"] == _table()[0][: wine.FEATURES]
    low, high = np.array(described["features"]["ranges"]).T
    columns = _table()[1]
    assert (low < columns.max(0)).all() and (high > columns.min(0)).all()
    assert len(described["held_out"]["codes"]) > 10 and "tile" not in described["held_out"]
    assert model.sheet is None


def test_a_constant_column_survives_standardisation(trained):
    trained("gaussian")
    answers = _model("gaussian").signatures["reconstruct"](features=tf.constant(_table()[1]))
    rebuilt = answers["features"].numpy()
    assert np.isfinite(rebuilt).all()
    assert abs(rebuilt[:, -1] - 7.5).max() < 2  # its sd is taken for 1


def test_the_error_is_standardised_as_the_networks_see_features(trained):
    metrics = _json(trained("gaussian"), "result")["metrics"]
    # Of raw values proline's alone would be tens of thousands; a constant answer gives 13 / 2.
    assert 1 < metrics["test/reconstruction_error"] < 2 * 13 / 2


def test_the_metric_is_the_mean_of_the_scores(trained):
    from aae_tf.data import load
    from aae_tf.results.run_folder import RunFolder

    folder = RunFolder(trained("gaussian"))
    test = load(folder.read_settings().data).test
    scores = _model("gaussian").signatures["score"](features=tf.constant(test.images))
    metric = _json(folder.path, "result")["metrics"]["test/reconstruction_error"]
    assert np.mean(scores["reconstruction_error"]) == pytest.approx(metric, rel=1e-4)


def test_few_labels_classify_wines(trained):
    trained("semi_supervised")
    _, features, kinds = _table()
    answers = _model("semi_supervised").signatures["classify"](features=tf.constant(features))
    named = np.array(["class_0", "class_1", "class_2"])[answers["classes"].numpy()]
    assert np.mean(named == np.array(kinds)) > 0.6  # the commonest kind is 0.4 of them


def test_runs_of_features_are_compared_by_their_codes(trained, place):
    trained("gaussian"), trained("vae_gaussian")
    command = ("--mode=compare", "--runs=gaussian,vae_gaussian", "--run_dir=compared")
    assert _main(*command) == 0
    drawn = {file.stem for file in (place / "compared").glob("*.png")}
    assert "codes" in drawn and not drawn & {"samples", "reconstructions"}


def test_likelihood_is_of_samples_as_they_are(trained, capsys):
    """Not clipped to 0..1, where no wine is and no sigma would be best."""
    trained("gaussian")
    command = ("--mode=evaluate", "--run_dir=gaussian", "--likelihood_samples=1000")
    assert _main(*command) == 0
    assert "no sigma is best" not in capsys.readouterr().err


def test_the_output_can_be_chosen_otherwise(place):
    generator = np.random.default_rng(0)
    np.savez(place / "shares.npz", features=generator.random((90, 6)), labels=np.arange(90) % 2)
    flags = ("--dataset=shares.npz", *wine.SMALL, "--epochs=1", "--export_dir=")
    command = ("--experiment=vae_gaussian", *flags, "--output_activation=sigmoid")
    assert _main(*command, "--likelihood=bernoulli", "--run_dir=shares") == 0
    settings = _json(place / "shares", "settings")
    assert settings["output_activation"] == "sigmoid" and settings["likelihood"] == "bernoulli"


@pytest.mark.parametrize("shape", [(10, 3), (3, 4, 5, 2)])
def test_examples_of_any_shape_train_and_are_served_in_it(place, shape):
    name = "x".join(map(str, shape))
    waves = np.random.default_rng(0).normal(size=(120, *shape))
    np.savez(place / f"{name}.npz", features=np.cumsum(waves, 1))
    flags = (f"--dataset={name}.npz", *wine.SMALL, "--epochs=1", f"--export_dir=of_{name}")
    assert _main("--experiment=gaussian", *flags, f"--run_dir=run_{name}") == 0
    drawn = {file.stem for file in (place / f"run_{name}" / "figures").glob("*.png")}
    assert {"codes", "reconstructed_features"} <= drawn
    rebuilt = tf.saved_model.load(f"of_{name}/gaussian_{name}/1").signatures["reconstruct"](
        features=tf.constant(waves[:5], tf.float32)
    )
    assert rebuilt["features"].shape == (5, *shape)


def test_a_run_of_features_that_went_on_ends_with_the_same_bits(place):
    command = ("--experiment=gaussian", *TABLE, "--standardize", "--run_dir=parts")
    schedule = [
        f"--{p}_schedule=constant" for p in ("reconstruction", "discriminator", "generator")
    ]
    assert _main(*command, *schedule, "--epochs=1") == 0
    assert _main(*command, *schedule, "--epochs=2") == 0
    assert _main(*command, *schedule, "--epochs=2", "--run_dir=straight") == 0
    parts, straight = (
        _json(place / n, "provenance")["state_sha256"] for n in ("parts", "straight")
    )
    assert parts == straight
