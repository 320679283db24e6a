"""--help and --mode=list: complete, legible, and quick because TensorFlow isn't imported."""

import os
import re
import subprocess
import sys
import time

import flagfile
import pytest

from aae_tf import experiments
from aae_tf.cli.flags import PREDICT, RUNS
from aae_tf.cli.main import main
from aae_tf.cli.modes import MODES
from aae_tf.settings import describe, flatten


@pytest.fixture
def page(empty_folder, capsys, monkeypatch):
    """The help page's groups, each a mapping of flags to their entries."""
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["run_experiment.py", "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert not list(empty_folder.iterdir())
    assert max(map(len, captured.out.splitlines())) <= 100
    _, *parts = re.split(r"^(\S.*):$", captured.out, flags=re.MULTILINE)
    return {
        title: {
            re.match(r"-h,--\[no\]help|--(\[no\])?(\w+)", entry)[2]: " ".join(entry.split())
            for entry in re.split(r"\n  (?=-)", text)[1:]
        }
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_every_group_of_settings_and_every_kind_of_mode_has_its_group(page):
    groups = {setting.group for setting in describe()}
    assert set(page) == groups | {sys.argv[0], RUNS, PREDICT, "absl.flags"}
    assert next(iter(page)) == sys.argv[0]


def test_every_setting_stands_in_its_group_once_with_its_help(page):
    for setting in describe():
        assert [title for title in page if setting.flag in page[title]] == [setting.group]
        assert " ".join(setting.help.split()) in page[setting.group][setting.flag]


def test_default_is_shown_where_all_recipes_agree_and_only_there(page):
    recipes = [s for e in experiments.CATALOGUE.values() for s in e.recipes.values()]
    flats = [flatten(settings) for settings in recipes]
    for setting in describe():
        values = {str(flat[setting.flag]) for flat in flats if setting.flag in flat}
        expected = (values.pop() or "none") if len(values) == 1 else "by recipe"
        assert f"(default: {expected})" in page[setting.group][setting.flag]


def test_modes_experiments_and_choices_of_settings_are_shown(page):
    general = page[sys.argv[0]]
    assert f"<{'|'.join(MODES)}>" in general["mode"].replace(" ", "")
    for name in experiments.CATALOGUE:
        assert name in general["experiment"]
    assert "<deterministic|gaussian|isotropic|implicit>" in page["Networks"]["encoder"]


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_wins_over_what_else_is_asked(empty_folder, capsys, flag):
    assert main(["run_experiment.py", "--experiment=gaussian", flag]) == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert not list(empty_folder.iterdir())


def test_list_tells_what_each_experiment_reproduces_on_what_and_how_long(empty_folder, capsys):
    assert main(["run_experiment.py", "--mode=list"]) == 0
    captured = capsys.readouterr()
    head, rule, *rows = captured.out.partition("\n\n")[0].splitlines()
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


def test_list_names_every_recipe_and_every_flagfile_with_what_it_is(empty_folder, capsys):
    assert main(["run_experiment.py", "--mode=list"]) == 0
    _, recipes, files = capsys.readouterr().out.split("\n\n")
    first = [[line.split()[0] for line in part.splitlines()[2:]] for part in (recipes, files)]
    assert first[0] == list(experiments.RECIPES)
    assert first[1] == [str(file.relative_to(flagfile.FOLDER)) for file in flagfile.FILES]
    assert re.search(r"^official .* wae_mmd, wae_gan$", recipes, re.MULTILINE)
    assert re.search(r"^paper .* all$", recipes, re.MULTILINE)
    assert re.search(r"^aae/table2_mnist_100.flags +AAE, table 2: MNIST", files, re.MULTILINE)


RUN = "from aae_tf.cli.main import main; raise SystemExit(main())"
SCRIPT = """
import sys
from aae_tf.cli.main import main
status = main(sys.argv)
heavy = {"tensorflow", "keras", "tensorflow_probability", "tensorflow_datasets", "matplotlib"}
sys.exit(f"status {status}, imported {sorted(heavy & sys.modules.keys())}")
"""


@pytest.mark.system
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


@pytest.mark.system
def test_reader_that_hangs_up_causes_no_traceback():
    command = [sys.executable, "-c", RUN, "--help"]
    reader_gone = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    reader_gone.stdout.close()
    error = reader_gone.stderr.read().decode()
    reader_gone.wait()
    assert "Traceback" not in error


@pytest.mark.system
def test_errors_stay_one_line_when_tensorflow_is_imported_first(empty_folder):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", RUN, "--experiment=gaussian", "--dataset=./nothing"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: --dataset=./nothing: no such file or folder\n"
    assert not list(empty_folder.iterdir())
