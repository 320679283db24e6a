"""A run over two replicas works from the command line on, on image files."""

import math

import program
import pytest
import tensorflow as tf
import tiny


def test_two_replicas_train_evaluate_and_export(place):
    for number, image in enumerate(tiny.images(90)):
        file = place / f"pictures/{number % 3}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(tf.io.encode_png(image).numpy())
    data = ("--experiment=gaussian", *program.SMALL, "--dataset=pictures", "--epochs=2")
    command = (*data, "--replicas=2", "--run_dir=replicas", "--export_dir=of_replicas")
    done = program.call(place, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    told = program.read_json(place / "replicas", "provenance.json")
    assert len(told["machine"]["devices"]) == 2 and told["step"] == 2 * (65 // 10)
    metrics = program.read_json(place / "replicas", "result.json")["metrics"]
    assert all(map(math.isfinite, metrics.values()))
    assert (place / "of_replicas/gaussian_pictures/1/saved_model.pb").exists()


@pytest.mark.parametrize(
    "flags, expected",
    [
        (
            ("--experiment=wae_mmd", "--pretraining_steps=2", "--pretraining_batch_size=15"),
            "--pretraining_batch_size=15: expected a multiple of 2, the number of replicas",
        ),
        (
            ("--experiment=semi_supervised", "--num_labels=9", "--labelled_batch_size=5"),
            "--labelled_batch_size=5: expected a multiple of 2, the number of replicas",
        ),
    ],
)
def test_a_minibatch_that_replicas_cannot_share_evenly_is_refused(place, flags, expected):
    done = program.call(
        place, *program.SMALL, *flags, "--epochs=1", "--replicas=2", "--run_dir=uneven"
    )
    assert done.returncode == 2
    assert program.error_lines(done) == [f"error: {expected}"]
    assert not (place / "uneven").exists()
