"""Two replicas do what one does, to rounding (in a process of its own, for its two devices)."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import pytest

from aae_tf.errors import SettingsError
from aae_tf.settings import ExecutionSettings
from aae_tf.training.distribution import make_strategy

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def found():
    """What is found of a method, or of no method."""
    return functools.cache(_found)


def _found(*methods):
    script = pathlib.Path(__file__).parents[1] / "helpers" / "compare_replicas.py"
    paths = [str(script.parent), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [sys.executable, str(script), *methods],
        capture_output=True,
        text=True,
        env=environment,
        timeout=560,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


METHODS = ("aae", "semi_supervised", "wae", "wae_gan", "rae", "own_networks")


@pytest.mark.parametrize("method", METHODS)
def test_two_replicas_end_where_one_does(found, method):
    assert found(method)["replicas"] == [1, 2]
    variables = found(method)[method]["variables"]
    assert found(method)[method]["moved"] > 0.1
    assert len(variables) > 30
    # What spectral normalisation keeps beside the weights, of two discriminators of two layers.
    assert sum(key.endswith("/u") for key in variables) == 4 * (method == "semi_supervised")
    assert max(variables.values()) < 1e-9, variables


@pytest.mark.parametrize("method", METHODS)
def test_two_replicas_report_the_means_of_the_global_batch(found, method):
    curves = found(method)[method]["curves"]
    assert any(key.endswith("/loss") for key in curves)
    told = {"wae": "wasserstein/divergence", "rae": "reconstruction/decoder_penalty"}
    assert any(told.get(method, "accuracy_on_codes") in key for key in curves)
    assert ("classification/virtual_adversarial_loss" in curves) == (method == "semi_supervised")
    assert ("discriminator/penalty" in curves) == (method in ("aae", "wae_gan"))
    assert max(curves.values()) < 1e-9, curves


def test_a_step_that_overflows_on_one_replica_is_skipped_on_both(found):
    assert found()["overflow"] == [[-1.5, -1.5], [2.0**14, 2.0**14]]


def test_a_batch_that_replicas_cannot_share_evenly_is_refused(found):
    assert found()["indivisible"] == "--batch_size=9: expected a multiple of the 2 replicas"


def test_more_replicas_than_devices_are_refused(found):
    assert found()["too_many"] == "--replicas=3: expected at most 2, the devices found"
    assert found()["one_device"] == "--replicas=2: expected 1 with --strategy=one_device"


def test_no_processor_is_split_into_hundreds_of_devices():
    with pytest.raises(SettingsError, match="--replicas=17: expected at most 16 without GPUs"):
        make_strategy(ExecutionSettings(replicas=17), 17)
