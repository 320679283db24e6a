"""A checkpoint that can't be used is refused in one line, whatever is wrong with it."""

import shutil

import pytest
import tiny

from aae_tf.errors import RunFolderError
from aae_tf.training.checkpoints import Checkpoints, network_variables, optimizer_variables


@pytest.fixture(scope="module")
def rig():
    return tiny.rig()


def _checkpoints(folder, rig, partial=False):
    networks = network_variables(rig.method.networks)
    return Checkpoints(folder, networks, None if partial else optimizer_variables(rig.phases))


@pytest.fixture(scope="module")
def good(rig, tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    checkpoints = _checkpoints(folder, rig)
    for step in (3, 6):
        checkpoints.progress.step = step
        checkpoints.save()
    return folder


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "checkpoints")


def _truncate(path, share=0.5):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


DATA, INDEX = "ckpt-6.data-00000-of-00001", "ckpt-6.index"
DAMAGES = {
    "data cut short": lambda folder: _truncate(folder / DATA),
    "data empty": lambda folder: _truncate(folder / DATA, 0),
    "data gone": lambda folder: (folder / DATA).unlink(),
    "data garbled": lambda folder: (folder / DATA).write_bytes(
        b"\x5a" * (folder / DATA).stat().st_size
    ),
    "index cut short": lambda folder: _truncate(folder / INDEX),
    "index garbage": lambda folder: (folder / INDEX).write_bytes(b"garbage" * 99),
    "index gone": lambda folder: (folder / INDEX).unlink(),
    "state empty": lambda folder: _truncate(folder / "checkpoint", 0),
    "state garbage": lambda folder: (folder / "checkpoint").write_bytes(b"\xff\xfe\x00junk\n" * 9),
    "state of text": lambda folder: (folder / "checkpoint").write_text("not a proto: {"),
}


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoint_is_refused_in_one_line(rig, folder, damage, partial):
    DAMAGES[damage](folder)
    with pytest.raises(RunFolderError) as caught:
        _checkpoints(folder, rig, partial).restore()
    message = str(caught.value)
    assert "\n" not in message and "unreadable" in message
    assert str(folder) in message


def test_message_names_an_older_checkpoint_if_there_is_one(rig, folder):
    DAMAGES["data cut short"](folder)
    with pytest.raises(RunFolderError, match=r"ckpt-6 is unreadable.*an older one is .*ckpt-3$"):
        _checkpoints(folder, rig).restore()


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder_units": "16,9"},
        {"latent_dim": 3},
        {"encoder": "gaussian"},
        {"decoder_units": "16,8"},
        {"generator_optimizer": "sgd"},
        {"precision": "float64"},
    ],
)
def test_checkpoint_of_other_networks_or_optimizers_is_refused(folder, changes):
    with pytest.raises(RunFolderError) as caught:
        _checkpoints(folder, tiny.rig(**changes)).restore()
    assert "\n" not in str(caught.value)


def test_smaller_networks_do_not_take_a_part_of_a_larger_checkpoint(rig, folder):
    with pytest.raises(RunFolderError):
        _checkpoints(folder, tiny.rig(encoder_units="16")).restore()


def test_a_kill_between_the_files_and_the_state_of_the_first_checkpoint_is_survived(rig, folder):
    """The state file 'checkpoint' is written last, so a run may be killed before it is there."""
    (folder / "checkpoint").unlink()
    checkpoints = _checkpoints(folder, rig)
    assert checkpoints.restore()
    assert checkpoints.progress.step == 6
