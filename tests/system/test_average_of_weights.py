"""A run that is judged by averaged weights: resumed, evaluated and exported, always the same."""

import signal

import numpy as np
import program
import pytest
import tensorflow as tf

FLAGS = (
    *program.SMALL,
    "--experiment=gaussian",
    "--epochs=2",
    "--average_decay=0.99",
    "--encoder_batch_norm",
    "--precise_batch_norm",
)


@pytest.fixture(scope="module")
def averaged(place):
    done = program.call(place, *FLAGS, "--run_dir=averaged", "--export_dir=averaged_models")
    assert done.returncode == 0, done.stderr[-2000:]
    return place / "averaged"


def _networks(folder):
    """The newest checkpoint's variables by name, of the networks and of the averages."""
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    found = {"networks": {}, "averages": {}}
    for name in reader.get_variable_to_shape_map():
        kind = name.split("/")[0]
        if kind in found:
            found[kind][name.removeprefix(kind)] = reader.get_tensor(name)
    return found


def test_interrupted_run_ends_as_the_undisturbed_one(averaged, place):
    flags = (*FLAGS, "--run_dir=averaged_twice", "--export_dir=")
    begun = program.trained_beyond(place / "averaged_twice")
    program.interrupt(place, signal.SIGTERM, begun, 0, *flags)
    assert program.call(place, *flags).returncode == 0
    assert program.state(place / "averaged_twice") == program.state(averaged)
    results = [
        program.read_json(place / name, "result.json") for name in ("averaged", "averaged_twice")
    ]
    assert results[0]["metrics"] == results[1]["metrics"]


def test_evaluate_measures_the_same_again(averaged, place):
    before = program.read_json(averaged, "result.json")["metrics"]
    assert program.call(place, "--mode=evaluate", "--run_dir=averaged").returncode == 0
    assert program.read_json(averaged, "result.json")["metrics"] == before


def test_export_has_the_averages_and_the_checkpoint_both(averaged, place):
    stored = _networks(averaged)
    weight = next(name for name in stored["averages"] if "decoder" in name and "kernel" in name)
    assert not np.array_equal(stored["averages"][weight], stored["networks"][weight])
    assert not any("discriminator" in name for name in stored["averages"])
    reader = tf.train.load_checkpoint(
        str(place / "averaged_models/gaussian_bars/1/variables/variables")
    )
    exported = {
        reader.get_tensor(name).tobytes()
        for name in reader.get_variable_to_shape_map()
        if not name.startswith("_CHECKPOINTABLE")
    }
    assert stored["averages"][weight].tobytes() in exported
    assert stored["networks"][weight].tobytes() not in exported
