"""Checkpoints hold every variable and where the run stood, and give both back."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.training.checkpoints import MAX_TO_KEEP, Checkpoints, CheckpointWriter
from aae_tf.training.variables import digest, network_variables, optimizer_variables


def _checkpoints(folder, rig):
    networks = network_variables(rig.method.networks)
    return Checkpoints(folder, networks, optimizer_variables(rig.phases))


def _stand(progress):
    return progress.step, progress.seconds, progress.epoch_values


@pytest.fixture(scope="module")
def rig():
    made = tiny.rig(encoder="gaussian")
    made.trainer.train(0, 4, 4)
    return made


@pytest.fixture(scope="module")
def saved(rig, tmp_path_factory):
    checkpoints = _checkpoints(tmp_path_factory.mktemp("checkpoints"), rig)
    progress = checkpoints.progress
    progress.step, progress.seconds = 4, 1.5
    progress.epoch_values = {"reconstruction/loss": [0.1, 1 / 3, 1e-30, 7.0]}
    checkpoints.save()
    return checkpoints


@pytest.mark.slow
def test_every_variable_of_networks_and_optimizers_is_in_the_file(rig, saved):
    reader = tf.train.load_checkpoint(saved.latest)
    stored = [
        reader.get_tensor(name)
        for name, _ in tf.train.list_variables(saved.latest)
        if name.startswith(("networks/", "optimizers/"))
    ]
    live = [v.value for network in rig.method.networks.values() for v in network.variables]
    live += [v.value for phase in rig.phases for v in phase.optimizer.variables]
    assert len(stored) == len(live) == len(rig.variables)

    def fingerprints(values):
        return sorted((value.shape, value.dtype.name, value.tobytes()) for value in values)

    assert fingerprints(stored) == fingerprints([value.numpy() for value in live])


@pytest.mark.slow
def test_layers_of_every_depth_have_names_of_their_own(rig):
    names = set(network_variables(rig.method.networks))
    wanted = ("hidden_1/kernel", "hidden_2/kernel", "hidden_2/bias", "log_variance/kernel")
    for wanted_name in wanted:
        assert any(n.startswith("encoder/") and n.endswith(wanted_name) for n in names), names
    assert all(name.split("/")[0] in ("encoder", "decoder", "discriminator") for name in names)


def test_restore_gives_the_same_bits_and_progress_to_a_fresh_run(rig, saved):
    fresh = tiny.rig(encoder="gaussian", seed=5)
    assert digest(fresh.variables) != digest(rig.variables)
    checkpoints = _checkpoints(saved.folder, fresh)
    assert checkpoints.restore()
    assert digest(fresh.variables) == digest(rig.variables)
    assert _stand(checkpoints.progress) == _stand(saved.progress)


def test_networks_alone_can_be_restored(rig, saved):
    fresh = tiny.method(encoder="gaussian", seed=5)
    checkpoints = Checkpoints(saved.folder, network_variables(fresh.networks))
    assert checkpoints.restore()
    assert digest(network_variables(fresh.networks)) == digest(
        network_variables(rig.method.networks)
    )
    assert checkpoints.progress.step == 4


@pytest.mark.slow
def test_training_goes_on_after_restoring_as_if_never_stopped(rig, saved):
    straight = tiny.rig(encoder="gaussian")
    straight.trainer.train(0, 9, 4)
    fresh = tiny.rig(encoder="gaussian", seed=0)
    checkpoints = _checkpoints(saved.folder, fresh)
    checkpoints.restore()
    fresh.trainer.train(checkpoints.progress.step, 9, 4)
    assert digest(fresh.variables) == digest(straight.variables)


@pytest.mark.slow
def test_spectral_normalisation_goes_on_where_it_was(tmp_path):
    straight, stopped, fresh = (tiny.rig(critic_penalty="spectral") for _ in range(3))
    straight.trainer.train(0, 9, 4)
    stopped.trainer.train(0, 4, 4)
    checkpoints = _checkpoints(tmp_path, stopped)
    checkpoints.progress.step = 4
    checkpoints.save()
    assert sum(name.endswith("/u") for name in fresh.variables) == 2
    checkpoints = _checkpoints(tmp_path, fresh)
    checkpoints.restore()
    fresh.trainer.train(checkpoints.progress.step, 9, 4)
    assert digest(fresh.variables) == digest(straight.variables)


def test_digest_sees_one_bit_a_name_and_a_shape():
    def of(value, name="w"):
        return digest({name: tf.Variable(value)})

    base = of(np.float32([1, 2]))
    assert base == of(np.float32([1, 2]))
    others = [of(np.nextafter(np.float32([1, 2]), 9)), of(np.float32([1, 2]), "v")]
    others += [of(np.float32([[1], [2]])), of(np.float64([1, 2]))]
    assert len({base, *others}) == 5


def test_only_the_newest_are_kept_and_none_is_written_twice(rig, tmp_path):
    checkpoints = _checkpoints(tmp_path, rig)
    assert checkpoints.latest is None and not checkpoints.restore()
    for step in range(1, MAX_TO_KEEP + 3):
        checkpoints.progress.step = step
        checkpoints.save_if_new()
        checkpoints.save_if_new()
    kept = sorted(path.stem for path in tmp_path.glob("*.index"))
    assert kept == [f"ckpt-{step}" for step in (3, 4, 5)]
    assert checkpoints.latest.endswith("ckpt-5")


def test_a_folder_of_checkpoints_can_be_moved(rig, tmp_path):
    first = tmp_path / "here"
    checkpoints = _checkpoints(first, rig)
    checkpoints.save()
    first.rename(tmp_path / "there")
    assert _checkpoints(tmp_path / "there", rig).restore()


@pytest.mark.parametrize(("minutes", "steps"), [(1e-9, [4, 6]), (60.0, [])])
def test_writer_saves_when_due_and_resets_the_epochs_values(rig, tmp_path, minutes, steps):
    rig.reset()
    checkpoints = _checkpoints(tmp_path, rig)
    rig.trainer.train(0, 6, 4, [CheckpointWriter(checkpoints, minutes)])
    assert sorted(int(path.stem[5:]) for path in tmp_path.glob("*.index")) == steps
    assert checkpoints.progress.step == 6
    assert checkpoints.progress.epoch_values == {}
    assert checkpoints.progress.seconds > 0
    rig.trainer.train(6, 10, 2, [CheckpointWriter(checkpoints, 60.0)])
    assert {len(values) for values in checkpoints.progress.epoch_values.values()} == {4}
