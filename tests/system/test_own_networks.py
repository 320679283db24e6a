"""The command on networks of the user's own, from a file in the folder where it is started."""

import math
import signal

import program
import pytest
import tensorflow as tf

NETWORKS = """
import keras
from keras import layers


def encoder(shape, latent_dim):
    return keras.Sequential([
        keras.Input(shape),
        layers.Conv2D(4, 3, strides=2, activation="relu"),
        layers.Flatten(),
        layers.Dense(16),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.2),
        layers.Dense(latent_dim),
    ])


def discriminator(latent_dim):
    return keras.Sequential([
        keras.Input((latent_dim,)), layers.Dense(16, "relu"), layers.Dropout(0.2), layers.Dense(1)
    ])
"""


@pytest.fixture(scope="module")
def flags(place):
    (place / "my_networks.py").write_text(NETWORKS)
    return (
        *program.SMALL,
        "--experiment=gaussian",
        "--encoder_network=my_networks:encoder",
        "--discriminator_network=my_networks:discriminator",
        "--epochs=2",
        "--steps_per_call=3",
        "--checkpoint_minutes=0.005",
        "--noxla",
    )


def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(place, flags):
    straight = program.call(place, *flags, "--run_dir=own_straight", "--export_dir=own_models")
    assert straight.returncode == 0, straight.stderr[-3000:]
    folder = place / "own_killed"
    has_checkpoint = program.trained_beyond(folder)
    command = (*flags, "--run_dir=own_killed", "--export_dir=")
    done = program.interrupt(place, signal.SIGKILL, has_checkpoint, 0.5, *command)
    assert done.returncode == program.KILLED, done.stderr[-3000:]
    done = program.call(place, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resumed at step" in done.stderr
    assert program.state(folder) == program.state(place / "own_straight")
    model = tf.saved_model.load(str(place / "own_models/gaussian_bars/1"))
    assert {"encode", "encode_bytes", "score"} <= set(model.signatures)


def test_a_run_is_read_again_only_where_its_networks_may_be(place, flags):
    run = ("--mode=evaluate", "--run_dir=own_straight")
    refused = program.call(place, *run)
    assert refused.returncode == 1
    (line,) = program.error_lines(refused)
    assert "--encoder_network=my_networks:encoder" in line and "--trust_run" in line
    assert program.call(place, *run, "--trust_run").returncode == 0


def test_two_replicas_train(place, flags):
    done = program.call(place, *flags, "--epochs=1", "--replicas=2", "--run_dir=own_replicas")
    assert done.returncode == 0, done.stderr[-3000:]
    told = program.read_json(place / "own_replicas", "provenance.json")
    assert len(told["machine"]["devices"]) == 2
    metrics = program.read_json(place / "own_replicas", "result.json")["metrics"]
    assert all(map(math.isfinite, metrics.values()))


def test_a_network_of_another_shape_is_one_line_and_leaves_nothing(place, flags):
    wrong = "--decoder_network=my_networks:discriminator"
    done = program.call(place, *flags, wrong, "--run_dir=own_refused")
    assert done.returncode == 2
    (line,) = program.error_lines(done)
    assert line.startswith(f"error: {wrong}: expected a function that makes a keras.Model")
    assert not (place / "own_refused").exists()
