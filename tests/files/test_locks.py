"""One process at a time, whatever becomes of the lock's file, and who it is."""

import errno
import fcntl
import logging
import os
import socket

import pytest

from aae_tf.files.locks import in_use, locked, remove_leftovers


def test_a_lock_is_held_by_one_and_free_afterwards(tmp_path):
    with (
        locked(tmp_path / "lock"),
        pytest.raises(BlockingIOError),
        locked(tmp_path / "lock", wait=False),
    ):
        pass
    with locked(tmp_path / "lock", wait=False):
        pass


def test_a_lock_says_who_holds_it_and_nothing_afterwards(tmp_path):
    who = f"process {os.getpid()} on {socket.gethostname()}"
    with (
        locked(tmp_path / "lock"),
        pytest.raises(BlockingIOError, match=who),
        locked(tmp_path / "lock", wait=False),
    ):
        pass
    assert (tmp_path / "lock").read_text() == ""


@pytest.mark.parametrize("action", ["removed", "replaced"])
def test_a_lock_with_its_folder_holds_whatever_becomes_of_its_file(tmp_path, action):
    lock = tmp_path / ".lock"
    with locked(lock, with_folder=True):
        lock.unlink()
        if action == "replaced":
            lock.write_text("")
        with pytest.raises(BlockingIOError), locked(lock, wait=False, with_folder=True):
            pass
    with locked(lock, wait=False, with_folder=True):
        pass


def test_who_waits_while_the_file_is_replaced_holds_the_lock_of_the_new_one(tmp_path, monkeypatch):
    lock, flock, calls = tmp_path / ".lock", fcntl.flock, []

    def replaced_meanwhile(*arguments):
        if not calls:
            lock.unlink()
        calls.append(arguments)
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", replaced_meanwhile)
    with locked(lock), pytest.raises(BlockingIOError), locked(lock, wait=False):
        pass
    assert len(calls) == 3


@pytest.fixture(params=["ENOLCK", "EOPNOTSUPP", "EINVAL", "ENOSYS"])
def without_locks(monkeypatch, request):
    def refuse(*arguments):
        number = getattr(errno, request.param)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_locks_it_is_noted_and_goes_on(tmp_path, without_locks, caplog):
    with (
        caplog.at_level(logging.INFO, "aae_tf"),
        locked(tmp_path / ".lock", wait=False, with_folder=True),
    ):
        [line] = caplog.messages
    assert f"note: {tmp_path}: no locks on this file system" in line


def test_without_locks_a_holder_that_may_be_alive_is_named(tmp_path, without_locks):
    lock = tmp_path / ".lock"
    for holder in (f"{os.getpid()} {socket.gethostname()}", "12 elsewhere"):
        lock.write_text(holder + "\n")
        process, host = holder.split()
        with (
            pytest.raises(BlockingIOError, match=f"process {process} on {host}, or else remove"),
            locked(lock, wait=False),
        ):
            pass
        assert lock.read_text() == holder + "\n"
    for holder in (f"999999999 {socket.gethostname()}", "", "no process at all", "x y"):
        lock.write_text(holder)
        with locked(lock, wait=False):
            pass


def test_leftovers_go_and_what_is_in_use_stays(tmp_path):
    (tmp_path / ".result.json.12.tmp").write_text("{")
    for name in (".unfinished-abc", ".unfinished-live"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_text("")
    (tmp_path / ".hidden").write_text("a user's own")
    with in_use(tmp_path / ".unfinished-live"):
        remove_leftovers(tmp_path)
        remove_leftovers(tmp_path, [".unfinished-*"])
    assert sorted(os.listdir(tmp_path)) == [".hidden", ".unfinished-live"]
    remove_leftovers(tmp_path, [".unfinished-*"])
    assert os.listdir(tmp_path) == [".hidden"]
