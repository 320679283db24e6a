"""--mode=search by the command line: stopped, killed and resumed, it ends as an undisturbed one."""

import csv
import json
import signal

import program
import pytest

from aae_tf.cli.main import main

FLAGS = program.SEARCH


def _results(folder):
    return json.loads((folder / "results.json").read_text())


def test_a_search_leaves_its_table_and_the_best_flags(room):
    command = (*FLAGS, "--epochs=2", "--trials=2", "--halving=off", "--run_dir=small")
    done = program.call(room, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    found = _results(room / "small")
    assert [row["state"] for row in found["trials"]] == ["completed"] * 2
    assert (room / "small" / "results.md").read_text().rstrip() in done.stdout
    assert "--flagfile=small/best.flags" in done.stdout
    best = found["trials"][0]
    assert found["best"] == best["trial"]

    # The trial is the run that its flags make, up to what a run does at its end.
    again = program.call(
        room, "--flagfile=small/best.flags", "--run_dir=again", "--export_dir=", "--noxla"
    )
    assert again.returncode == 0, again.stderr[-3000:]
    rows = []
    for folder in (room / "small" / "trials" / f"{best['trial']:04}", room / "again"):
        with open(folder / "metrics.csv", newline="") as file:
            rows.append(list(csv.DictReader(file)))
    assert rows[0] == rows[1]
    assert float(rows[0][-1]["validation/reconstruction_error"]) == best["scores"]["2"]


@pytest.mark.slow
def test_a_disturbed_search_ends_as_an_undisturbed_one(room):
    command = (*FLAGS, "--epochs=2", "--halving=1,2", "--checkpoint_minutes=0.001")
    whole = program.call(room, *command, "--trials=3", "--run_dir=whole")
    assert whole.returncode == 0, whole.stderr[-3000:]

    disturbed = (*command, "--run_dir=disturbed")

    def first_begun(said):
        return "after epoch 1" in said

    def second_begun(said):
        return "trials/0001" in said

    few = (*disturbed, "--trials=2")
    done = program.interrupt(room, signal.SIGINT, first_begun, 0.2, *few)
    assert done.returncode == 130, done.stderr[-3000:]
    assert "stopped; resume with:" in done.stdout and "--run_dir=disturbed" in done.stdout
    done = program.interrupt(room, signal.SIGKILL, second_begun, 1, *few)
    assert done.returncode == program.KILLED
    # The worker stops by itself once it sees that it is alone, and is waited for.
    done = program.call(room, *few)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "trial 0 is" in done.stderr
    more = program.call(room, *disturbed, "--trials=3")
    assert more.returncode == 0, more.stderr[-3000:]
    assert more.stderr.count("already") == 2
    for name in ("results.json", "results.md", "best.flags", "search.json"):
        contents = [(room / place / name).read_bytes() for place in ("whole", "disturbed")]
        assert contents[0] == contents[1], name


@pytest.mark.slow
def test_two_commands_share_the_trials_of_a_study_each_in_its_own_folder(room):
    common = (*FLAGS, "--epochs=1", "--trials=4", f"--storage=sqlite:///{room}/shared.db")
    folders = [room / machine / "search" for machine in ("one", "two")]
    begun = [program.start(room, *common, f"--run_dir={folder}") for folder in folders]
    try:
        printed = [process.communicate(timeout=500) for process in begun]
    finally:
        for process in begun:
            process.kill()
    assert [process.returncode for process in begun] == [0, 0], printed
    trained = [sorted(path.name for path in (folder / "trials").iterdir()) for folder in folders]
    assert sorted(trained[0] + trained[1]) == ["0000", "0001", "0002", "0003"] and all(trained)
    tables = [(folder / "results.json").read_bytes() for folder in folders]
    assert tables[0] == tables[1]
    states = [row["state"] for row in _results(folders[0])["trials"]]
    assert set(states) <= {"completed", "pruned"}


@pytest.mark.parametrize(
    "flags, status, expected",
    [
        (["--score=coverage"], 2, "--space=: expected a file"),
        (["--space=my.space"], 2, "--score=: expected a metric on validation images"),
        (["--space=nowhere", "--score=coverage"], 2, "--space=nowhere: No such file"),
        (["--space=bad.space", "--score=coverage"], 2, "bad.space:1: latent_dim = 0: expected at"),
        (["--space=my.space", "--score=test/coverage"], 2, "--score=test/coverage: expected a m"),
        (["--space=my.space", "--score=coverage", "--trials=0"], 2, "--trials=0: expected at le"),
        (["--space=my.space", "--score=coverage", "--halving=3"], 2, "--halving=3: expected EPOC"),
        (["--space=my.space", "--score=coverage", "--run_dir=taken"], 1, "holds no search"),
        (["--space=my.space", "--score=coverage", "--seeds=0,1"], 2, "--seeds=0,1: expected --m"),
    ],
)
def test_what_can_not_be_searched_is_said_in_one_line(
    empty_folder, capsys, flags, status, expected
):
    (empty_folder / "my.space").write_text(program.SPACE)
    (empty_folder / "bad.space").write_text("latent_dim = {0 | 1}")
    (empty_folder / "taken").mkdir()
    (empty_folder / "taken" / "thesis.txt").write_text("three years of work")
    before = sorted(empty_folder.rglob("*"))
    assert main(["x", "--mode=search", "--experiment=gaussian", *flags]) == status
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and expected in said.err
    assert sorted(empty_folder.rglob("*")) == before
