"""Workers are found in the environment; one worker alone asks nobody."""

import pytest
import tensorflow as tf

from aae_tf.errors import SettingsError, UserError
from aae_tf.training import workers
from aae_tf.training.workers import Workers

CLUSTER = '{"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:2"]}, "task": %s}'


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in ("TF_CONFIG", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)


def test_tf_config_names_the_workers_and_this_one(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", CLUSTER % '{"type": "worker", "index": 1}')
    found = workers._resolver()
    assert (found.task_type, found.task_id) == ("worker", 1)
    assert workers._tasks(found) == [("chief", 0), ("worker", 0), ("worker", 1)]


def test_slurm_names_the_workers_and_this_one(monkeypatch):
    for name, value in {
        "PROCID": 1,
        "STEP_NUM_TASKS": 4,
        "STEP_TASKS_PER_NODE": "2(x2)",
        "STEP_NODELIST": "n[7-8]",
    }.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    found = workers._resolver()
    addresses = found.cluster_spec().as_dict()["worker"]
    assert (found.task_type, found.task_id) == ("worker", 1)
    assert addresses == ["n7:12345", "n7:12346", "n8:12345", "n8:12346"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"cluster": {}}',
        CLUSTER % '{"type": "worker", "index": 2}',
        CLUSTER % '{"type": "ps", "index": 0}',
        CLUSTER % '{"type": "worker", "index": "first"}',
        '{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_what_describes_no_cluster_is_refused_in_a_line(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(SettingsError, match="--strategy=multi_worker: expected TF_CONFIG") as info:
        workers._resolver()
    assert "\n" not in str(info.value)


def test_one_worker_is_the_chief_and_asks_nobody():
    one = Workers(tf.distribute.get_strategy())
    assert (one.count, one.is_chief) == (1, True)
    assert one.all_of(7) == [7] and one.any_of(True) and not one.any_of(False)
    one.check_same_step("runs/a", 7)
    assert one.lost(tf.errors.UnavailableError(None, None, "gone")) is None


def test_workers_at_different_steps_are_named(monkeypatch):
    two = Workers(tf.distribute.get_strategy())
    monkeypatch.setattr(two, "all_of", lambda step: [step, 0])
    with pytest.raises(UserError, match="runs/a: the workers find checkpoints of steps 0, 30"):
        two.check_same_step("runs/a", 30)
