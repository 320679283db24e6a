"""What the system refuses is one line that names the file; a mistake of the program isn't."""

import errno
import os

import pytest
import tensorflow as tf

from aae_tf.errors import RunFolderError, in_one_line, unusable


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_names_the_file_and_what_to_do(number):
    line = in_one_line(OSError(number, os.strerror(number), "runs/a/result.json"))
    assert line.startswith(f"runs/a/result.json: {os.strerror(number)}; free some space")
    of_tensorflow = tf.errors.ResourceExhaustedError(
        None, None, f"runs/a/part-0; {os.strerror(number)} [Op:SaveV2]"
    )
    assert in_one_line(of_tensorflow).startswith(f"runs/a/part-0: {os.strerror(number)}; free some")


def test_other_refusals_name_the_file_alone():
    assert in_one_line(PermissionError(errno.EACCES, "Permission denied", "x")) == (
        "x: Permission denied"
    )
    too_long = OSError(errno.EFBIG, "Has more than 9 bytes", "x")
    assert in_one_line(too_long) == "x: Has more than 9 bytes"
    read_only = tf.errors.FailedPreconditionError(None, None, "x; Read-only file system")
    assert in_one_line(read_only) == "x: Read-only file system"


def test_a_mistake_of_the_program_is_none():
    assert in_one_line(KeyError("x")) is None


@pytest.mark.parametrize("error", [KeyError("epochs"), ValueError("of text"), OSError(2, "No")])
def test_a_file_of_nonsense_is_named(error):
    made = unusable("run/result.json", error)
    assert isinstance(made, RunFolderError)
    assert str(made).startswith("run/result.json can't be used (")
