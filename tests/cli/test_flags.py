"""--help and --mode=list: complete, legible, and quick because TensorFlow isn't imported."""

import os
import re
import subprocess
import sys
import time

import pytest

from aae_tf import experiments
from aae_tf.cli.flags import MODES
from aae_tf.cli.main import main
from aae_tf.settings import describe, flatten


@pytest.fixture
def page(empty_folder, capsys):
    """The help page's groups: title to text."""
    assert main(["run_experiment.py", "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert not list(empty_folder.iterdir())
    _, *parts = re.split(r"^(\S.*):$", captured.out, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_flags_stand_in_groups(page):
    assert [title.split(" (")[0] for title in page] == [
        "What to do",
        "Predictions",
        "Training",
        "Data",
        "Labels",
        "Prior",
        "Style",
        "Categorical code",
        "Clusters",
        "Cluster heads",
        "Variational auto-encoder",
        "Wasserstein auto-encoder",
        "Networks",
        "Evaluation",
        "Execution",
        "Phase: reconstruction",
        "Phase: discriminator",
        "Phase: generator",
        "Phase: classification",
        "Phase: elbo",
        "Phase: wasserstein",
    ]


def _entries(text):
    """Each flag's entry of a group, its lines joined."""
    return [" ".join(entry.split()) for entry in re.split(r"\n  (?=-)", text)[1:]]


def _entry(page, setting):
    start = f"--[no]{setting.flag} " if setting.type is bool else f"--{setting.flag}="
    found = [
        (title, entry)
        for title, text in page.items()
        for entry in _entries(text)
        if entry.startswith(start)
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("setting", list(describe()), ids=lambda setting: setting.flag)
def test_every_setting_stands_in_its_group_once_with_its_help(page, setting):
    title, entry = _entry(page, setting)
    assert title == setting.group
    assert " ".join(setting.help.split()) in entry


@pytest.mark.parametrize("setting", list(describe()), ids=lambda setting: setting.flag)
def test_default_is_shown_where_all_recipes_agree_and_only_there(page, setting):
    recipes = [s for e in experiments.CATALOGUE.values() for s in e.recipes.values()]
    flats = [flatten(settings) for settings in recipes]
    values = {str(flat[setting.flag]) for flat in flats if setting.flag in flat}
    expected = (values.pop() or "none") if len(values) == 1 else "by recipe"
    assert _entry(page, setting)[1].endswith(f"[{expected}]")


def test_choices_of_modes_and_of_settings_are_shown(page):
    assert "--mode={" + ",".join(MODES) + "}" in page["What to do"]
    assert "--encoder={deterministic,gaussian,isotropic,implicit}" in page["Networks"]
    assert "--generator_optimizer={sgd,adam}" in page["Phase: generator"]
    for name in experiments.CATALOGUE:
        assert name in page["What to do"]


def test_page_fits_a_hundred_columns(page):
    assert max(len(line) for text in page.values() for line in text.splitlines()) <= 100


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_wins_over_what_else_is_asked(empty_folder, capsys, flag):
    assert main(["run_experiment.py", "--experiment=gaussian", flag]) == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert not list(empty_folder.iterdir())


def test_list_tells_what_each_experiment_reproduces_on_what_and_how_long(empty_folder, capsys):
    assert main(["run_experiment.py", "--mode=list"]) == 0
    captured = capsys.readouterr()
    head, rule, *rows = captured.out.splitlines()
    assert captured.err == ""
    starts = [match.start() for match in re.finditer(r"\S+( \S+)*", head)]
    assert len(starts) == 4 and set(rule) == {"-", " "}
    assert len(rows) == len(experiments.CATALOGUE)
    for row, experiment in zip(rows, experiments.CATALOGUE.values(), strict=True):
        cells = [row[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        assert cells == [
            experiment.name,
            experiment.reproduces,
            experiment.data,
            experiment.expected_time,
        ]


RUN = "from aae_tf.cli.main import main; raise SystemExit(main())"
SCRIPT = """
import sys
from aae_tf.cli.main import main
status = main(sys.argv)
heavy = {"tensorflow", "keras", "tensorflow_probability", "tensorflow_datasets", "matplotlib"}
sys.exit(f"status {status}, imported {sorted(heavy & sys.modules.keys())}")
"""


@pytest.mark.parametrize(
    "arguments, status",
    [
        (["--help"], 0),
        (["--mode=list"], 0),
        (["--experiment=gausian"], 2),
        (["--experiment=gaussian", "--epochs=0"], 2),
    ],
)
def test_answers_that_need_no_tensorflow_come_without_it_and_within_a_second(arguments, status):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True
        )
        seconds.append(time.perf_counter() - start)
        assert done.stderr.endswith(f"status {status}, imported []\n")
    assert min(seconds) < 1


def test_reader_that_hangs_up_causes_no_traceback():
    command = [sys.executable, "-c", RUN, "--help"]
    reader_gone = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    reader_gone.stdout.close()
    error = reader_gone.stderr.read().decode()
    reader_gone.wait()
    assert "Traceback" not in error


def test_errors_stay_one_line_when_tensorflow_is_imported_first(empty_folder):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", RUN, "--experiment=gaussian", "--dataset=./nothing"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: --dataset=./nothing: no such file or folder\n"
    assert not list(empty_folder.iterdir())
