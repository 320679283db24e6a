"""A checkpoint of an earlier day still restores: its names and its layout are a format."""

import shutil

import numpy as np
import pytest
from golden import make_golden as golden

from aae_tf.errors import RunFolderError
from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import network_variables, optimizer_variables


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden") / "checkpoint"
    shutil.copytree(golden.HERE / "checkpoint", folder)
    method = AdversarialAutoencoder(golden.settings(), golden.SHAPE)
    phases = method.phases(steps_per_epoch=4)
    checkpoints = Checkpoints(
        folder, network_variables(method.networks), optimizer_variables(phases)
    )
    untrained = method.encode(golden.inputs()[0])
    assert checkpoints.restore()
    return method, phases, checkpoints.progress, untrained


def test_golden_checkpoint_gives_the_recorded_codes_and_images(restored):
    method, _, _, untrained = restored
    images, codes = golden.inputs()
    expected = np.load(golden.HERE / "expected.npz")
    np.testing.assert_allclose(method.encode(images), expected["codes"], atol=1e-5)
    np.testing.assert_allclose(method.decode(codes), expected["decoded"], atol=1e-5)
    assert np.abs(untrained - expected["codes"]).max() > 1e-3


def test_golden_checkpoint_gives_optimizers_and_progress(restored):
    _, phases, progress, _ = restored
    assert [int(phase.optimizer.iterations.numpy()) for phase in phases] == [golden.STEP] * 3
    assert progress.step == golden.STEP
    assert progress.epoch_values == {"generator/loss": [0.5, 0.25]}


def test_golden_checkpoint_under_another_steps_name_is_refused(restored, tmp_path):
    """It holds no digests, but its step."""
    method, phases, _, _ = restored
    for file in (golden.HERE / "checkpoint").glob("ckpt-12.*"):
        shutil.copy(file, tmp_path / file.name.replace("-12.", "-13."))
    variables = network_variables(method.networks), optimizer_variables(phases)
    with pytest.raises(RunFolderError, match=r"ckpt-13 \(it is of step 12\)"):
        Checkpoints(tmp_path, *variables).restore()
