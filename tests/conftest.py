"""Fixtures of all tests; what tests share lies in tests/helpers (pythonpath in setup.cfg)."""

import os

import pytest

# TensorFlow writes about CPUs and missing GPUs on stderr unless it is told not to before import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """An empty working directory; to see what a command leaves in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
