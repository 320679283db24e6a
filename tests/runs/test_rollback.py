"""A run that diverges goes back to its epoch's start at lower rates, the same way after kills."""

import numpy as np
import pytest
import tiny

from aae_tf.errors import DivergedError
from aae_tf.runs import rollback
from aae_tf.runs import train as runs
from aae_tf.settings import override
from aae_tf.training import Trainer

pytestmark = pytest.mark.slow

# Of plain descent on a linear output: more than it bears, and less than five halvings from it.
DIVERGES = {
    "reconstruction_optimizer": "sgd",
    "reconstruction_momentum": 0.0,
    "output_activation": "linear",
    "steps_per_call": 4,
    "xla": False,
}


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "bars.npz"
    np.savez(file, images=tiny.images(160), labels=np.arange(160) % 3)
    chosen = tiny.settings(dataset=str(file), epochs=2, **DIVERGES)
    return override(chosen, {"on_nan": "rollback"})


def _at(settings, rate, **more):
    return override(settings, {"reconstruction_learning_rate": rate, **more})


def _rates(run):
    rows = [line.split(",") for line in run.folder.path.joinpath("metrics.csv").open()]
    return rows[1:]


@pytest.fixture
def nan_at(monkeypatch):
    """Has steps give NaN as long as the rates weren't lowered so often."""

    def choose(step, times):
        usual = Trainer.run_steps

        def run_steps(self, source, first_step, count):
            values = usual(self, source, first_step, count)
            rate = float(np.asarray(self.phases[0].optimizer.learning_rate))
            if first_step <= step < first_step + count and rate > 0.01 * 0.6**times:
                values = {key: series.copy() for key, series in values.items()}
                next(iter(values.values()))[step - first_step] = np.nan
            return values

        monkeypatch.setattr(Trainer, "run_steps", run_steps)

    return choose


@pytest.mark.parametrize("schedule", ["constant", "1:0.5"])
def test_a_run_goes_back_says_so_and_ends_alike_whenever_it_was_killed(
    settings, tmp_path, nan_at, caplog, monkeypatch, schedule
):
    caplog.set_level("INFO", "aae_tf")
    settings = _at(settings, 0.01, reconstruction_schedule=schedule)
    nan_at(step=15, times=2)
    whole = runs.train(settings, tmp_path / "whole", None)
    said = [line for line in caplog.messages if "; back to step" in line]
    assert len(said) == (2 if schedule == "constant" else 1)
    assert "of phase 'reconstruction' became nan at step 16; back to step 11, at 0.5 of" in said[0]
    assert len(_rates(whole)) == 2 and whole.folder.has_result

    class Killed(BaseException):
        pass

    def killed(self, error):
        usual(self, error)
        raise Killed

    # Killed when it has gone back, and resumed by calls of another length.
    usual = rollback.Rollback.go_back
    with monkeypatch.context() as patch:
        patch.setattr(rollback.Rollback, "go_back", killed)
        for _ in said:
            with pytest.raises(Killed):
                runs.train(settings, tmp_path / "killed", None)
    again = override(settings, {"steps_per_call": 3})
    resumed = runs.train(again, tmp_path / "killed", None)
    assert resumed.digest == whole.digest
    assert _rates(resumed) == _rates(whole)


def test_a_run_that_stopped_goes_on_with_the_flag_added(settings, tmp_path, nan_at):
    nan_at(step=15, times=1)
    stops = _at(settings, 0.01, on_nan="stop", checkpoint_minutes=1e-6)
    with pytest.raises(
        DivergedError, match=r"at step 16; the last good checkpoint is .*ckpt-1[1-5]"
    ):
        runs.train(stops, tmp_path / "run", None)
    assert runs.train(_at(settings, 0.01), tmp_path / "run", None).folder.has_result


def test_a_run_that_diverges_at_all_rates_stops(settings, tmp_path):
    with pytest.raises(DivergedError, match=r"phase 'reconstruction'.*lowered 5 times; the last"):
        runs.train(_at(settings, 1e9), tmp_path / "run", None)
