"""A study: who takes which trial, and a search from its first trial on."""

import contextlib
import json
import re
import signal
import types

import numpy as np
import optuna
import pytest
import searches
import sqlalchemy.exc
import tiny

from aae_tf.cli.main import main
from aae_tf.errors import DataError, RunFolderError, SettingsError, UserError
from aae_tf.experiments import settings_of
from aae_tf.results.run_folder import RunFolder
from aae_tf.settings import override
from aae_tf.sweep import plan, space, study
from aae_tf.sweep.process import Processes


@pytest.fixture(params=["journal", "sqlite"])
def search(tmp_path, request):
    storage = None if request.param == "journal" else f"sqlite:///{tmp_path}/study.db"
    made = searches.make(tmp_path / "search", storage=storage)
    searches.begin(made)
    return made


def _take(sweep, lock):
    trial = study.take(sweep, study.open_study(sweep), lock)
    return trial.user_attrs["folder"] if trial else None


def test_a_database_whose_tables_another_command_makes_at_once_is_opened(tmp_path, monkeypatch):
    create, errors = optuna.create_study, [sqlalchemy.exc.OperationalError("CREATE", {}, None)]

    def create_study(**arguments):
        if errors:
            raise errors.pop()
        return create(**arguments)

    monkeypatch.setattr(optuna, "create_study", create_study)
    monkeypatch.setattr(study, "POLL_SECONDS", 0)
    sweep = searches.make(tmp_path / "search", storage=f"sqlite:///{tmp_path}/study.db")
    assert study.open_study(sweep).study_name == sweep.study and not errors
    errors += [sqlalchemy.exc.OperationalError("CREATE", {}, None)] * study.CREATE_ATTEMPTS
    with pytest.raises(UserError, match="can't be used"):
        study.open_study(sweep)


def test_trials_have_the_draws_as_parameters(search):
    for draw, trial in zip(
        search.draws, study.trials_of(search, study.open_study(search)), strict=True
    ):
        assert trial.params == draw.flags and trial.user_attrs["folder"] == draw.folder
        for flag, value in trial.params.items():
            assert type(value) is type(draw.flags[flag]), flag


def test_each_trial_is_taken_once_in_their_order(search):
    with contextlib.ExitStack() as locks:
        taken = [_take(search, locks.enter_context(contextlib.ExitStack())) for _ in range(4)]
        assert taken == ["trials/0000", "trials/0001", "trials/0002", None]
    assert searches.states(search) == ["RUNNING"] * 3


def test_a_trial_whose_worker_is_gone_is_taken_up_first(search):
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        assert _take(search, first) == "trials/0000"
        first.close()
        assert _take(search, second) == "trials/0000"
        with contextlib.ExitStack() as third:
            assert _take(search, third) == "trials/0001"


