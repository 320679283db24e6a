"""Locks of files and folders, which end with the process that holds them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import pathlib
import shutil
import socket
from collections.abc import Iterable, Iterator

NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(path: pathlib.Path, wait: bool = True, with_folder: bool = False) -> Iterator[None]:
    """Holds the lock of a file, which the system releases if the process ends.

    The file says who holds it. On a file system without locks that is all there is to go by.

    Args:
      path: of the file, made if need be.
      wait: until no other process holds it.
      with_folder: whether to lock its folder, too: the file may be removed while it is locked.

    Raises:
      BlockingIOError: if another process holds it and this one isn't to wait; it says which one.
    """
    with contextlib.ExitStack() as stack:
        if with_folder:
            folder = os.open(path.parent, os.O_RDONLY)
            stack.callback(os.close, folder)
            try:
                _flock(folder, path, wait)
            except BlockingIOError:
                raise
            except OSError:  # some file systems have locks of files alone
                pass
        while True:
            file = stack.enter_context(open(path, "a+"))
            try:
                _flock(file.fileno(), path, wait)
            except BlockingIOError:
                raise
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise OSError(error.errno, error.strerror, str(path)) from None
                _go_by_holder(path, error)
            # While this one waited the file may have been removed, and another one made.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
        with contextlib.suppress(OSError):  # a full disk is no reason not to read
            file.truncate(0)
            file.write(f"{os.getpid()} {socket.gethostname()}\n")
            file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                file.truncate(0)


def _flock(descriptor: int, path: pathlib.Path, wait: bool) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        process, host = _holder(path)
        who = f"process {process} on {host}" if process else "which one isn't known"
        raise BlockingIOError(error.errno, who, str(path)) from None


def _holder(path: pathlib.Path) -> tuple[int, str]:
    """Process and host that a lock's file names; 0 if it names none."""
    with contextlib.suppress(OSError, ValueError), open(path) as file:
        process, host = file.read(300).split()
        return int(process), host
    return 0, ""


def _go_by_holder(path: pathlib.Path, error: OSError) -> None:
    """Where there are no locks: refuses if the holder may be alive, else says so."""
    process, host = _holder(path)
    if process and (host != socket.gethostname() or _is_running(process)):
        who = f"process {process} on {host}, or else remove {path}: no locks here"
        raise BlockingIOError(errno.EWOULDBLOCK, who, str(path))
    logger.info(
        "note: %s: no locks on this file system (%s); run one process at a time there",
        path.parent,
        error.strerror,
    )


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:  # it runs, but is another user's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


@contextlib.contextmanager
def in_use(path: pathlib.Path) -> Iterator[None]:
    """Within it a file or folder is no leftover for other processes."""
    opened = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)


def remove_leftovers(folder: pathlib.Path, patterns: Iterable[str] = (".*.[0-9]*.tmp",)) -> None:
    """Removes what killed processes left in a folder, but nothing that a live one has locked.

    Args:
      folder: to look in.
      patterns: of the names; by default of what `write_aside` leaves.
    """
    for path in [path for pattern in patterns for path in folder.glob(pattern)]:
        with contextlib.suppress(OSError):
            opened = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            finally:
                os.close(opened)
