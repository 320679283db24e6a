"""--strategy=multi_worker: two processes of one cluster train as one process does."""

import json
import signal
import socket
import time

import numpy as np
import program
import pytest
import tensorflow as tf

FLAGS = (*program.SMALL, "--batch_size=100", "--precision=float64", "--export_dir=")
LABELS = ("--num_labels=30", "--labelled_batch_size=10", "--virtual_adversarial_weight=1")
EXPERIMENTS = {"gaussian": (), "semi_supervised": LABELS, "wae_mmd": (), "wae_gan": ()}


def _ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _start(place, *flags):
    """A cluster of two workers; the first one is the chief."""
    addresses = [f"127.0.0.1:{port}" for port in _ports(2)]
    configs = [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(2)
    ]
    flags = (*FLAGS, "--strategy=multi_worker", *flags)
    return [program.start(place, *flags, TF_CONFIG=config) for config in configs]


def _ended(workers):
    return [program.ended(worker) for worker in workers]


def _weights(run):
    reader = tf.train.load_checkpoint(str(run / "checkpoints"))
    names = [name for name in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in name]
    values = {name: np.asarray(reader.get_tensor(name)) for name in names}
    return {name: value for name, value in values.items() if value.dtype == np.float64}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_workers_end_with_the_weights_of_one_process(place, name):
    flags = (f"--experiment={name}", "--epochs=1", *EXPERIMENTS[name])
    workers = _start(place, *flags, f"--run_dir=workers_{name}")
    one = program.call(place, *FLAGS, *flags, "--noxla", f"--run_dir=alone_{name}")
    assert one.returncode == 0, one.stderr[-3000:]
    chief, other = _ended(workers)
    assert (chief.returncode, other.returncode) == (0, 0), chief.stderr[-3000:]
    assert "2 workers" in chief.stderr and "next:" in chief.stdout
    assert other.stdout == "" and "the chief evaluates and writes" in other.stderr
    together, alone = (_weights(place / f"{kind}_{name}") for kind in ("workers", "alone"))
    assert together.keys() == alone.keys() and len(alone) > 12
    for key, value in alone.items():
        np.testing.assert_allclose(together[key], value, rtol=0, atol=1e-9, err_msg=key)
    results = [
        program.read_json(place / f"{kind}_{name}", "result.json")["metrics"]
        for kind in ("workers", "alone")
    ]
    assert results[0] == pytest.approx(results[1], rel=1e-6)


def _await(sign, workers):
    deadline = time.monotonic() + 180
    while not sign(""):
        assert time.monotonic() < deadline, "the awaited sign never came"
        assert all(worker.poll() is None for worker in workers), "a worker has ended"
        time.sleep(0.05)


def test_after_a_worker_was_killed_the_same_commands_end_with_the_same_bits(place):
    flags = ("--experiment=gaussian", "--epochs=20", "--checkpoint_minutes=0.005")
    straight = _ended(_start(place, *flags, "--run_dir=workers_straight"))
    assert [done.returncode for done in straight] == [0, 0], straight[0].stderr[-3000:]

    run = place / "workers_killed"
    workers = _start(place, *flags, "--run_dir=workers_killed")
    _await(program.trained_beyond(run), workers)
    workers[1].kill()
    chief, other = _ended(workers)
    assert other.returncode == program.KILLED
    assert chief.returncode == 1, chief.stderr[-3000:]
    assert "another worker is gone" in program.error_lines(chief)[-1]
    assert not (run / "result.json").exists()

    workers = _start(place, *flags, "--run_dir=workers_killed")
    _await(program.trained_beyond(run, _newest(run)), workers)
    workers[1].send_signal(signal.SIGTERM)
    chief, other = _ended(workers)
    assert (chief.returncode, other.returncode) == (75, 143), chief.stderr[-3000:]
    assert "stopped; resume with:" in chief.stdout

    chief, other = _ended(_start(place, *flags, "--run_dir=workers_killed"))
    assert (chief.returncode, other.returncode) == (0, 0), chief.stderr[-3000:]
    assert "resumed at step" in chief.stderr
    assert program.state(run) == program.state(place / "workers_straight")
    leftovers = [path.name for path in run.rglob("*") if "tmp" in path.name or "temp" in path.name]
    assert leftovers == []


def _newest(run):
    paths = (run / "checkpoints").glob("ckpt-*.index")
    return max(int(path.stem.removeprefix("ckpt-")) for path in paths)


@pytest.mark.parametrize(
    ("flags", "config", "said"),
    [
        ((), "", "--strategy=multi_worker: expected TF_CONFIG as"),
        ((), '{"cluster": {"worker": []}}', "the environment has TF_CONFIG="),
        ((), "{", "expected TF_CONFIG as"),
        (("--seeds=0,1",), "", "--strategy=multi_worker: expected another for several runs"),
        (("--replicas=2",), "", "--replicas=2: expected 0 with --strategy=multi_worker"),
        (("--on_nan=rollback",), "", "--on_nan=rollback: expected stop"),
    ],
)
def test_what_is_no_cluster_is_refused_in_a_line(place, flags, config, said):
    flags = ("--experiment=gaussian", "--strategy=multi_worker", "--run_dir=unused", *flags)
    done = program.call(place, *FLAGS, *flags, TF_CONFIG=config)
    (line,) = program.error_lines(done)
    assert done.returncode == 2 and said in line
    assert not (place / "unused").exists()


def test_a_cluster_that_is_not_used_is_noted(place):
    config = '{"cluster": {"worker": ["a:1", "b:1"]}}'
    flags = ("--experiment=gaussian", "--epochs=1", "--noxla", "--run_dir=without_cluster")
    done = program.call(place, *FLAGS, *flags, TF_CONFIG=config)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "note: TF_CONFIG is set; without --strategy=multi_worker it isn't used" in done.stderr