def test_a_trial_of_a_machine_with_another_disk_is_left_to_it(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    one, two = (searches.make(tmp_path / disk / "search", storage=url) for disk in "ab")
    searches.begin(one)
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        assert _take(one, first) == "trials/0000"
        assert _take(two, second) == "trials/0001"
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        assert _take(two, second) == "trials/0001"
        assert _take(one, first) == "trials/0000"
    assert [path.name for path in (two.folder / "trials").iterdir()] == ["0001"]


def test_a_trial_is_taken_up_of_a_worker_killed_before_it_made_the_folder(tmp_path):
    search = searches.make(tmp_path / "search")
    opened = searches.begin(search)
    opened.ask()
    with contextlib.ExitStack() as lock:
        assert _take(search, lock) == "trials/0000"


def test_a_trial_that_ended_while_its_folder_was_looked_at_is_not_taken(search, monkeypatch):
    stale = study.trials_of(search, study.open_study(search))
    searches.tell(search, {1: 0.5, 2: 0.4, 4: 0.3})
    monkeypatch.setattr(study, "trials_of", lambda *arguments: stale)
    with contextlib.ExitStack() as lock:
        assert _take(search, lock) == "trials/0001"
    with RunFolder(search.folder / "trials" / "0000").locked():  # nor does it stay locked
        pass


def test_a_trial_whose_folder_a_run_of_its_own_uses_is_passed_over(search):
    folder = search.folder / "trials" / "0000"
    folder.mkdir(parents=True)
    with RunFolder(folder).locked(), contextlib.ExitStack() as lock:
        assert _take(search, lock) == "trials/0001"
    with contextlib.ExitStack() as lock:
        assert _take(search, lock) == "trials/0000"


def test_what_two_commands_added_at_once_is_trained_once(search):
    opened = study.open_study(search)
    for trial in opened.get_trials():
        opened.add_trial(trial)
    with contextlib.ExitStack() as locks:
        taken = [_take(search, locks.enter_context(contextlib.ExitStack())) for _ in range(4)]
    assert taken == ["trials/0000", "trials/0001", "trials/0002", None]


def test_more_trials_are_added_and_fewer_leave_the_others_alone(search, tmp_path):
    more = searches.make(tmp_path / "search", 5, storage=search.storage)
    study.add_trials(more, study.open_study(more))
    assert searches.states(more) == ["WAITING"] * 5
    assert searches.states(search) == ["WAITING"] * 3
    assert [trial.params for trial in study.open_study(more).trials] == [
        draw.flags for draw in more.draws
    ]


@pytest.mark.parametrize("storage", ["nonsense://x", "no/such/folder/file", "broken"])
def test_a_storage_that_can_not_be_used_is_an_error(tmp_path, storage):
    (tmp_path / "broken").write_text("no journal\nat all\n")
    where = str(tmp_path / storage) if "://" not in storage else storage
    made = searches.make(tmp_path / "search", storage=where)
    with pytest.raises(UserError, match=rf"--storage={re.escape(where)}: can't be used"):
        study.open_study(made)


def test_another_search_in_the_same_storage_is_refused(search, tmp_path):
    elsewhere = tmp_path / "disk" / "search"
    study.open_study(search).set_user_attr("sweep", search.described())
    other = searches.make(elsewhere, storage=search.storage, batch_size=5)
    with pytest.raises(RunFolderError, match=r"holds another search .*--batch_size: 10, now 5"):
        study.search(other, 1)
    assert not (elsewhere / "search.json").exists()


class Failing(Processes):
    """A worker that takes the first trial, and fails."""

    def __init__(self, sweep, status, leaves=()):
        super().__init__()
        self._sweep, self._status, self._leaves = sweep, status, leaves

    def start(self, module, arguments, data):
        with contextlib.ExitStack() as lock:
            study.take(self._sweep, study.open_study(self._sweep), lock)
        for name in self._leaves:
            (self._sweep.folder / "trials" / "0000" / name).write_text("{}")
        status = self._status if self._status < 128 else 128 - self._status  # as Popen has it
        self.running.append(types.SimpleNamespace(poll=lambda: status, returncode=status))


@pytest.mark.parametrize(
    "status, leaves, is_free",
    [
        (SettingsError.exit_status, ["settings.json"], True),  # what was trained is of no use
        (DataError.exit_status, [], True),
        (1, ["settings.json"], False),
        (128 + signal.SIGKILL, ["settings.json"], False),
    ],
)
def test_the_folder_is_free_for_the_corrected_command_unless_trained_in(
    tmp_path, monkeypatch, status, leaves, is_free
):
    wrong = searches.make(tmp_path / "search")
    monkeypatch.setattr(study, "Processes", lambda minutes: Failing(wrong, status, leaves))
    assert study.search(wrong, 1) == status
    assert (wrong.folder / "search.json").exists() != is_free
    if is_free:
        right = searches.make(tmp_path / "search", score="coverage")
        searches.begin(right)
        assert searches.states(right) == ["WAITING"] * 3


def test_a_search_that_has_a_score_stays(tmp_path, monkeypatch):
    search = searches.make(tmp_path / "search")
    searches.begin(search)
    searches.tell(search, {1: 0.5, 2: 0.4, 4: 0.3})
    failing = Failing(search, SettingsError.exit_status)
    monkeypatch.setattr(study, "Processes", lambda minutes: failing)
    assert study.search(search, 1) == 2
    assert (search.folder / "search.json").exists() and searches.states(search)[0] == "COMPLETE"


@pytest.mark.system
def test_the_corrected_command_is_taken_after_a_wrong_score(tmp_path, capfd):
    file = tmp_path / "data.npz"
    np.savez(file, images=tiny.images(120), labels=np.arange(120) % 3)
    common = {"trials": 1, "rungs": "off", "epochs": 1, "text": "latent_dim = int(2, 3)"}
    common |= {"dataset": str(file), "prior": "uniform"}
    wrong = searches.make(tmp_path / "search", score="mean_error", **common)
    assert study.search(wrong, 1) == SettingsError.exit_status
    assert "error: trial 0: --score=mean_error: expected" in capfd.readouterr().err
    right = searches.make(tmp_path / "search", score="coverage", **common)
    assert study.search(right, 1) == 0
    found = json.loads((right.folder / "results.json").read_text())
    assert found["score"] == "coverage" and found["best"] == 0


@pytest.mark.system
def test_a_search_of_before_there_were_studies_goes_on_and_its_best_command_can_be_pasted(
    empty_folder, capsys
):
    (empty_folder / "my.space").write_text("latent_dim = int(2, 3)")
    command = [
        "x",
        "--mode=search",
        "--experiment=gaussian",
        "--space=my.space",
        "--epochs=1",
        "--score=coverage",
        "--trials=1",
        "--halving=off",
        "--run_dir=my runs",
    ]
    # As a trial has left its folder that was trained to its end, with no study beside it.
    trial = empty_folder / "my runs" / "trials" / "0000"
    trial.mkdir(parents=True)
    (trial / "metrics.csv").write_text("step,epoch,validation/coverage\n10,1,0.5\n")
    settings = override(settings_of("gaussian"), {"epochs": 1})
    drawn = space.read(empty_folder / "my.space", settings)
    off = plan.parse_halving("off", 1)
    search = plan.search(settings, drawn, 1, "coverage", off, empty_folder / "elsewhere")
    described = json.dumps(search.described())
    (empty_folder / "my runs" / "search.json").write_text(described)
    assert main(command) == 0
    assert capsys.readouterr().out.rstrip().endswith(" --flagfile='my runs/best.flags'")
