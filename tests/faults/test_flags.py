"""2,000 random command lines and flagfiles: each is a run, or one line of what is wrong."""

import contextlib
import io
import itertools
import os

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from aae_tf import experiments
from aae_tf.cli import flags, main, modes
from aae_tf.settings import describe

pytestmark = pytest.mark.faults

COUNT = 2000
EXTREMES = (
    *("", "0", "1", "2", "3", "-1", "10", "1e-40", "1e40", "nan", "inf", "-inf", "1e400", "0.5"),
    *("9" * 19, "9" * 400, "9" * 5000, "true", "false", "None", "null", "[]", "1,2", ",", "1,,2"),
    *("a:b", "os:_exit", "a.b:c", ":", "../..", "/dev/zero", "/dev/null", "pipe", ".", "/", "~"),
    *("a\0b", "\udcff", "\x1b[31m", "a\nb", "é", "x" * 5000, "--epochs=3", "-", "--", "=", "$x"),
    *("all", "off", "mnist", "data.npz", "data.json", "http://127.0.0.1:9", "127.0.0.1:9", "x:y"),
    *("constant", "cosine", "50:0.1,1000:0.01", "normal:0.1", "geometric:0.5", "same", "imagenet"),
)
SETTINGS = {setting.flag: setting for setting in describe()}
NAMES = sorted(flags.define({name: "" for name in modes.MODES}))


class Ran(Exception):
    """The flags were fine: something that takes long would begin."""


def _value(flag):
    """What a flag might be given: a likely value half the time."""
    setting = SETTINGS.get(flag)
    likely = {
        "experiment": list(experiments.CATALOGUE),
        "recipe": list(experiments.RECIPES),
        "mode": list(modes.MODES),
        "score": ["mmd", "reconstruction_error", "nmi"],
        "seeds": ["0,1", "0"],
        "run_dir": ["run", "new", "new/er", "data.npz"],
        "flagfile": ["some.flags", "aae/figure7_style.flags"],
        "space": ["some.space", "search/wae_mmd.space"],
    }.get(flag)
    if likely is None and setting is not None:
        likely = (
            list(setting.choices)
            or {
                int: ["1", "2", "5", "100"],
                float: ["0", "0.1", "1", "2.5"],
                bool: ["true", "false"],
                tuple: ["10", "10,20"],
                str: ["gaussian", "all", "equal", "constant"],
            }[setting.type]
        )
    anything = st.one_of(st.sampled_from(EXTREMES), st.text(max_size=20))
    return st.one_of(st.sampled_from(likely), anything) if likely else anything


def _form(flag, value):
    return st.sampled_from(
        [[f"--{flag}={value}"]] * 12
        + [[f"--{flag}", value], [f"-{flag}={value}"], [f"--{flag}"], [f"--no{flag}"]]
        + [[f"--no{flag}={value}"], [f"--{flag[:-1]}={value}"], [value]]
    )


FLAG = st.sampled_from(NAMES).flatmap(lambda f: _value(f).flatmap(lambda v: _form(f, v)))
FILE = st.one_of(
    st.lists(FLAG, max_size=4).map(lambda f: "\n".join(itertools.chain(*f))), st.text()
)
EXPERIMENT = st.one_of(
    st.just([]), *(st.just([f"--experiment={name}"]) for name in experiments.CATALOGUE)
)


@pytest.fixture
def folder(tmp_path_factory):
    """A working folder with a few files, where nothing that takes long begins."""
    place, before = tmp_path_factory.mktemp("flags"), os.getcwd()
    np.savez(place / "data.npz", images=np.zeros((40, 4, 4), np.uint8))
    (place / "data.json").write_text("{}")
    (place / "run").mkdir()
    os.mkfifo(place / "pipe")

    def begin(*_, **__):
        raise Ran

    from aae_tf.client import rest
    from aae_tf.sweep import seeds, study

    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            *((modes, "import_tensorflow_quietly"), (rest, "RestModel")),
            *((seeds, "train"), (study, "search")),
        ):
            patch.setattr(module, name, begin)
        patch.chdir(place)
        yield place
    assert os.getcwd() == before


def _run(arguments):
    """The exit status, None where something would begin; and standard error."""
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = main.main(["run_experiment.py", *arguments])
        except Ran:
            status = None
    return status, err.getvalue()


def test_random_flags_are_a_run_or_one_line(folder):
    counted = {"runs": 0, "lines": 0}

    @hypothesis.settings(
        max_examples=COUNT, suppress_health_check=list(hypothesis.HealthCheck), phases=PHASES
    )
    @hypothesis.given(EXPERIMENT, st.lists(FLAG, max_size=6), FILE, FILE)
    def check(experiment, given, flagfile, space):
        for name, text in (("some.flags", flagfile), ("some.space", space)):
            (folder / name).write_bytes(text.encode(errors="surrogatepass"))
        arguments = [*experiment, *itertools.chain(*given)]
        status, err = _run(arguments)
        lines = [line for line in err.splitlines() if not line.startswith("note: ")]
        if not arguments:
            assert status == 2 and lines[0].startswith("usage: "), err
        elif status:
            assert status in (1, 2), (arguments, err)
            is_json = [line.startswith('{"time"') for line in lines]
            assert len(lines) == 1 and (lines[0].startswith("error: ") or all(is_json)), err
        else:
            assert lines == [], (arguments, err)
        assert all(line.isprintable() for line in err.splitlines())
        counted["lines" if status else "runs"] += 1

    check()
    assert counted["runs"] > COUNT / 20 and counted["lines"] > COUNT / 4, counted
    print(f"{counted['runs']} runs, {counted['lines']} lines of what is wrong")


PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)


@pytest.mark.parametrize("seed", range(4))
def test_random_flags_that_are_right_train(tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", images=np.random.default_rng(seed).integers(0, 256, (60, 6, 6), np.uint8))
    random = np.random.default_rng(seed)
    experiment = random.choice(
        ["gaussian", "uniform", "wae_mmd", "wae_gan", "sphere", "vae_gaussian"]
    )
    units = [f"--{name}_units={random.integers(1, 9)}" for name in ("encoder", "decoder")]
    small = ["--dataset=data.npz", "--epochs=1", "--batch_size=10", "--noxla", *units]
    free = {
        "latent_dim": random.integers(2, 5),
        "activation": random.choice(["relu", "elu", "tanh"]),
        "input_noise": random.choice([0, 0.1]),
        "average_decay": random.choice([0, 0.9]),
        "initializer": random.choice(["he_normal", "normal:0.1"]),
        "steps_per_call": random.integers(1, 30),
        "export_dir": "",
    }
    chosen = [f"--{flag}={value}" for flag, value in free.items() if random.random() < 0.7]
    status, err = _run([f"--experiment={experiment}", *small, *chosen])
    assert status == 0 or (status == 1 and err.count("error: ") == 1), err
    assert "Traceback" not in err
