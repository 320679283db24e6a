"""--profile writes a trace of the steps that it names, and changes none of them."""

import signal

import numpy as np
import pytest
import tiny
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from aae_tf.errors import SettingsError
from aae_tf.runs.train import train
from aae_tf.settings import override
from aae_tf.training import Observer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("hang_ups")]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Of a run of two epochs of 6 steps."""
    file = tmp_path_factory.mktemp("data") / "bars.npz"
    np.savez(file, images=tiny.images(84), labels=np.arange(84) % 3)
    return tiny.settings(dataset=str(file), xla=False, epochs=2, steps_per_call=4)


def _steps(folder):
    """The numbers of the steps in each trace of a run's folder."""
    found = []
    for file in sorted(folder.glob("plugins/profile/*/*.xplane.pb")):
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
        numbers = set()
        for plane in space.planes:
            names = {key: each.name for key, each in plane.event_metadata.items()}
            stats = {key: each.name for key, each in plane.stat_metadata.items()}
            for event in (event for line in plane.lines for event in line.events):
                values = {stats[stat.metadata_id]: stat.int64_value for stat in event.stats}
                if names[event.metadata_id] == "train" and "step_num" in values:
                    numbers.add(values["step_num"])
        found.append(sorted(numbers))
    return found


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    return train(settings, tmp_path_factory.mktemp("runs") / "run", None, temporary=True).digest


@pytest.mark.parametrize("steps", [(3, 8), (0, 2), (11, 12)])
def test_the_steps_are_in_the_trace_one_by_one_and_end_with_the_same_bits(
    settings, undisturbed, tmp_path, steps
):
    outcome = train(settings, tmp_path / "run", None, temporary=True, profile=steps)
    assert _steps(tmp_path / "run") == [list(range(*steps))]
    assert outcome.digest == undisturbed


def test_a_run_that_stops_among_the_steps_writes_those_that_there_were(settings, tmp_path):
    class Stops(Observer):
        def after_call(self, report):
            if report.step == 5:
                signal.raise_signal(signal.SIGTERM)

    run = tmp_path / "run"
    stopped = train(settings, run, None, watch=lambda *_: Stops(), temporary=True, profile=(3, 8))
    assert stopped.status == 128 + signal.SIGTERM
    assert _steps(run) == [[3, 4]]
    with pytest.raises(SettingsError, match=r"^--profile=4,8: expected 5 or more as the first"):
        train(settings, run, None, temporary=True, profile=(4, 8))
    assert _steps(run) == [[3, 4]]


def test_a_resumed_run_has_a_trace_of_steps_to_come_alone(settings, tmp_path):
    first = train(override(settings, {"epochs": 1}), tmp_path, None, temporary=True)
    with pytest.raises(SettingsError, match=r"^--profile=3,8: expected 6 or more as the first"):
        train(settings, tmp_path, None, temporary=True, profile=(3, 8))
    second = train(settings, tmp_path, None, temporary=True, profile=(6, 8))
    assert _steps(tmp_path) == [[6, 7]]
    assert second.digest != first.digest


def test_steps_that_the_run_has_not_are_refused_before_anything_is_written(settings, tmp_path):
    with pytest.raises(SettingsError, match=r"^--profile=3,13: expected steps up to 12, the end"):
        train(settings, tmp_path / "run", None, temporary=True, profile=(3, 13))
    assert not (tmp_path / "run").exists()
