"""A folder of pictures, streamed: the same run as from memory, resumed or not."""

import csv
import json

import pytest
import tensorflow as tf
import tiny

from aae_tf.cli.main import main

NETWORKS = ("--encoder_units=16", "--decoder_units=16", "--discriminator_units=16")
# Of a falling rate the number of epochs could not change.
RATES = [f"--{p}_schedule=constant" for p in ("reconstruction", "discriminator", "generator")]


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Sixty pictures and a file that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(tiny.images(60)):
        (folder / f"{number:02}.png").write_bytes(tf.io.encode_png(image).numpy())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 and no more")
    monkeypatch.chdir(tmp_path)
    return folder


def _train(run, epochs, *flags):
    return main(
        [
            "run_experiment.py",
            "--experiment=gaussian",
            "--encoder=gaussian",
            *NETWORKS,
            *RATES,
            "--dataset=pictures",
            "--batch_size=10",
            "--steps_per_call=3",
            f"--epochs={epochs}",
            "--image_size=6",
            f"--run_dir={run}",
            f"--export_dir=models_{run}",
            *flags,
        ]
    )


def _left(folder):
    """What a run leaves: state, curves, and the metrics of its result."""
    with open(folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    state, metrics, described = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("provenance", "result", "data")
    )
    return state["state_sha256"], rows, metrics["metrics"], described


def test_streamed_run_resumed_leaves_what_the_run_from_memory_leaves(pictures, tmp_path, capsys):
    assert _train("memory", 3, "--skip_broken_images", "--stream=never") == 0
    said = capsys.readouterr().err
    assert "files: 1 broken .jpg\n" in said and "streams" not in said
    assert _train("streamed", 1, "--skip_broken_images", "--stream=always") == 0
    assert "pictures: streams 44 images" in capsys.readouterr().err
    assert _train("streamed", 3, "--skip_broken_images", "--stream=always") == 0
    assert "resumed at step 4" in capsys.readouterr().err
    expected = _left(tmp_path / "memory")
    assert expected[3]["skipped_files"] == 1
    assert _left(tmp_path / "streamed") == expected


def test_broken_picture_is_named_before_anything_is_written(pictures, tmp_path, capsys):
    assert _train("refused", 1) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: --dataset=pictures: pictures/broken.jpg can't be decoded")
    assert not (tmp_path / "refused").exists()
