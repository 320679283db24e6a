"""A folder with a data set, and a run that went undisturbed from start to end."""

import pathlib

import numpy as np
import program
import pytest
import tiny

FLAGS = (
    *program.SMALL,
    "--experiment=gaussian",
    "--encoder=gaussian",
    "--epochs=2",
    "--steps_per_call=3",
    "--checkpoint_minutes=0.005",
)


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.system)


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Where the program is started: bars.npz lies in it."""
    folder = tmp_path_factory.mktemp("program")
    np.savez(folder / "bars.npz", images=tiny.images(4200), labels=np.arange(4200) % 3)
    return folder


@pytest.fixture(scope="session")
def flags():
    return FLAGS


@pytest.fixture(scope="session")
def undisturbed(place, flags):
    """The outcome of the process, and its run folder."""
    done = program.ended(
        program.start(place, *flags, "--run_dir=undisturbed", "--export_dir=models")
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done, place / "undisturbed"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Where searches are started: their space and fewer images than others have lie in it."""
    folder = tmp_path_factory.mktemp("search")
    np.savez(folder / "bars.npz", images=tiny.images(600), labels=np.arange(600) % 3)
    (folder / "my.space").write_text(program.SPACE)
    return folder
