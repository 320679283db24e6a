"""A damaged checkpoint is passed over in words for an older one; what is no run's is refused."""

import errno
import logging
import os
import shutil

import pytest
import tensorflow as tf
import tiny

from aae_tf.errors import RunFolderError
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import network_variables, optimizer_variables


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
def test_a_damaged_checkpoint_gives_way_to_the_newest_whole_one_in_words(
    rig, folder, caplog, damage, partial
):
    DAMAGES[damage](folder)
    with caplog.at_level(logging.INFO, "aae_tf"):
        checkpoints = _checkpoints(folder, rig, partial)
        assert checkpoints.restore()
    assert checkpoints.progress.step == (6 if damage.startswith("state") else 3)
    [line] = caplog.messages
    assert "\n" not in line
    named = str(folder / "checkpoint") if damage.startswith("state") else "ckpt-6 is damaged ("
    assert named in line
    taken = "reading" if partial else "resuming from"
    assert line.endswith(f"; {taken} ckpt-{checkpoints.progress.step}")


def test_where_none_is_whole_all_are_named_and_nothing_is_begun(rig, folder):
    for step in (3, 6):
        _truncate(folder / f"ckpt-{step}.data-00000-of-00001")
    with pytest.raises(
        RunFolderError, match=r"no checkpoint is whole.*ckpt-6 \(.*ckpt-3 \("
    ) as caught:
        _checkpoints(folder, rig).restore()
    assert "\n" not in str(caught.value)


def test_a_state_file_that_names_what_is_gone_is_not_taken_for_a_new_run(rig, folder):
    for file in folder.glob("ckpt-*"):
        file.unlink()
    with pytest.raises(RunFolderError, match=r"ckpt-6 \(ckpt-6.index is missing\)"):
        _checkpoints(folder, rig).restore()
    (folder / "checkpoint").write_text("")
    with pytest.raises(RunFolderError, match="names no checkpoint"):
        _checkpoints(folder, rig).restore()


def test_the_state_file_leads_nowhere_else(rig, folder, good, caplog):
    elsewhere = folder.parent / "elsewhere"
    shutil.copytree(good, elsewhere)
    for step in (3, 6):
        for file in folder.glob(f"ckpt-{step}.*"):
            file.unlink()
    for name in ("../elsewhere/ckpt-6", str(elsewhere / "ckpt-6")):
        (folder / "checkpoint").write_text(f'model_checkpoint_path: "{name}"\n')
        with pytest.raises(RunFolderError, match=r"names .*elsewhere"):
            _checkpoints(folder, rig).restore()
    checkpoints = _checkpoints(folder, rig)
    for step in range(10, 15):
        checkpoints.progress.step = step
        checkpoints.save()
    assert len(list(elsewhere.glob("*.index"))) == 2


def _swap(folder, first, second):
    for ending in (".index", ".data-00000-of-00001"):
        one, other = folder / f"ckpt-{first}{ending}", folder / f"ckpt-{second}{ending}"
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)


def test_a_checkpoint_under_another_steps_name_is_refused(rig, folder):
    _swap(folder, 3, 6)
    with pytest.raises(
        RunFolderError, match=r"ckpt-6 \(it is of step 3\).*ckpt-3 \(it is of step 6"
    ):
        _checkpoints(folder, rig).restore()


def _of_run(folder, rig, **run):
    networks = network_variables(rig.method.networks)
    return Checkpoints(folder, networks, optimizer_variables(rig.phases), run=run)


def test_a_checkpoint_of_another_run_of_the_same_shapes_is_refused(rig, tmp_path):
    _of_run(tmp_path, rig, seed=1, rate=0.1).save()
    assert _of_run(tmp_path, rig, seed=1, rate=0.1).restore()
    # What only one of the two versions knows doesn't count.
    assert _of_run(tmp_path, rig, seed=1, new=True).restore()
    with pytest.raises(RunFolderError, match="of another run, seed 1 instead of 2"):
        _of_run(tmp_path, rig, seed=2, rate=0.1).restore()


def test_values_that_were_not_saved_so_are_seen_whatever_the_file_says(rig, tmp_path, monkeypatch):
    """As of a disk or a memory that returns other bytes than were written."""
    checkpoints = _checkpoints(tmp_path, rig)
    checkpoints.progress.step = 3
    checkpoints.save()
    variable = next(iter(optimizer_variables(rig.phases).values()))
    checkpoints.progress.step = 6
    before, digests = variable.numpy(), checkpoints._sha256s()
    try:
        variable.assign(variable + 1)
        monkeypatch.setattr(checkpoints, "_sha256s", lambda: digests)
        checkpoints.save()
        fresh = _checkpoints(tmp_path, rig)
        assert fresh.restore()
        assert fresh.progress.step == 3
    finally:
        variable.assign(before)


def test_damaged_ones_go_with_the_next_that_is_written_and_leftovers_with_it(rig, folder):
    DAMAGES["data garbled"](folder)
    checkpoints = _checkpoints(folder, rig)
    checkpoints.restore()
    assert checkpoints.latest.endswith("ckpt-3")
    checkpoints.progress.step = 5
    checkpoints.save_if_new()
    assert {path.name.split(".")[0] for path in folder.iterdir()} == {
        "checkpoint",
        "ckpt-3",
        "ckpt-5",
    }
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "ckpt-5")


@pytest.mark.parametrize("call", ["rename", "fsync"])
def test_a_failing_write_leaves_the_last_checkpoint_whole_and_nothing_beside(
    rig, folder, monkeypatch, call
):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    checkpoints = _checkpoints(folder, rig)
    checkpoints.progress.step = 9

    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, {"rename": "replace"}.get(call, call), fail)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


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
