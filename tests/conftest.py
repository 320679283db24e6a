"""Fixtures of all tests; what tests share lies in tests/helpers (pythonpath in setup.cfg)."""

import gc
import os
import resource
import signal
import subprocess
import sys

import hypothesis
import pytest

# TensorFlow writes about CPUs and missing GPUs on stderr unless it is told not to before import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

gc.set_threshold(100_000, 50, 1000)  # tracing makes many objects, of which few are garbage

hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("same")


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """An empty working directory; to see what a command leaves in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def small_space():
    """Lets a test have one GiB of addresses more than there are already."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def hang_ups():
    """Hang-ups end processes, as without nohup, under which tests may run."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Lets no test start Python anew, which takes seconds, unless it is marked so."""
    if any(map(item.get_closest_marker, ("system", "slow", "faults"))):
        return (yield)
    start = subprocess.Popen.__init__

    def refuse(process, command, *args, **kwargs):
        if sys.executable in str(command):
            pytest.fail("starts a process: mark it system")
        start(process, command, *args, **kwargs)

    subprocess.Popen.__init__ = refuse
    try:
        return (yield)
    finally:
        subprocess.Popen.__init__ = start


@pytest.fixture(scope="module", autouse=True)
def released():
    """Frees what a module of tests leaves in Keras and TensorFlow: it adds up to gigabytes."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()
    gc.collect()
    gc.freeze()  # what is left stays, and looking through it again takes seconds
