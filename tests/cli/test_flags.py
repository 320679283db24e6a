"""--help and --mode=list: complete, legible, and quick because TensorFlow isn't imported."""

import os
import pathlib
import re
import subprocess
import sys
import time

import flagfile
import pytest

from aae_tf import experiments
from aae_tf.cli.flags import PREDICT, RUNS, define, given, parse
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


@pytest.mark.parametrize(
    "flag, value",
    [
        ("--xla", "on"),
        ("--xla=true", "on"),
        ("--xla=1", "on"),
        ("--xla=on", "on"),
        ("--noxla", "off"),
        ("--xla=False", "off"),
        ("--xla=off", "off"),
        ("--xla=auto", "auto"),
    ],
)
def test_a_switch_may_be_given_as_the_boolean_that_it_was(flag, value):
    values = define(dict.fromkeys(MODES, ""))
    parse(values, ["program", "--experiment=gaussian", flag])
    assert given(values) == {"xla": value}


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_wins_over_what_else_is_asked(empty_folder, capsys, flag):
    assert main(["run_experiment.py", "--experiment=gaussian", flag]) == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert not list(empty_folder.iterdir())


def _tables(printed):
    """The rows of each table, with what continues below."""
    for part in printed.split("\n\n"):
        head, rule, *lines = part.splitlines()
        starts = [match.start() for match in re.finditer("-+", rule)]
        assert set(rule) == {"-", " "} and head[starts[-1] - 1] == " "
        rows = []
        for line in lines:
            cells = [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
            if line.startswith(" "):
                rows[-1] = [
                    " ".join(filter(None, pair)) for pair in zip(rows[-1], cells, strict=True)
                ]
            else:
                rows.append(cells)
        yield rows


@pytest.fixture(params=[80, 100, 160])
def tables(request, empty_folder, capsys, monkeypatch):
    """The tables of --mode=list in a terminal of that many columns."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    assert main(["run_experiment.py", "--mode=list"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert max(map(len, captured.out.splitlines())) <= request.param
    return list(_tables(captured.out))


def test_list_tells_what_each_experiment_reproduces_on_what_and_how_long(tables):
    assert tables[0] == [
        [e.name, e.reproduces, e.data, e.expected_time] for e in experiments.CATALOGUE.values()
    ]


def test_list_names_every_recipe_and_every_flagfile_with_what_it_is(tables):
    recipes, files = tables[1:]
    assert [row[:2] for row in recipes] == list(map(list, experiments.RECIPES.items()))
    having = {row[0]: row[2] for row in recipes}
    assert having["official"] == "wae_mmd, wae_gan" and having["paper"] == "all"
    assert [row[0] for row in files] == [
        str(f.relative_to(flagfile.FOLDER)) for f in flagfile.FILES
    ]
    assert dict(files)["aae/table2_mnist_100.flags"] == "AAE, table 2: MNIST with 100 labels."


def test_help_of_an_experiment_has_its_values_and_no_flag_without_meaning_there(
    empty_folder, capsys
):
    assert main(["x", "--experiment=wae_mmd", "--recipe=paper", "--epochs=7", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--experiment=wae_mmd --recipe=paper" in " ".join(said.split())
    assert "by recipe" not in said and "--virtual_adversarial" not in said
    chosen = flatten(experiments.settings_of("wae_mmd", "paper"))
    for flag in ("divergence", "batch_size", "wasserstein_learning_rate", "epochs"):
        entry = said.partition(f"--{flag}:")[2].partition("\n  --")[0]
        value = 7 if flag == "epochs" else chosen[flag]
        assert f"(default: {value})" in " ".join(entry.split())


def test_nothing_given_gets_a_short_usage(empty_folder, capsys):
    assert main(["run_experiment.py"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("usage: ")
    lines = said.err.splitlines()
    assert len(lines) < 12, said.err
    assert max(map(len, lines)) <= 80


def test_show_prints_a_flagfile_of_the_settings_that_a_run_would_have(empty_folder, capsys):
    command = ["--experiment=gaussian", "--epochs=3", "--encoder_units=20,30"]
    assert main(["x", "--mode=show", *command]) == 0
    pathlib.Path("shown.flags").write_text(capsys.readouterr().out)
    assert main(["x", "--mode=show", "--flagfile=shown.flags"]) == 0
    text = capsys.readouterr().out
    assert text == pathlib.Path("shown.flags").read_text()
    assert {"--epochs=3", "--encoder_units=20,30", "--recipe=practical"} <= set(text.splitlines())


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
