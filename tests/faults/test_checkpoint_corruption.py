"""500 corruptions of a folder of checkpoints, of which none is accepted in silence."""

import logging
import os
import random
import shutil

import numpy as np
import pytest
import tiny

from aae_tf.errors import RunFolderError
from aae_tf.results.run_folder import RunFolder
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import digest, network_variables, optimizer_variables

pytestmark = pytest.mark.faults

COUNT, BLOCK = 500, 50
STEPS = (10, 20, 30)


@pytest.fixture(scope="module")
def rig():
    return tiny.rig()


def _open(folder, rig, seed=1):
    networks = network_variables(rig.method.networks)
    run = {"seed": seed, "generator_learning_rate": 1e-3}
    return Checkpoints(folder, networks, optimizer_variables(rig.phases), run=run)


@pytest.fixture(scope="module")
def saved(rig, tmp_path_factory):
    """The folders of a run and of another one of the same shapes, and its digest by step."""
    digests = {}
    for seed, name in ((2, "other"), (1, "run")):
        folder = tmp_path_factory.mktemp("corruption") / name / "checkpoints"
        checkpoints = _open(folder, rig, seed)
        draws = np.random.default_rng(seed)
        for step in STEPS:
            for variable in rig.variables.values():
                values = draws.normal(size=variable.shape)
                variable.assign(values.astype(variable.dtype.as_numpy_dtype))
            checkpoints.progress.step = step
            checkpoints.progress.epoch_values = {"generator/loss": draws.normal(size=3).tolist()}
            checkpoints.save()
            digests[name, step] = digest(rig.variables)
    return folder.parent.parent.parent, digests


def _files(folder):
    return sorted(path for path in folder.iterdir() if path.name.startswith("ckpt-"))


def _truncate(draws, folder, other):
    path = draws.choice(_files(folder))
    content = path.read_bytes()
    path.write_bytes(content[: draws.randrange(len(content))])


def _flip(draws, folder, other):
    path = draws.choice([*_files(folder), folder / "checkpoint"])
    content = bytearray(path.read_bytes())
    for _ in range(draws.choice((1, 1, 2, 8))):
        content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
    path.write_bytes(content)


def _blank(draws, folder, other):
    path = draws.choice(_files(folder))
    content = bytearray(path.read_bytes())
    start = draws.randrange(len(content))
    content[start : start + 512] = bytes(len(content[start : start + 512]))
    path.write_bytes(content)


def _lengthen(draws, folder, other):
    with open(draws.choice(_files(folder)), "ab") as file:
        file.write(draws.randbytes(draws.randrange(1, 100)))


def _remove(draws, folder, other):
    paths = [*_files(folder), folder / "checkpoint"]
    for path in draws.sample(paths, draws.randrange(1, len(paths) + 1)):
        path.unlink()


def _swap(draws, folder, other):
    one, two = draws.sample(_files(folder), 2)
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)


def _rename(draws, folder, other):
    step, to = draws.choice(STEPS), draws.choice([*STEPS, 40, 15, "x", "030", 10**30])
    for path in list(folder.glob(f"ckpt-{step}.*")):
        path.replace(folder / path.name.replace(f"-{step}.", f"-{to}."))


def _bring_in(draws, folder, other):
    """Files of another run of the same shapes: all of a checkpoint, or some of them."""
    step, to = draws.choice(STEPS), draws.choice([*STEPS, 40])
    ending = draws.choice(("*", "*", "index", "data*"))
    for path in other.glob(f"ckpt-{step}.{ending}"):
        shutil.copy(path, folder / path.name.replace(f"-{step}.", f"-{to}."))


def _edit_state(draws, folder, other):
    lead = draws.choice(("../other", str(other), "../../run/checkpoints/../../other/checkpoints"))
    text = draws.choice(
        (
            f'model_checkpoint_path: "{lead}/ckpt-{draws.choice(STEPS)}"\n',
            f'model_checkpoint_path: "ckpt-{draws.choice((10, 20, 40, 50))}"\n',
            f'all_model_checkpoint_paths: "{lead}/ckpt-10"\nmodel_checkpoint_path: "ckpt-30"\n',
            "",
            "not a proto: {",
            "\x00\x01\x02",
        )
    )
    (folder / "checkpoint").write_text(text)
    if draws.random() < 0.3:
        for path in _files(folder):
            path.unlink()


def _make_odd(draws, folder, other):
    path = draws.choice([*_files(folder), folder / "checkpoint"])
    path.unlink()
    draws.choice((path.mkdir, lambda: path.symlink_to("nowhere"), lambda: os.mkfifo(path)))()


CORRUPTIONS = (_truncate, _flip, _blank, _lengthen, _remove, _swap, _rename, _bring_in)
CORRUPTIONS += (_edit_state, _make_odd)


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_a_corrupted_folder_gives_the_newest_whole_one_in_words_or_is_refused(
    rig, saved, tmp_path, caplog, first
):
    top, digests = saved
    run, other = (next(top.glob(f"*/{name}/checkpoints")) for name in ("run", "other"))
    for number in range(first, first + BLOCK):
        draws, place = random.Random(number), tmp_path / str(number)
        folder = RunFolder(shutil.copytree(run.parent, place / "run"))
        (folder.path / "result.json").write_text('{"epochs": 3.0, "metrics": {}}')
        (folder.path / "provenance.json").write_text('{"step": 30}')
        beside = shutil.copytree(other, place / "other")
        corrupt = CORRUPTIONS[number % len(CORRUPTIONS)]
        corrupt(draws, folder.checkpoints, beside)
        caplog.clear()
        with caplog.at_level(logging.INFO, "aae_tf"):
            _check(folder, rig, digests, caplog, f"{number}: {corrupt.__name__}")
        assert len(list(beside.iterdir())) == 1 + 2 * len(STEPS)
        shutil.rmtree(place)


def _check(folder, rig, digests, caplog, name):
    for variable in rig.variables.values():
        variable.assign(variable * 0)
    checkpoints = _open(folder.checkpoints, rig)
    try:
        folder.remove_leftovers()
        found = checkpoints.restore()
        folder.check_progress(checkpoints.progress.step if found else None)
    except RunFolderError as error:
        assert len(str(error).splitlines()) == 1, name
        return
    assert found, f"{name}: begins anew"
    step = checkpoints.progress.step
    assert digest(rig.variables) == digests["run", step], f"{name}: other values at step {step}"
    said = "\n".join(caplog.messages)
    assert step == 30 or "ckpt-30 is damaged" in said or "step 30 is gone" in said, name
    assert len(said.splitlines()) == len(caplog.messages), name
